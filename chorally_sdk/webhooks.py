"""Helpers for ``Receives.verify``: constant time, on raw bytes, over all live secrets."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from pydantic import SecretStr

from chorally_sdk.model.hooks import Verdict


def signed(body: bytes, got: str, secrets: Sequence[SecretStr], encoding: Literal["hex", "base64"] = "hex") -> bool:
    """Whether ``got`` is the HMAC-SHA256 of ``body`` under a live secret, in constant time; an empty one never fits."""
    found = False
    for secret in secrets:
        if not secret.get_secret_value():
            continue
        digest = hmac.digest(_bytes(secret.get_secret_value()), body, hashlib.sha256)
        want = digest.hex().encode() if encoding == "hex" else base64.b64encode(digest)
        found |= hmac.compare_digest(want, _bytes(got))
    return found


def same(got: str, secrets: Sequence[SecretStr]) -> bool:
    """Whether ``got`` is one of the live secrets, in constant time; an empty secret never matches."""
    found = False
    for secret in secrets:
        want = secret.get_secret_value()
        found |= bool(want) and hmac.compare_digest(_bytes(got), _bytes(want))
    return found


def _bytes(text: str) -> bytes:
    """The text in UTF-8; half a surrogate pair, which JSON can carry, is no reason to fail."""
    return text.encode("utf-8", "surrogatepass")


@lru_cache(maxsize=256)
def accept(
    status: int = 200, body: bytes = b"", media_type: str = "text/plain", delivery_id: str | None = None
) -> Verdict:
    """Archive the hook, then answer."""
    return Verdict(kind="accept", status=status, body=body, media_type=media_type, delivery_id=delivery_id)


def handshake(body: bytes | str, media_type: str = "text/plain") -> Verdict:
    """Answer a platform that only tests the URL, and keep nothing."""
    return Verdict(kind="handshake", body=body if isinstance(body, bytes) else body.encode(), media_type=media_type)


@lru_cache(maxsize=64)
def reject(status: int = 401) -> Verdict:
    """Refuse a hook that did not prove where it comes from."""
    return Verdict(kind="reject", status=status)
