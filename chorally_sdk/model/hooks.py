"""Webhooks as they arrive, the keys to judge them by, and the verdict."""

from collections.abc import Mapping
from typing import Literal

from pydantic import AwareDatetime, SecretStr

from chorally_sdk.model.base import Json, Model, Secretive


class RawHook(Model):
    """A request of the platform, exactly as it came."""

    method: str
    path: str = ""
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    """Names in lower case."""
    body: bytes = b""
    received_at: AwareDatetime
    account: str | None = None
    """The account's ``external_id`` where the URL is the account's own."""


class Keys(Secretive):
    """What ``verify`` compares with: one or two live secrets by setting name, and key sets by URL."""

    secrets: Mapping[str, tuple[SecretStr, ...]] = {}
    jwks: Mapping[str, Json] = {}


class Verdict(Model):
    """What to do with a hook.

    ``accept``: archive it, then answer. ``handshake``: answer, keep nothing. ``reject``: answer, count it.
    ``stale_keys``: renew the key sets and ask once more.
    """

    kind: Literal["accept", "handshake", "reject", "stale_keys"]
    status: int = 200
    body: bytes = b""
    media_type: str = "text/plain"
    delivery_id: str | None = None
    """The platform's own id of this delivery, where it has one: a known one is answered and not read again."""
