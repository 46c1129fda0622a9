"""Proofs by a shared secret: on raw bytes, in constant time, over all live secrets."""

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import SecretStr

from chorally_sdk.model.hooks import RawHook

Encoding = Literal["hex", "base64", "base64url"]
Digest = Literal["sha256", "sha1", "sha512"]

RECENT = timedelta(minutes=5)
"""How far a hook's own time may be from its arrival, before or after."""

_SECONDS = re.compile(r"\d{1,11}", re.ASCII)


def signed(
    body: bytes,
    got: str,
    secrets: Sequence[SecretStr],
    encoding: Encoding = "hex",
    *,
    prefix: str = "",
    digest: Digest = "sha256",
) -> bool:
    """Whether ``got`` is the HMAC of ``body`` under a live secret; an empty one never fits.

    Args:
        body: What was signed, byte for byte.
        got: The signature as it was sent.
        secrets: The live ones; each is tried, whichever fits.
        encoding: How it is written: hexadecimal in lower case, or base64; ``base64url`` may lack its padding.
        prefix: What stands before it, such as ``sha256=`` or ``v0=``; it is a part of the proof.
        digest: Hash function.
    """
    found = False
    sent = _bytes(got.rstrip("=") if encoding == "base64url" else got)
    for secret in secrets:
        if secret.get_secret_value():
            found |= hmac.compare_digest(_bytes(prefix) + _encoded(_mac(body, secret, digest), encoding), sent)
    return found


def signature(
    body: bytes, secret: SecretStr, encoding: Encoding = "hex", *, prefix: str = "", digest: Digest = "sha256"
) -> str:
    """Return the HMAC of ``body`` as ``signed`` expects it: for answers to challenges, and for sandboxes.

    Raises:
        ValueError: The secret is empty.
    """
    if not secret.get_secret_value():
        raise ValueError("an empty secret proves nothing; set one")
    return prefix + _encoded(_mac(body, secret, digest), encoding).decode()


def stamped(
    hook: RawHook,
    timestamp: str,
    got: str,
    secrets: Sequence[SecretStr],
    *,
    form: str = "{timestamp}.{body}",
    prefix: str = "",
    within: timedelta = RECENT,
) -> bool:
    """Whether a hook was signed together with its time, in hexadecimal, and that time is recent.

    Args:
        hook: Its body is what was signed, its arrival what its time is compared with.
        timestamp: As it was sent, in seconds since 1970.
        got: The signature as it was sent.
        secrets: The live ones.
        form: What was signed: Slack ``v0:{timestamp}:{body}``, TikTok and Stripe ``{timestamp}.{body}``.
        prefix: What stands before the signature, such as ``v0=``.
        within: Oldest, and furthest in the future, that counts as recent.
    """
    before, _, after = form.partition("{body}")
    message = b"".join((_filled(before, timestamp), hook.body, _filled(after, timestamp)))
    genuine = signed(message, got, secrets, prefix=prefix)
    return is_recent(timestamp, hook.received_at, within) and genuine


def is_recent(timestamp: str, received_at: datetime, within: timedelta = RECENT) -> bool:
    """Whether a time in seconds since 1970 is near a hook's arrival; anything else is not."""
    if not _SECONDS.fullmatch(timestamp):
        return False
    return abs(received_at.timestamp() - int(timestamp)) <= within.total_seconds()


def same(got: str, secrets: Sequence[SecretStr]) -> bool:
    """Whether ``got`` is one of the live secrets, in constant time; an empty secret never matches."""
    found = False
    sent = _bytes(got)
    for secret in secrets:
        want = secret.get_secret_value()
        found |= bool(want) and hmac.compare_digest(sent, _bytes(want))
    return found


def fields(header: str) -> Mapping[str, str]:
    """Read a header of the form ``t=1700000000,s=0a1b``; where a name comes twice, the first counts."""
    found: dict[str, str] = {}
    for part in header.split(","):
        name, is_pair, value = part.strip().partition("=")
        if is_pair:
            found.setdefault(name, value)
    return found


def _mac(body: bytes, secret: SecretStr, digest: Digest) -> bytes:
    return hmac.digest(_bytes(secret.get_secret_value()), body, digest)


def _encoded(mac: bytes, encoding: Encoding) -> bytes:
    if encoding == "hex":
        return mac.hex().encode()
    if encoding == "base64":
        return base64.b64encode(mac)
    return base64.urlsafe_b64encode(mac).rstrip(b"=")


def _filled(part: str, timestamp: str) -> bytes:
    return _bytes(part.replace("{timestamp}", timestamp))


def _bytes(text: str) -> bytes:
    """The text in UTF-8; half a surrogate pair, which JSON can carry, is no reason to fail."""
    return text.encode("utf-8", "surrogatepass")
