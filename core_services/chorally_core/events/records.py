"""What each event says, one struct for each; the catalogue declares where they travel.

Evolution is additive: readers ignore unknown fields, and a new field has a default.
"""

from datetime import datetime
from typing import Any, Literal

from chorally_core.events.event import Data

Direction = Literal["inbound", "outbound", "internal"]
Origin = Literal["platform", "here", "external_echo"]
MessageState = Literal["received", "queued", "sending", "sent", "delivered", "read", "failed", "unconfirmed"]
ActorKind = Literal["author", "agent", "service", "rule", "platform"]


class Attached(Data, frozen=True, kw_only=True):
    """A file that came or goes with a message."""

    kind: str
    external_id: str | None = None
    url: str | None = None
    media_type: str | None = None
    name: str | None = None
    size_bytes: int | None = None
    sha256: str = ""
    """Of its bytes, in hexadecimal digits; empty where that is not known."""


class Templated(Data, frozen=True, kw_only=True):
    """A text that the platform has approved, in place of one of our own."""

    name: str
    language: str = ""
    values: tuple[str, ...] = ()
    """What fills its placeholders, in their order."""


class AuthorAdd(Data, frozen=True, kw_only=True):
    """A person was seen: add them, or bring what is known of them up to date."""

    id: str
    platform: str
    external_id: str
    account_id: str = ""
    """Account through which they were seen."""
    name: str = ""
    handle: str = ""
    url: str | None = None
    avatar_url: str | None = None
    language: str = ""
    country: str = ""
    followers: int | None = None
    phone: str = ""
    """Their number with its country, such as ``+393331234567``, where the platform knows them by it."""


class AuthorDelete(Data, frozen=True, kw_only=True):
    """A person asked to be erased, or an administrator did so for them."""

    id: str


class MessageAdd(Data, frozen=True, kw_only=True):
    """Something was said: by a person (inbound), or by us elsewhere (an echo)."""

    id: str
    account_id: str
    platform: str
    channel: str
    conversation_key: str
    """What a ticket is kept for: the author, or author and thread."""
    external_id: str
    external_conversation_id: str
    external_created_at: datetime
    received_at: datetime
    author_id: str | None = None
    author_name: str = ""
    direction: Direction = "inbound"
    origin: Origin = "platform"
    external_parent_id: str | None = None
    parent_message_id: str | None = None
    external_url: str | None = None
    kind: str = "text"
    body: str = ""
    subject: str = ""
    language: str = ""
    rating: int | None = None
    attachments: tuple[Attached, ...] = ()
    edited_at: datetime | None = None
    route: str = ""
    """What an answer needs, sealed; only I/O opens it."""
    extra: dict[str, Any] = {}
    window_s: int | None = None
    """Seconds after ``external_created_at`` in which the platform allows an answer."""
    automatic: bool = False
    backfilled: bool = False
    """Imported history: counted and shown, answered by no rule."""
    ticket_id: str | None = None
    """The ticket that a rule or bot writes to; what comes from a platform is given its own."""
    actor_kind: ActorKind = "service"
    """Who wrote it, where it was written here."""
    actor_id: str = ""
    options: dict[str, Any] = {}
    """What the channel takes besides, for what was written here."""
    to: str | None = None
    """The platform's id of the person, for the first message of a conversation that we begin."""
    template: Templated | None = None


class MessageUpdate(Data, frozen=True, kw_only=True):
    """A known message has changed on the platform: hidden, visible, read, delivered."""

    id: str
    state: Literal["hidden", "visible", "delivered", "read", "sent", "failed", "edited"]
    at: datetime
    reason: str = ""
    body: str = ""
    """The new text of what we edited."""


class MessageDelete(Data, frozen=True, kw_only=True):
    """A known message was deleted on the platform."""

    id: str
    at: datetime


class MessageModerate(Data, frozen=True, kw_only=True):
    """Do something to a message on its platform, on behalf of a rule: hide, show, delete or like it."""

    id: str
    message_id: str
    verb: Literal["hide", "unhide", "delete", "like"]
    actor_kind: ActorKind = "rule"
    actor_id: str = ""


class MessageReconcile(Data, frozen=True, kw_only=True):
    """What became of a message that we sent: its external id and state."""

    message_id: str
    state: MessageState
    at: datetime
    external_id: str | None = None
    external_url: str | None = None
    conversation_id: str | None = None
    reason: str = ""
    attempts: int = 0


class TicketUpdate(Data, frozen=True, kw_only=True):
    """Change a ticket, provided that it is still as it was judged."""

    ticket_id: str
    judged_version: int
    changes: dict[str, Any]
    actor_kind: ActorKind = "rule"
    actor_id: str = ""
    rules: tuple[str, ...] = ()
    """Rules that fired in the chain of causes, which fire no more on what follows."""


