"""Key sets of a platform that proves its webhooks by JSON Web Tokens: made here, published, replaced and forged."""

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal

from joserfc import jwt
from joserfc.jwk import RSAKey

from chorally_sdk.model.hooks import Keys

TokenKey = Literal["known", "forged", "secret"]
"""Who signs a token: a key of the set; another one under its name; or the public key itself, used as a secret."""
_LIFE = timedelta(hours=1)


class KeySet:
    """A platform's signing keys, of which the newest signs.

    A twin publishes ``jwks()`` by a route that is open, puts ``headers(…)`` into its hooks, gives ``keys()`` as its
    lever, and has the levers ``by_token`` and ``rotate_keys`` call ``headers`` and ``rotate``.
    """

    def __init__(self, url: str, now: Callable[[], datetime], *, issuer: str, audience: str, **claims: Any) -> None:
        """Make a set of one key.

        Args:
            url: Where it is published; one of the manifest's ``Hooks.jwks``.
            now: The clock.
            issuer: Who makes the tokens.
            audience: For whom they are made.
            claims: What every token says besides.
        """
        self.url = url
        self._now = now
        self._said = {"iss": issuer, "aud": audience, **claims}
        self._newest = 0

    def rotate(self) -> None:
        """Sign with a new key from now on; the old one stays published."""
        self._newest += 1

    def jwks(self) -> dict[str, Any]:
        """Return the public keys, as they are published (RFC 7517)."""
        return {"keys": [_key(number).as_dict(private=False) for number in range(self._newest + 1)]}

    def keys(self, **secrets: Any) -> Keys:
        """Return what hooks are judged by: this set, and the secrets by their setting's name."""
        return Keys(secrets=secrets, jwks={self.url: self.jwks()})

    def token(self, claims: Mapping[str, Any] | None = None, *, key: TokenKey = "known") -> str:
        """Return a token for an hour; ``claims`` replace its own, None leaves one out."""
        at = int(self._now().timestamp())
        times = {"iat": at, "nbf": at, "exp": at + int(_LIFE.total_seconds())}
        said = {name: value for name, value in {**self._said, **times, **(claims or {})}.items() if value is not None}
        kid = _key(self._newest).kid
        if key == "secret":
            return _by_public_key({"alg": "HS256", "kid": kid}, said, _key(self._newest).as_pem(private=False))
        signing = _key(-1 if key == "forged" else self._newest)
        return jwt.encode({"alg": "RS256", "kid": kid}, said, signing, algorithms=["RS256"])

    def headers(self, claims: Mapping[str, Any] | None = None, *, key: TokenKey = "known") -> dict[str, str]:
        """Return the header that carries a token."""
        return {"authorization": f"Bearer {self.token(claims, key=key)}"}


@cache
def _key(number: int) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": f"sandbox-{number}", "use": "sig"})


def _by_public_key(head: Mapping[str, Any], said: Mapping[str, Any], public: bytes) -> str:
    """A token that a verifier accepts which lets the token say how it is signed; no library makes such."""
    words = b".".join(_written(json.dumps(part).encode()) for part in (head, said))
    return b".".join((words, _written(hmac.digest(public, words, "sha256")))).decode()


def _written(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
