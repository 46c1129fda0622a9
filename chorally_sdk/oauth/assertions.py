"""Assertions signed with a private key (RFC 7523), on authlib and joserfc."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from chorally_sdk.errors import Rejected

_LIFE_S = 300  # of an assertion; it is used at once


def signed_assertion(
    key: SecretStr,
    *,
    issuer: str,
    audience: str | Sequence[str],
    subject: str,
    algorithm: str,
    now: datetime,
    claims: Mapping[str, Any],
) -> str:
    """Return an assertion that holds for five minutes.

    Raises:
        Rejected: The key cannot be read, or does not fit the algorithm.
    """
    from authlib.oauth2.rfc7523.assertion import sign_jwt_bearer_assertion
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

    kinds: dict[str, Any] = {"RS": RSAKey, "PS": RSAKey, "ES": ECKey, "HS": OctKey, "Ed": OKPKey}
    kind = kinds.get(algorithm[:2])
    named = audience if isinstance(audience, str) else list(audience)
    if kind is None:
        raise Rejected(f"assertions cannot be signed with {algorithm!r}; use one of RS256, ES256, EdDSA")
    try:
        loaded = kind.import_key(key.get_secret_value())
        signed = sign_jwt_bearer_assertion(
            loaded, issuer, named, subject or None, issued_at=int(now.timestamp()), claims=dict(claims),
            alg=algorithm, expires_in=_LIFE_S,
        )  # fmt: skip
    except (ValueError, TypeError, JoseError) as error:
        why = f"the private key cannot be used with {algorithm} ({type(error).__name__}); check the app's settings"
        raise Rejected(why) from None
    return str(signed)
