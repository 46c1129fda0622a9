"""Webhooks: what was subscribed to, how they arrive, the keys to judge them by, and the verdict."""

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
    """One live secret, or two while one replaces the other; ``subscription`` is the one the host made itself."""
    jwks: Mapping[str, Json] = {}
    """JSON Web Key Sets, by the URL that ``Hooks.jwks`` names; one that was never read is absent."""


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


class Subscription(Model):
    """What the platform holds so as to call the host; a lease where it has an end."""

    external_id: str
    """The platform's own; accounts whose subscriptions have the same one share it, and the last leaver ends it."""
    expires_at: AwareDatetime | None = None
    data: Json = {}
    """What the connector needs to renew or end it."""
