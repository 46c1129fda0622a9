"""Messages, tickets and blocks as they are stored; what they know about themselves is here."""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

import msgspec

from chorally_core.events import Event, MessageAdd
from chorally_core.events.ids import derived, timed
from chorally_core.events.records import Attached, Templated
from chorally_core.ports.documents import Document
from chorally_core.services.message.beside import Approval, Block, Earlier, Early

__all__ = ["SPLIT", "Approval", "Block", "Earlier", "Early", "Message", "Priority", "Status", "Ticket"]

Status = Literal["open", "waiting", "resolved"]
Priority = Literal["low", "normal", "high", "urgent"]

SPLIT = "#"
"""Stands between a conversation and the ticket that was split off from its own, which no other message comes to."""

_REMEMBERED = 16  # events a ticket remembers to have been brought up to date by
_VERSIONS = 20  # earlier texts kept of an edited message
_SUBJECT = 120  # characters of the first message that become the subject

_RANK = {
    "awaiting_approval": -1,
    "rejected": -1,
    "withdrawn": -1,
    "queued": 0,
    "sending": 1,
    "unconfirmed": 2,
    "failed": 2,
    "sent": 3,
    "delivered": 4,
    "read": 5,
}


class Message(Document, frozen=True, kw_only=True):
    """One thing said, to us or by us."""

    kind = "message"
    sparse = ("ticket_id",)

    ticket_id: str | None
    sequence: int = 0
    """Its place in the ticket, from 1."""
    event_id: str
    """The event that added it."""
    account_id: str
    platform: str
    channel: str
    direction: str
    visibility: Literal["public", "internal"] = "public"
    content: str = "text"
    """What it is: ``text``, ``review``, ``mail`` …"""
    author_id: str | None = None
    author_name: str = ""
    sender_kind: str = "author"
    sender_id: str = ""
    origin: str = "platform"
    body: str = ""
    subject: str = ""
    language: str = ""
    attachments: tuple[Attached, ...] = ()
    template: Templated | None = None
    """The approved text that went out in place of one of our own."""
    options: dict[str, Any] = {}
    """What the channel was given besides."""
    custom_fields: dict[str, Any] = {}
    """What people noted of it, in fields of the tenant's own."""
    rating: int | None = None
    external_id: str | None = None
    external_parent_id: str | None = None
    external_conversation_id: str | None = None
    external_url: str | None = None
    external_created_at: datetime | None = None
    received_at: datetime
    status: str = "received"
    error: str = ""
    attempts: int = 0
    in_reply_to: str | None = None
    """Id of the message that it answers."""
    route: str = ""
    extra: dict[str, Any] = {}
    edited_at: datetime | None = None
    edit_told_at: datetime | None = None
    """The platform's own time of the edit; None where it told none, so that ``edited_at`` is when it was seen."""
    previous_versions: tuple[Earlier, ...] = ()
    deleted_at: datetime | None = None
    last_deleted_at: datetime | None = None
    """When what stood here before was deleted, where it was written anew under the same id since."""
    hidden: bool = False
    marked_at: datetime | None = None
    """When the platform hid it, or showed it again."""
    automatic: bool = False
    backfilled: bool = False
    opens_to: str = ""
    """The platform's id of the person, where it is the first message of a conversation that we began."""
    approval: Approval | None = None
    """What became of the question whether it may go out; None where nobody had to be asked."""
    traceparent: str = ""
    """Trace that it came with, which answers to it continue; empty where it was not traced."""

    @classmethod
    def received(cls, event: Event[MessageAdd], ticket_id: str | None, sequence: int) -> "Message":
        """Return the message that came in, or the echo of one that we wrote elsewhere."""
        d = event.data
        inbound = d.direction == "inbound"
        return cls(
            id=d.id, tenant=event.tenant, ticket_id=ticket_id, sequence=sequence, event_id=event.id,
            account_id=d.account_id, platform=d.platform, channel=d.channel, direction=d.direction, content=d.kind,
            author_id=d.author_id, author_name=d.author_name, sender_kind="author" if inbound else "platform",
            sender_id=d.author_id or "", origin=d.origin, body=d.body, subject=d.subject, language=d.language,
            attachments=d.attachments, rating=d.rating, external_id=d.external_id,
            external_parent_id=d.external_parent_id, external_conversation_id=d.external_conversation_id,
            external_url=d.external_url,
            external_created_at=d.external_created_at, received_at=d.received_at,
            status="received" if inbound else "sent", in_reply_to=d.parent_message_id, route=d.route, extra=d.extra,
            edited_at=d.edited_at, edit_told_at=d.edited_at, automatic=d.automatic, backfilled=d.backfilled,
            traceparent=event.traceparent,
        )  # fmt: skip

    def placed_as(self, other: "Message") -> "Message":
        """Return the message in the place that another has; itself where that is its own."""
        if (self.ticket_id, self.sequence) == (other.ticket_id, other.sequence):
            return self
        return msgspec.structs.replace(self, ticket_id=other.ticket_id, sequence=other.sequence)

    def says_the_same(self, data: MessageAdd) -> bool:
        """Whether what came again is what is known."""
        return (
            self.body == data.body
            and self.rating == data.rating
            and [_lasting(a) for a in self.attachments] == [_lasting(a) for a in data.attachments]
        )

    def outdates(self, data: MessageAdd) -> bool:
        """Whether what came again is older than what is known, as far as that can be told.

        Platforms repeat and reorder, and a listing may show an edit before its webhook and without its time. So
        times are compared only with those that the platform told. What has none is old if the platform has told of
        an edit, or if an edit replaced that text before.
        """
        if self.last_deleted_at is not None and data.external_created_at <= self.last_deleted_at:
            return True
        if data.edited_at is not None:
            return self.edit_told_at is not None and data.edited_at < self.edit_told_at
        if self.edit_told_at is not None:
            return True
        return data.body != self.body and any(data.body == earlier.body for earlier in self.previous_versions)

    def edited(self, data: MessageAdd, at: datetime) -> "Message":
        """Return the message with its new text; the earlier one is kept beside it."""
        earlier = (*self.previous_versions, Earlier(self.body, at))[-_VERSIONS:]
        return msgspec.structs.replace(
            self, body=data.body, rating=data.rating, attachments=data.attachments, edited_at=data.edited_at or at,
            edit_told_at=data.edited_at, previous_versions=earlier, extra=data.extra, route=data.route or self.route,
        )  # fmt: skip

    def rewritten(self, body: str, at: datetime) -> "Message":
        """Return our message with the text that it was edited to; the earlier one is kept beside it."""
        earlier = (*self.previous_versions, Earlier(self.body, at))[-_VERSIONS:]
        return msgspec.structs.replace(self, body=body, edited_at=at, previous_versions=earlier)

    def is_written_anew(self, data: MessageAdd) -> bool:
        """Whether what was deleted is there again, under the same id: platforms with one answer to a review do so."""
        return self.deleted_at is not None and data.external_created_at > self.deleted_at

    def written_anew(self, data: MessageAdd) -> "Message":
        """Return what was deleted as it was written anew."""
        return msgspec.structs.replace(
            self, body=data.body, subject=data.subject, rating=data.rating, attachments=data.attachments,
            extra=data.extra, route=data.route or self.route, external_created_at=data.external_created_at,
            edited_at=data.edited_at, edit_told_at=data.edited_at, deleted_at=None, last_deleted_at=self.deleted_at,
        )  # fmt: skip

    def taken_back(self, at: datetime) -> "Message":
        """Return the record of a message that was deleted, without what it said."""
        return msgspec.structs.replace(
            self,
            deleted_at=at,
            body="",
            subject="",
            attachments=(),
            previous_versions=(),
            extra={},
            template=None,
            options={},
        )

    def may_become(self, status: str) -> bool:
        """Whether a state may follow the present one: delivery states only go forward."""
        if self.status == status:
            return False
        if self.status == "unconfirmed":
            return status in ("sent", "delivered", "read", "failed", "queued")
        if self.status == "failed":
            return status in ("queued", "sent", "delivered", "read")
        return _RANK.get(status, 0) > _RANK.get(self.status, 0)

    def snapshot(self) -> dict[str, Any]:
        """Return what a reader of the log needs to know."""
        return {
            "channel": self.channel,
            "direction": self.direction,
            "status": self.status,
            "author": self.author_name,
        }


