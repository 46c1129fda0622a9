"""An entry of the log."""

from datetime import datetime
from typing import Any

from chorally_core.events.records import ActorKind
from chorally_core.ports.documents import Document


class LogEntry(Document, frozen=True, kw_only=True):
    """One fact, as it was told."""

    kind = "log_entry"
    sparse = ("ticket_id",)
    indexes = (("id",),)
    followed = True

    what: str
    """What happened, in the past tense."""
    issuer: str
    at: datetime
    subject_type: str
    subject_id: str
    subject_version: int = 0
    ticket_id: str | None = None
    message_id: str | None = None
    author_id: str | None = None
    account_id: str | None = None
    actor_kind: ActorKind = "service"
    actor_id: str = ""
    snapshot: dict[str, Any] = {}
    caused_by: str = ""
    depth: int = 0
    backfilled: bool = False
    automatic: bool = False
