"""Tests that stand beside rules: what happens, and what must come of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from chorally_core.events import Event, TriggerEvaluate, topics
from chorally_core.services.rule_engine.model import Person

TENANT = "file"
_TICKET = {
    "assignee": "assignee_id", "team": "team_id", "created_at": "created", "last_author_message_at": "author_at",
    "last_agent_message_at": "agent_at", "waiting_since": "waiting", "window_closes_at": "window",
    "snoozed_until": "snoozed",
}  # fmt: skip
"""What the log calls the fields of a ticket that are called otherwise in conditions."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class GivenMessage(_Part):
    """What was said; named as the fields of conditions are."""

    text: str = ""
    subject: str = ""
    platform: str = ""
    channel: str = ""
    account: str = ""
    kind: str | None = None
    post: str | None = None
    language: str | None = None
    rating: int | None = None
    attachments: list[str] = []
    custom: dict[str, Any] = {}
    first: bool = True
    edited: bool = False
    automatic: bool = False

    def told(self) -> dict[str, Any]:
        """Return what the log tells of it."""
        told = self.model_dump(exclude={"text", "account", "first", "automatic"}, exclude_defaults=True)
        return {
            "direction": "inbound", "body": self.text, "platform": self.platform, "channel": self.channel,
            "sequence": 1 if self.first else 2, **told,
        }  # fmt: skip


class GivenTicket(_Part):
    """The ticket as it is when the rules are judged."""

    number: int = 1
    status: str = "open"
    priority: str = "normal"
    assignee: str | None = None
    team: str | None = None
    tags: list[str] = []
    subject: str = ""
    language: str = ""
    messages: int = 1
    reopened: int = 0
    custom: dict[str, Any] = {}
    platform: str = ""
    channel: str = ""
    created_at: AwareDatetime | None = None
    last_author_message_at: AwareDatetime | None = None
    last_agent_message_at: AwareDatetime | None = None
    waiting_since: AwareDatetime | None = None
    window_closes_at: AwareDatetime | None = None
    snoozed_until: AwareDatetime | None = None

    def told(self) -> dict[str, Any]:
        """Return what the log tells of it."""
        told = {name: value for name, value in self if value not in (None, "", [], {}, 0)}
        instants = {name: value.timestamp() for name, value in told.items() if isinstance(value, datetime)}
        return {"version": 1, **{_TICKET.get(name, name): value for name, value in {**told, **instants}.items()}}


class GivenAuthor(_Part):
    """Who writes."""

    id: str = "author"
    name: str = ""
    handle: str = ""
    language: str = ""
    country: str = ""
    followers: int | None = None
    blocked: bool = False
    previous_tickets: int = 0
    tags: list[str] = []
    custom: dict[str, Any] = {}

    def known(self) -> Person:
        """Return what the engine knows of them."""
        more: dict[str, Any] = {"tags": tuple(self.tags), "custom": self.custom} if self.tags or self.custom else {}
        return Person(
            id=self.id, tenant=TENANT, author_version=1, name=self.name, handle=self.handle, language=self.language,
            country=self.country, followers=self.followers, blocked=self.blocked, tickets=self.previous_tickets, **more,
        )  # fmt: skip


class Given(_Part):
    """What happens in a test; what is left out is unknown, or as at the beginning of a ticket."""

    event: str | None = None
    """``message_received`` where there is a message, else ``ticket_changed``."""
    at: AwareDatetime = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    after: timedelta | None = None
    """Of an event that time brings."""
    message: GivenMessage | None = None
    ticket: GivenTicket = GivenTicket()
    author: GivenAuthor = GivenAuthor()
    changes: dict[str, Any] = {}
    """What of the ticket changes now, by its fields: ``status``, ``tags`` …"""
    was: dict[str, Any] = {}
    """What these were before."""
    actor: str = "author"

    def trigger(self) -> Event[TriggerEvaluate]:
        """Return what the engine is told."""
        ticket = self.ticket.told()
        for name, values in (("changes", self.changes), ("was", self.was)):
            if values:
                ticket[name] = {_TICKET.get(each, each): value for each, value in values.items()}
        message = self.message
        snapshot = ticket if message is None else {**message.told(), "ticket": ticket}
        if self.after is not None:
            snapshot["after_s"] = int(self.after.total_seconds())
        data = TriggerEvaluate(
            log_id="entry",
            kind=self.event or ("ticket_changed" if message is None else "message_received"),
            ticket_id="ticket",
            message_id=None if message is None else "message",
            author_id=self.author.id,
            account_id=(message.account if message else "") or None,
            snapshot=snapshot,
            automatic=bool(message and message.automatic),
            version=1,
            actor_kind=self.actor,  # type: ignore[arg-type]  # a name that is none meets no condition
            actor_id=self.author.id,
        )
        return Event(
            topic=topics.RULE_TRIGGERS, issuer="log-service", name="evaluate", data=data, id="event", tenant=TENANT,
            key=f"{TENANT}/{self.author.id}", occurred_at=self.at,
        )  # fmt: skip


class Expected(_Part):
    """What must come of it."""

    fires: list[str]
    """Names of the rules that fire, in their order."""
    actions: list[str] | None = None
    """Kinds of actions that are asked for, in their order; not looked at where left out."""


class Case(_Part):
    """One test."""

    name: str = Field(min_length=1)
    given: Given
    expected: Expected