def _lasting(attached: Attached) -> tuple[str, str | None, str | None]:
    """What tells attachments apart although their links expire."""
    return attached.kind, attached.external_id or (None if attached.url is None else attached.url.split("?")[0]), None


@lru_cache(maxsize=50_000)
def _open_key(tenant: str, account_id: str, conversation_key: str) -> str:
    return derived("open", tenant, account_id, conversation_key)


class Ticket(Document, frozen=True, kw_only=True):
    """The unit of work: what an author and we say to each other until it is resolved."""

    kind = "ticket"
    unique = ("open_key",)
    sparse = ("snoozed_until", "author_id")
    indexes = (("updated_at",), ("status", "updated_at"), ("number",))
    numbered = "number"

    number: int
    account_id: str
    platform: str
    channel: str
    author_id: str | None = None
    author_name: str = ""
    conversation_key: str
    open_key: str | None = None
    """Held by at most one unresolved ticket; None once resolved."""
    subject: str = ""
    status: Status = "open"
    snoozed_until: datetime | None = None
    priority: Priority = "normal"
    assignee_id: str | None = None
    team_id: str | None = None
    tags: tuple[str, ...] = ()
    custom_fields: dict[str, Any] = {}
    language: str = ""
    created_at: datetime
    updated_at: datetime
    first_response_at: datetime | None = None
    last_author_message_at: datetime | None = None
    last_agent_message_at: datetime | None = None
    waiting_since: datetime | None = None
    """Since when the author waits for an answer."""
    resolved_at: datetime | None = None
    reopened_count: int = 0
    message_count: int = 0
    unread_count: int = 0
    reply_window_expires_at: datetime | None = None
    source_post_id: str | None = None
    last_inbound_id: str | None = None
    """The message that an answer answers unless it names another."""
    created_by: str = "author"
    merged_into: str | None = None
    """The ticket that goes on for it."""
    merged: tuple[str, ...] = ()
    """Tickets that it goes on for, with those that they went on for; their messages are listed with its own."""
    merged_messages: int = 0
    """What those have, less what was split off from its own: with ``message_count`` the messages that are its now."""
    once_in: tuple[str, ...] = ()
    """Tickets that it was merged into for a while, which may have kept messages of its author."""
    split_from: str | None = None
    split_into: tuple[str, ...] = ()
    """Tickets that messages of this one, or of one merged into it, were split off into."""
    moving: tuple[str, ...] = ()
    """What is being split off: tickets and messages."""
    applied: tuple[str, ...] = ()
    """The last messages that it counts, by the events that added them."""
    changed_by: tuple[str, ...] = ()
    """The last events that changed it otherwise."""
    decided_version: int = 0
    """Version in which one of the fields that people and rules change was changed last.

    What was judged before it is overtaken; messages that only add to the ticket overtake nothing.
    """

    @staticmethod
    def key_of(tenant: str, account_id: str, conversation_key: str) -> str:
        """Return the key that only one unresolved ticket of a conversation holds."""
        return _open_key(tenant, account_id, conversation_key)

    @classmethod
    def opened_by(cls, event: Event[MessageAdd], number: int, created_by: str = "author") -> "Ticket":
        """Return the ticket that a first message opens."""
        d = event.data
        return cls(
            id=timed(event.occurred_at, "ticket", event.id), tenant=event.tenant, number=number,
            account_id=d.account_id, platform=d.platform, channel=d.channel, author_id=d.author_id,
            author_name=d.author_name, conversation_key=d.conversation_key,
            open_key=cls.key_of(event.tenant, d.account_id, d.conversation_key),
            subject=d.subject[:_SUBJECT] or d.body[:_SUBJECT], language=d.language, created_at=d.received_at,
            updated_at=d.received_at, source_post_id=d.external_conversation_id or None, created_by=created_by,
        )  # fmt: skip

    @property
    def all_messages(self) -> int:
        """How many messages are its own or of tickets that were merged into it."""
        return self.message_count + self.merged_messages

    def has_seen(self, event_id: str) -> bool:
        """Whether the ticket was already brought up to date by this event, as far as it remembers."""
        return event_id in self.applied or event_id in self.changed_by

    def lacks(self, message: Message) -> bool:
        """Whether a message that is stored is not counted yet, as a kill came between it and its ticket.

        A ticket remembers the last messages that it counted; what lies further back was counted.
        """
        return not self.has_seen(message.event_id) and self.message_count - message.sequence < _REMEMBERED

    def with_author_message(self, event: Event[MessageAdd]) -> "Ticket":
        """Return the ticket after its author said something."""
        d = event.data
        said = d.external_created_at
        newest = self.last_author_message_at is None or said >= self.last_author_message_at
        window = said + timedelta(seconds=d.window_s) if d.window_s else None
        if not newest:
            window = self.reply_window_expires_at
        answered = self.last_agent_message_at is not None and self.last_agent_message_at > said
        status: Status = "waiting" if answered and self.status == "waiting" else "open"
        is_as_before = status == self.status and self.snoozed_until is None
        return msgspec.structs.replace(
            self,
            status=status,
            decided_version=self.decided_version if is_as_before else self.version + 1,
            snoozed_until=None,
            updated_at=max(self.updated_at, d.received_at),
            last_author_message_at=said if newest else self.last_author_message_at,
            waiting_since=self.waiting_since if answered else min(self.waiting_since or said, said),
            message_count=self.message_count + 1,
            unread_count=self.unread_count + 1,
            reply_window_expires_at=window,
            last_inbound_id=d.id if newest else self.last_inbound_id,
            author_name=d.author_name or self.author_name,
            applied=(*self.applied, event.id)[-_REMEMBERED:],
        )

    def with_agent_message(self, event_id: str, at: datetime, *, public: bool = True) -> "Ticket":
        """Return the ticket after one of us said something, here or elsewhere."""
        changes: dict[str, Any] = {
            "message_count": self.message_count + 1,
            "updated_at": max(self.updated_at, at),
            "applied": (*self.applied, event_id)[-_REMEMBERED:],
        }
        if public:
            changes |= self._answered(at)
        return msgspec.structs.replace(self, **changes)

    def answered(self, event_id: str, at: datetime) -> "Ticket":
        """Return the ticket after an answer that it counts already was approved."""
        seen = (*self.changed_by, event_id)[-_REMEMBERED:]
        return msgspec.structs.replace(self, changed_by=seen, updated_at=max(self.updated_at, at), **self._answered(at))

    def _answered(self, at: datetime) -> dict[str, Any]:
        latest = max(at, self.last_agent_message_at or at)
        pending = self.last_author_message_at is not None and self.last_author_message_at > latest
        changes: dict[str, Any] = {
            "last_agent_message_at": latest, "first_response_at": self.first_response_at or at
        }  # fmt: skip
        if not pending and self.status != "resolved":
            changes |= {"status": "waiting", "waiting_since": None}
            if self.status != "waiting":
                changes["decided_version"] = self.version + 1
        return changes

    def snapshot(self) -> dict[str, Any]:
        """Return what a reader of the log needs to know."""
        return {
            "number": self.number,
            "status": self.status,
            "priority": self.priority,
            "assignee_id": self.assignee_id,
            "team_id": self.team_id,
            "tags": list(self.tags),
            "author": self.author_name,
            **({"merged_into": self.merged_into} if self.merged_into else {}),
        }
