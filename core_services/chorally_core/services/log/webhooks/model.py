"""What is kept of webhooks besides themselves: how far they have been told, each delivery, how they fare."""

from datetime import datetime
from typing import Literal

import msgspec

from chorally_core.ports.documents import Document

DeliveryState = Literal["waiting", "delivered", "failed"]

KEPT_TRIES = 10


class Tried(msgspec.Struct, frozen=True, omit_defaults=True):
    """One attempt."""

    at: datetime
    duration_ms: int
    status: int = 0
    """Of the answer; 0 where there was none."""
    error: str = ""
    excerpt: str = ""
    """The beginning of the answer."""


class WebhookDelivery(Document, frozen=True, kw_only=True):
    """One entry of the history for one webhook; what is sent is read from the entry each time."""

    kind = "webhook_delivery"
    sparse = ("author_id", "ticket_id")
    indexes = (("webhook_id", "place"), ("webhook_id", "state", "place"), ("created_at",))

    webhook_id: str
    log_id: str
    what: str
    order_key: str
    """Deliveries of one key reach a webhook in their order."""
    place: int
    """Grows in the order in which deliveries of a tenant were queued."""
    state: DeliveryState = "waiting"
    due_at: datetime
    """When it is tried next; in the future while it is being tried."""
    created_at: datetime
    begun_at: datetime
    """When it was queued last: it is given up after a time."""
    attempts: int = 0
    """Since it was queued last."""
    tries: tuple[Tried, ...] = ()
    """The last ones."""
    delivered_at: datetime | None = None
    replay: str = ""
    """The replay that queued it last."""
    ticket_id: str | None = None
    author_id: str | None = None


class WebhookFeed(Document, frozen=True, kw_only=True):
    """How far a tenant's history was queued for its webhooks; under the tenant's id."""

    kind = "webhook_feed"

    read: str = ""
    """The last entry that was looked at; empty before the first."""
    count: int = 0
    """Deliveries that were queued."""


class WebhookHealth(Document, frozen=True, kw_only=True):
    """How a webhook fares; under its id."""

    kind = "webhook_health"

    failures: int = 0
    """Attempts that failed since one went well."""
    failing_since: datetime | None = None
    held_until: datetime | None = None
    """Until then nothing is sent, and then one delivery to see."""
    succeeded_at: datetime | None = None
    """About when an attempt last went well."""


class WebhookReplay(Document, frozen=True, kw_only=True):
    """A part of the history that is queued again for a webhook."""

    kind = "webhook_replay"
    sparse = ("open",)
    indexes = (("webhook_id",), ("created_at",))

    webhook_id: str
    since: datetime
    until: datetime
    read: str = ""
    """The last entry that was looked at."""
    count: int = 0
    """Deliveries that were queued so far."""
    open: bool | None = True
    """None once it is done."""
    created_at: datetime
    created_by: str