class Reply(Data, frozen=True, kw_only=True):
    """A command to an I/O channel: make this answer visible."""

    message_id: str
    account_id: str
    channel: str
    body: str
    attachments: tuple[Attached, ...] = ()
    in_reply_to: str | None = None
    """External id of the message it answers."""
    conversation_id: str | None = None
    to: str | None = None
    """External id of the person, where the connector needs it."""
    route: str = ""
    """Sealed route of the message it answers."""
    written_by: str = ""
    automatic: bool = False
    answers_at: datetime | None = None
    """When the author last wrote: what a reply window counts from."""
    template: Templated | None = None
    options: dict[str, Any] = {}
    """What the channel takes besides, as its connector documents it."""


class Publish(Data, frozen=True, kw_only=True):
    """A command to an I/O channel: make this post of our own visible, now."""

    publication_id: str
    account_id: str
    channel: str
    body: str
    attachments: tuple[Attached, ...] = ()
    options: dict[str, Any] = {}
    written_by: str = ""
    retry: int = 0
    """How often it is given again because it failed; a delivery that did not fail takes no notice."""


class PublicationReconcile(Data, frozen=True, kw_only=True):
    """What became of a post that we published: its external id and state."""

    publication_id: str
    """Of the post's target: its delivery."""
    state: Literal["queued", "sending", "sent", "delivered", "read", "failed", "unconfirmed", "deleted", "edited",
                   "unchanged"]  # fmt: skip
    """``edited`` and ``unchanged`` tell what became of an edit or deletion that was asked for."""
    at: datetime
    external_id: str | None = None
    external_url: str | None = None
    reason: str = ""
    attempts: int = 0
    asked: str = ""
    """The edit or deletion that it is the outcome of."""
    body: str = ""
    """The new text of what was edited."""


class Moderate(Data, frozen=True, kw_only=True):
    """A command to an I/O channel: do this to something that is there already; the event's name says what."""

    id: str
    message_id: str
    """Of the message that it is done to."""
    account_id: str
    channel: str
    external_id: str
    """The platform's id of that message."""
    conversation_id: str | None = None
    body: str = ""
    """The new text of an ``edit``."""
    route: str = ""
    """Sealed route of the message."""
    asked_by: str = ""
    of: Literal["message", "publication"] = "message"
    """What ``message_id`` names; the outcome is told to who keeps it."""


class LogAdd(Data, frozen=True, kw_only=True):
    """A fact: somebody changed something."""

    kind: str
    """What happened, in the past tense: ``message_received``, ``ticket_assigned``."""
    subject_type: str
    subject_id: str
    version: int = 0
    """Version of the entity after the change."""
    ticket_id: str | None = None
    message_id: str | None = None
    author_id: str | None = None
    account_id: str | None = None
    actor_kind: ActorKind = "service"
    actor_id: str = ""
    snapshot: dict[str, Any] = {}
    """Bounded: what a reader needs without asking anybody."""
    was: dict[str, Any] = {}
    """What an administrator changed, as it was before; bounded, without secrets (``ports.audit``)."""
    changes: dict[str, Any] = {}
    """The same as it is now."""
    address: str = ""
    """From where an administrator asked for it."""
    token_id: str = ""
    """With which token; says nothing of the secret."""
    backfilled: bool = False
    automatic: bool = False
    rules: tuple[str, ...] = ()
    """Rules that fired in the chain of causes."""


class TriggerEvaluate(Data, frozen=True, kw_only=True):
    """Something happened that rules may answer."""

    log_id: str
    kind: str
    ticket_id: str | None = None
    message_id: str | None = None
    author_id: str | None = None
    account_id: str | None = None
    snapshot: dict[str, Any] = {}
    automatic: bool = False
    version: int = 0
    """Version of what it is about, after it."""
    actor_kind: ActorKind = "service"
    actor_id: str = ""
    subject_id: str = ""
    """Id of what it is about, where that is none of the above."""
    rules: tuple[str, ...] = ()
    """Rules that fired in the chain of causes, which fire no more on what follows."""
    turns: tuple[str, ...] = ()
    """Services that may answer it by machine, the first now, each of the others once it is handed on to it.

    Empty where everybody takes it up by themselves.
    """
    answered_by: str = ""
    """The service whose turn it was and who answers it."""


class DeadLetterAdd(Data, frozen=True, kw_only=True):
    """Something that could not be handled after bounded attempts."""

    letter_id: str
    source: str
    """The topic it came from, or ``hooks`` for a webhook."""
    group: str
    error: str
    attempts: int
    key: str = ""
    payload: str = ""
    """The value as text, cut at 64 KiB."""
