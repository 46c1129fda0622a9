"""The built-in issuer: signs access tokens (RFC 9068) for users of the embedded default."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt

from chorally_core.adapters.identity.key_set import KeySet
from chorally_core.ports.identity import Issued


class Issuer:
    """Makes access tokens; serves the ``Tokens`` port."""

    def __init__(
        self,
        keyring: KeySet,
        *,
        issuer: str,
        audience: str,
        clock: Callable[[], datetime],
        ids: Callable[[], str],
        life: timedelta = timedelta(hours=1),
    ) -> None:
        """Set what every token says.

        Args:
            keyring: Holds the key that signs.
            issuer: ``iss``: who this installation is.
            audience: ``aud``: whom the tokens are for.
            clock: Gives the time.
            ids: Gives ``jti``, a new one for each token.
            life: How long a token is good.
        """
        self._keyring = keyring
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._ids = ids
        self.life = life

    def issue(self, *, subject: str, tenant: str, name: str, roles: tuple[str, ...], generation: int) -> Issued:
        """Return a token for the user, good until its life ends or their generation is raised."""
        now = int(self._clock().timestamp())
        life_s = int(self.life.total_seconds())
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": subject,
            "tenant": tenant,
            "name": name,
            "roles": list(roles),
            "gen": generation,
            "iat": now,
            "nbf": now,
            "exp": now + life_s,
            "jti": self._ids(),
        }
        key = self._keyring.signing
        header = {"alg": "RS256", "kid": str(key.kid), "typ": "at+jwt"}
        return Issued(jwt.encode(header, claims, key, algorithms=["RS256"]), life_s)

    def jwks(self) -> dict[str, Any]:
        """Return the public keys that the tokens are verified with."""
        return self._keyring.public()
