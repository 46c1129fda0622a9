"""Replies by the calendar, and to which tickets they were given, as they are stored."""

from datetime import datetime
from typing import Literal

from chorally_core.events.ids import derived
from chorally_core.ports.documents import Document

Condition = Literal["holiday", "exception", "outside_hours", "closed", "open", "always"]
CONDITIONS: dict[Condition, str] = {
    "holiday": "Closed on a public holiday or on a closed date of the calendar's own.",
    "exception": "Closed on a date with hours of its own.",
    "outside_hours": "Closed on an ordinary day.",
    "closed": "Closed, for whatever reason.",
    "open": "Open.",
    "always": "Open or closed.",
}
"""When replies hold, and what it means."""


class Reply(Document, frozen=True, kw_only=True):
    """One version of a reply; never changed."""

    kind = "calendar_reply"

    reply_id: str
    number: int
    """Counts its versions, from 1."""
    name: str
    condition: Condition
    calendar_id: str | None = None
    """The only calendar by which it is given; None for any."""
    language: str
    """Of the text that is given where there is none in the author's language."""
    texts: dict[str, str]
    """By language."""
    enabled: bool = True
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str


class Given(Document, frozen=True, kw_only=True):
    """The last reply by the calendar that a ticket was given."""

    kind = "calendar_reply_given"
    indexes = (("at",),)

    ticket_id: str
    message_id: str
    """The message that it answers."""
    event_id: str
    """The trigger that it was given for."""
    reply_id: str
    calendar_id: str
    at: datetime

    @staticmethod
    def id_of(tenant: str, ticket_id: str) -> str:
        """Return the id of what a ticket was given, whether there is anything or not."""
        return derived("calendar reply given", tenant, ticket_id)
