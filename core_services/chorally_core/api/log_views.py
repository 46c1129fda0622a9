"""What goes out of the log API."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from chorally_core.services.log.model import LogEntry


class LogEntryView(BaseModel):
    """One fact of the history."""

    id: str = Field(title="Id", description="Id of the entry; begins with the time of what happened.")
    what: str = Field(title="What", description="What happened, in the past tense, such as `message_received`.")
    at: datetime = Field(title="At", description="When it happened.")
    issuer: str = Field(title="Issuer", description="The service that tells it.")
    subject_type: str = Field(title="Subject type", description="Kind of what changed, such as `ticket`.")
    subject_id: str = Field(title="Subject", description="Id of what changed.")
    subject_version: int = Field(title="Version", description="Version of the subject after the change.")
    ticket_id: str | None = Field(title="Ticket", description="Ticket that it belongs to.")
    message_id: str | None = Field(title="Message", description="Message that it is about.")
    author_id: str | None = Field(title="Author", description="Person that it is about.")
    account_id: str | None = Field(title="Account", description="Account that it came through.")
    actor_kind: str = Field(title="Actor's kind", description="`author`, `agent`, `rule`, `service` or `platform`.")
    actor_id: str = Field(title="Actor", description="Who did it.")
    snapshot: dict[str, Any] = Field(title="Snapshot", description="What the subject was after it, in short.")
    caused_by: str = Field(title="Cause", description="Id of the event or request that led to it.")
    depth: int = Field(title="Depth", description="Rules between the outside world and it.")
    backfilled: bool = Field(title="Back-filled", description="Whether it is imported history.")
    automatic: bool = Field(title="Automatic", description="Whether a machine wrote the message.")

    @classmethod
    def of(cls, entry: LogEntry) -> "LogEntryView":
        """Return what is seen of an entry."""
        return cls.model_validate({name: getattr(entry, name) for name in cls.model_fields})
