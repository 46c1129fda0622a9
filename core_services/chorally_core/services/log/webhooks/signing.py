"""Signs what is sent as Standard Webhooks 1.0.0 describe it: any library for them verifies it.

See https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (read 2026-11-23).
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from chorally_core.ports.secrets import Vault

PREFIX = "whsec_"
_BYTES = 32


class Secret(msgspec.Struct, frozen=True):
    """What signs."""

    text: str
    """``whsec_`` and the bytes in base64."""
    until: datetime | None = None
    """When it signs no more; None while it is the newest."""


def new_secret(random: Callable[[int], bytes]) -> Secret:
    """Return a secret of 32 bytes."""
    return Secret(f"{PREFIX}{b64encode(random(_BYTES)).decode()}")


def sealed(vault: Vault, secrets: Iterable[Secret]) -> str:
    """Return secrets as they are stored."""
    return vault.seal(msgspec.to_builtins(tuple(secrets)))


def opened(vault: Vault, stored: str, at: datetime) -> tuple[Secret, ...]:
    """Return those that sign at a time, the newest first."""
    found: Any = msgspec.convert(vault.open(stored), tuple[Secret, ...])
    return tuple(secret for secret in found if secret.until is None or secret.until > at)


def rotated(known: Iterable[Secret], new: Secret, until: datetime) -> tuple[Secret, ...]:
    """Return the secrets after a change: the new one, and for a while the one before it."""
    return (new, *(msgspec.structs.replace(secret, until=until) for secret in known if secret.until is None))


def signed(secrets: Iterable[Secret], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers of a call: its id, its time, and a signature by each secret."""
    seconds = str(int(at.timestamp()))
    content = f"{message_id}.{seconds}.".encode() + body
    signatures = [
        b64encode(hmac.new(b64decode(secret.text.removeprefix(PREFIX)), content, sha256).digest()).decode()
        for secret in secrets
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
