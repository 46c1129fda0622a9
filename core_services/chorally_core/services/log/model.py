"""An entry of the log, and one of the audit."""

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


class AuditEntry(Document, frozen=True, kw_only=True):
    """What an administrator changed, and what it was before; under the id of the log's entry."""

    kind = "audit_entry"
    indexes = (("id",), ("actor_id", "id"), ("subject_id", "id"))

    what: str
    at: datetime
    subject_type: str
    subject_id: str
    subject_version: int = 0
    subject_name: str = ""
    actor_kind: ActorKind = "service"
    actor_id: str = ""
    address: str = ""
    token_id: str = ""
    was: dict[str, Any] = {}
    changes: dict[str, Any] = {}
