"""Keys that verify tokens: where they come from, and which are taken."""

import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

ALGORITHMS = ("RS256", "ES256")
"""The algorithms that a token may be signed with; never ``none``, never one with a shared secret."""

VerifyingKey = RSAKey | ECKey

_LEAST_RSA_BITS = 2048
_TYPES: Mapping[str, type[RSAKey] | type[ECKey]] = {"RSA": RSAKey, "EC": ECKey}


class KeySource(Protocol):
    """Knows the keys of an issuer."""

    revision: int
    """Goes up whenever a key is withdrawn: what was verified before is verified again."""

    async def key(self, kid: str) -> VerifyingKey | None:
        """Return the key of that id; None where the issuer has no such key.

        Raises:
            IdentityUnavailable: It cannot be told at the moment.
        """


def usable(documents: Iterable[Any]) -> dict[str, VerifyingKey]:
    """Return, by id, those of a key set's keys that sign with an algorithm we take; others are passed over."""
    found: dict[str, VerifyingKey] = {}
    for document in documents:
        key = _imported(document) if isinstance(document, Mapping) else None
        if key is not None and key.kid:
            found[key.kid] = key
    return found


def _imported(document: Mapping[str, Any]) -> VerifyingKey | None:
    of = _TYPES.get(str(document.get("kty")))
    if of is None or document.get("use", "sig") != "sig" or not isinstance(document.get("kid"), str):
        return None
    try:
        with warnings.catch_warnings(action="ignore"):
            key = of.import_key(dict(document))
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, RSAKey):
        fits = key.alg in (None, "RS256") and key.raw_value.key_size >= _LEAST_RSA_BITS
    else:
        fits = key.alg in (None, "ES256") and key.curve_name == "P-256"
    return key if fits else None
