"""Signed webhooks of a tenant: who is told of what happens. Rules name them, the log service serves them."""

from datetime import datetime

from chorally_core.events.ids import derived
from chorally_core.ports.documents import Document

CALLED = "webhook_called"
"""The fact by which somebody has one webhook called, named as its subject; its patterns do not matter."""


class Webhook(Document, frozen=True, kw_only=True):
    """Where a tenant wants to be told of what happens."""

    kind = "webhook"
    indexes = (("enabled",),)

    url: str
    description: str = ""
    events: tuple[str, ...] = ()
    """Kinds of facts: whole, or beginnings that end with ``*``; with none it is called by rules only."""
    enabled: bool = True
    disabled_why: str = ""
    """Why it was disabled by itself; empty where a person did so."""
    sealed: str
    """Its secrets, the newest first."""
    since: datetime
    """When it was enabled: what happened before is not told."""
    created_at: datetime
    created_by: str
    changed_at: datetime


def delivery_id(webhook_id: str, entry_id: str) -> str:
    """Return the id of the delivery of one entry of the history to one webhook, at every attempt the same."""
    return derived("webhook-delivery", webhook_id, entry_id)
