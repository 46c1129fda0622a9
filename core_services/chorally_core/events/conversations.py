"""What begins conversations, and what joins and parts tickets: the message service asks itself, and channels.

A ticket that is merged, and the one that it is merged into, are two documents, each changed by a decision of its own:
what the first decision leads to is asked for by an event, so that no kill leaves it half done. The events of a tenant's
merges have one key, so they are decided one after another, and no two tickets are merged into each other.
"""

from datetime import datetime
from typing import Any

from chorally_core.events.event import Data
from chorally_core.events.records import ActorKind, Attached, Templated


class Send(Data, frozen=True, kw_only=True):
    """A command to an I/O channel: begin a conversation with this message."""

    message_id: str
    account_id: str
    channel: str
    to: str
    """External id of the person."""
    conversation_id: str | None = None
    """Where it is said, for a platform that has places of its own for it, such as rooms."""
    body: str
    attachments: tuple[Attached, ...] = ()
    written_by: str = ""
    automatic: bool = False
    answers_at: datetime | None = None
    """When the author last wrote, where they did: what a reply window counts from."""
    template: Templated | None = None
    options: dict[str, Any] = {}


class TicketMerge(Data, frozen=True, kw_only=True):
    """Merge a ticket into another one, which goes on for both."""

    ticket_id: str
    into_id: str
    actor_kind: ActorKind = "agent"
    actor_id: str = ""


class TicketUnmerge(Data, frozen=True, kw_only=True):
    """Undo a merge: the ticket stands by itself again, with the messages that it had."""

    ticket_id: str
    actor_kind: ActorKind = "agent"
    actor_id: str = ""


class TicketAbsorb(Data, frozen=True, kw_only=True):
    """A ticket was merged into this one: count what it brings."""

    ticket_id: str
    from_id: str
    merged: tuple[str, ...]
    """It, and those that were merged into it before."""
    messages: int
    unread: int = 0
    tags: tuple[str, ...] = ()
    custom_fields: dict[str, Any] = {}
    was_open: bool = False
    """Whether its author waited for an answer."""
    waiting_since: datetime | None = None
    last_author_message_at: datetime | None = None
    last_agent_message_at: datetime | None = None
    last_inbound_id: str | None = None
    reply_window_expires_at: datetime | None = None
    assignee_id: str | None = None
    team_id: str | None = None
    actor_kind: ActorKind = "agent"
    actor_id: str = ""


class TicketRelease(Data, frozen=True, kw_only=True):
    """A ticket that was merged into this one stands by itself again, or lost messages: count less."""

    ticket_id: str
    merged: tuple[str, ...]
    """Those that are not of this ticket any more; empty where only messages left."""
    messages: int
    of: str
    """The ticket that was released, or that the messages went to."""
    last_inbound_id: str | None = None
    """The last message of an author that went with it."""
    until: str = ""
    """The ticket above that has been told already."""
    actor_kind: ActorKind = "agent"
    actor_id: str = ""


class TicketSplit(Data, frozen=True, kw_only=True):
    """Move some messages of a ticket into a new one."""

    ticket_id: str
    into_id: str
    """Id of the new ticket."""
    message_ids: tuple[str, ...]
    subject: str = ""
    actor_kind: ActorKind = "agent"
    actor_id: str = ""


class TicketAnswered(Data, frozen=True, kw_only=True):
    """An answer that waited for its approval is on its way: the ticket's author has been answered."""

    ticket_id: str
    message_id: str
    at: datetime


class MessageMove(Data, frozen=True, kw_only=True):
    """Give a message its place in the ticket that it was split into."""

    message_id: str
    from_id: str
    into_id: str
    sequence: int
    actor_kind: ActorKind = "agent"
    actor_id: str = ""
