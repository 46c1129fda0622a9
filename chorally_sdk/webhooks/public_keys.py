"""Proofs by a platform's key pair: Ed25519 signatures, and JSON Web Tokens by published key sets."""

import binascii
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pydantic_core
from pydantic import SecretStr

from chorally_sdk.model.base import Json
from chorally_sdk.model.hooks import Keys, RawHook, Verdict
from chorally_sdk.webhooks.verdicts import reject, stale_keys

LEEWAY = timedelta(minutes=5)
"""How far clocks may differ."""

_MAX_TOKEN = 16 * 1024  # characters; a longer one is nobody's


def signed_by(message: bytes, got: str, public_keys: Sequence[SecretStr]) -> bool:
    """Whether ``got`` is the Ed25519 signature of a message by one of the keys; nothing odd makes it fail.

    Args:
        message: What was signed; at Discord the timestamp's bytes, then the body's.
        got: The signature in hexadecimal.
        public_keys: In hexadecimal, as platforms show them; those that are none are passed over.
    """
    from cryptography.exceptions import InvalidSignature  # takes long to import, and few connectors need it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        signature = binascii.unhexlify(got)
    except ValueError:
        return False
    for key in public_keys:
        try:
            raw = binascii.unhexlify(key.get_secret_value())
            Ed25519PublicKey.from_public_bytes(raw).verify(signature, message)
        except (ValueError, InvalidSignature):
            continue
        return True
    return False


def claims(
    hook: RawHook,
    keys: Keys,
    issuer: str | Sequence[str],
    audience: str | Sequence[str],
    *,
    algorithms: Sequence[str] = ("RS256",),
    key_set: str | None = None,
    leeway: timedelta = LEEWAY,
) -> Json | Verdict:
    """Return the claims of the hook's bearer token (RFC 7519), or the verdict that refuses it.

    The verdict is ``stale_keys`` where the token names a key that no set has. The body is proven only as far as
    whoever can make such tokens is trusted: a token says nothing about it.

    Args:
        hook: With the header ``Authorization: Bearer …``; the token's times are compared with its arrival.
        keys: With the key sets of ``Hooks.jwks``.
        issuer: Who may have made the token, one or several names; an exact one must be in it.
        audience: For whom it may be made; one of the token's must be among them.
        algorithms: That may have signed it; only those of key pairs make sense.
        key_set: URL of the set that counts; all of them where None.
        leeway: How far the clocks may differ.

    Raises:
        ValueError: The issuer or the audience is empty, which would let everybody in.
    """
    issuers, audiences = _names(issuer), _names(audience)
    if not all((*issuers, *audiences)) or not (issuers and audiences):
        raise ValueError("say who makes the tokens and for whom; an empty name would let everybody in")
    scheme, _, token = hook.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token or len(token) > _MAX_TOKEN or not token.isascii():
        return reject()
    sets = keys.jwks.values() if key_set is None else [keys.jwks.get(key_set, {})]
    told = _decoded(token.strip(), list(_keys(sets)), algorithms)
    if isinstance(told, Verdict):
        return told
    at, apart = hook.received_at.timestamp(), leeway.total_seconds()
    ends, begins, made = (_time(told.get(name, default)) for name, default in (("exp", None), ("nbf", at), ("iat", at)))
    if ends is None or begins is None or made is None or not ends + apart > at >= max(begins, made) - apart:
        return reject()
    ours = told.get("iss") in issuers and not set(audiences).isdisjoint(_names(told.get("aud")))
    return told if ours else reject()


def _decoded(token: str, known: list[Mapping[str, Any]], algorithms: Sequence[str]) -> dict[str, Any] | Verdict:
    from joserfc import jwt  # takes long to import, and few connectors need it
    from joserfc.errors import JoseError
    from joserfc.jwk import JWKRegistry

    try:
        head = pydantic_core.from_json(_part(token))
    except ValueError:
        return reject()
    if not isinstance(head, dict) or head.get("alg") not in algorithms or not isinstance(head.get("kid"), str):
        return reject()
    named = [key for key in known if key.get("kid") == head["kid"] and key.get("kty") in ("RSA", "EC", "OKP")]
    if not named:
        return stale_keys()
    for key in named:
        try:
            return jwt.decode(token, JWKRegistry.import_key(dict(key)), algorithms=list(algorithms)).claims
        except (JoseError, ValueError, TypeError):
            continue
    return reject()


def _part(token: str) -> bytes:
    head = token.partition(".")[0]
    return binascii.a2b_base64(head.translate(_URL_SAFE) + "=" * (-len(head) % 4))


_URL_SAFE = str.maketrans("-_", "+/")


def _keys(sets: Any) -> Iterator[Mapping[str, Any]]:
    for each in sets:
        listed = each.get("keys")
        yield from (key for key in listed if isinstance(key, Mapping)) if isinstance(listed, Sequence) else ()


def _time(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, Sequence) else ()
