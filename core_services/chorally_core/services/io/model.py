"""What the I/O service stores: apps, accounts, the webhook journal, cursors, deliveries, what is held."""

from datetime import datetime
from typing import Any, Literal

import msgspec

import chorally_sdk as sdk
from chorally_core.events.ids import derived
from chorally_core.events.records import Attached, Templated
from chorally_core.ports.documents import Document

AccountState = Literal["connected", "degraded", "reauthorization_required", "disconnected"]
DeliveryState = Literal["queued", "sending", "accepted", "sent", "delivered", "read", "failed", "unconfirmed"]

OPEN = frozenset({"sending", "unconfirmed", "accepted"})
"""States in which a visible call may have happened whose external id is not known yet."""


CONSENT_ENDING = "account_consent_ending"
"""What is told of an account whose consent ends soon, whatever is renewed."""

EARLIER_PART = "earlier_part"
"""Reason of a part that was given up because one before it was not made."""


class App(Document, frozen=True, kw_only=True):
    """A developer app at a platform: its settings, and its secrets sealed."""

    kind = "app"
    unique = ("hook_token",)
    sparse = ("changed_at",)
    indexes = (("platform",),)

    platform: str
    name: str = ""
    settings: dict[str, Any] = {}
    settings_version: int = 1
    """The connector's ``settings_version`` under which they were stored, and the sealed ones too."""
    sealed: str = ""
    hook_token: str
    """Unguessable part of the app's own webhook URL."""
    hook_secret: str = ""
    """What the host made for the platform to prove webhooks by, sealed; empty until it subscribes the first account."""
    created_at: datetime
    changed_at: datetime | None = None
    """When it was last stored, by which other processes find what is new to them."""


class RemovedApp(Document, frozen=True, kw_only=True):
    """What is left of a removed app, under its id, until every process knows."""

    kind = "app_removed"
    sparse = ("changed_at",)

    changed_at: datetime


class Account(Document, frozen=True, kw_only=True):
    """One connected page, bot, mailbox or profile."""

    kind = "account"
    unique = ("hook_token",)
    sparse = ("changed_at", "grant_id")
    indexes = (("platform",), ("state",))

    platform: str
    name: str
    external_id: str = ""
    external_name: str = ""
    known_as: str = ""
    """What the platform called it when people on it were first kept, where it has moved since."""
    app_id: str | None = None
    settings: dict[str, Any] = {}
    settings_version: int = 1
    """As an app's."""
    sealed: str = ""
    data: dict[str, Any] = {}
    state: AccountState = "connected"
    reason: str = ""
    leaving: bool = False
    """It is disconnected, and its credentials are kept until it is unsubscribed from the platform's webhooks."""
    hook_token: str
    hook_secret: str = ""
    """As an app's, where webhooks come to the account's own URL."""
    created_at: datetime
    connected_at: datetime
    changed_at: datetime | None = None
    """When it was last stored, by which other processes find what is new to them."""
    since: datetime | None = None
    """How far back history is imported; None imports none."""
    ticket_per: Literal["author", "thread"] = "author"
    silence_s: int | None = None
    """Seconds without a message after which silence is reported; None never reports it."""
    missing_scopes: tuple[str, ...] = ()
    token_expires_at: datetime | None = None
    grant_id: str | None = None
    """The grant that it uses, its own or a consent's; None where its token is sealed with it and never renewed."""


class Health(Document, frozen=True, kw_only=True):
    """How an account is doing; under the account's id."""

    kind = "account_health"

    last_message_at: datetime | None = None
    last_error: str = ""
    last_error_at: datetime | None = None
    last_success_at: datetime | None = None
    unanswered_since: datetime | None = None
    """When its platform was found not to answer, and is left alone since; None while it answers."""
    messages: int = 0


class Hook(Document, frozen=True, kw_only=True):
    """A webhook as it came, kept before it was answered."""

    kind = "hook"
    unique = ("delivery_key",)
    sparse = ("place",)

    lane: str
    """Who took it; ids of a lane grow in the order of arrival."""
    place: str | None = None
    """The lane and the number in it, where several processes take hooks; None in the lane of the only one."""
    platform: str
    app_id: str | None = None
    account_id: str | None = None
    method: str
    path: str
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    """Without those that carry secrets or proofs."""
    body: bytes = b""
    body_object: str = ""
    """Name of the object that holds a large body."""
    size_bytes: int = 0
    """Of the body, wherever it is."""
    received_at: datetime
    delivery_key: str | None = None
    erased_at: datetime | None = None
    """When it was emptied because it was about a person who was erased."""
    traceparent: str = ""
    """Trace of its arrival; empty where that is not traced."""


class Lane(Document, frozen=True, kw_only=True):
    """How far a lane of the journal was read."""

    kind = "hook_lane"

    upto: str = ""
    """Id of the last hook whose events are published."""
    read: str = ""
    """Place of that hook."""
    writer: str = ""
    """The process that appends; empty where it is the only one."""
    closed_at: datetime | None = None
    """When its writer was found gone and everything read; it is looked at now and then all the same."""


class UnknownAccount(Document, frozen=True, kw_only=True):
    """An account that webhooks are about and nobody has connected."""

    kind = "unknown_account"
    sparse = ("last_at",)

    platform: str
    external_id: str
    events: int = 0
    last_at: datetime


class StreamState(Document, frozen=True, kw_only=True):
    """Where a pull resumes."""

    kind = "stream"
    indexes = (("account_id",),)

    account_id: str
    stream: str
    lane: Literal["live", "import"] = "live"
    cursor: dict[str, Any] | None = None
    cursor_version: int = 1
    finished: bool = False
    """An import that reached its end."""
    pages: int = 0
    messages: int = 0
    expected: int | None = None
    last_run_at: datetime | None = None
    failures: int = 0
    error: str = ""

    @staticmethod
    def id_of(account_id: str, stream: str, lane: str) -> str:
        """Return the id of the state of a stream's lane."""
        return derived("stream", account_id, stream, lane)


class Nudge(Document, frozen=True, kw_only=True):
    """Something changed in a stream, which is to be pulled now; or an object did, which is to be fetched."""

    kind = "nudge"
    sparse = ("next_at",)
    indexes = (("account_id",),)

    account_id: str
    stream: str
    external_id: str | None = None
    """The object that is to be fetched; None pulls the stream."""
    is_taken: bool = False
    """Its fetch was begun: what changes from then on is another nudge."""
    next_at: datetime | None = None
    """When the object is fetched; None where the stream is pulled."""
    attempts: int = 0

    @classmethod
    def of(cls, account: Account, ping: sdk.Ping, *, fetched_at: datetime | None) -> "Nudge":
        """Return what a ping becomes; the same again changes nothing until it is acted on."""
        parts = (account.id, ping.stream) if fetched_at is None else (account.id, ping.stream, ping.external_id or "")
        return cls(
            id=derived("nudge", *parts), tenant=account.tenant, account_id=account.id, stream=ping.stream,
            external_id=None if fetched_at is None else ping.external_id, next_at=fetched_at,
        )  # fmt: skip


class Held(Document, frozen=True, kw_only=True):
    """An echo or a mark that waits until a push of its account is settled."""

    kind = "held"
    indexes = (("account_id",),)

    account_id: str
    event_kind: Literal["message", "mark"]
    sealed: str
    """The event as the connector gave it, sealed for its route."""
    received_at: datetime


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One visible part of a message, and what is to be done to it."""

    part: int
    external_id: str
    verb: sdk.Verb
    body: str = ""
    is_done: bool = False


class Moderation(Document, frozen=True, kw_only=True):
    """Something that is to be done to what is there already, and how far it got; its id is the command's."""

    kind = "moderation"
    sparse = ("next_at",)
    indexes = (("external_id",), ("message_id",), ("created_at",))

    account_id: str
    platform: str
    channel: str
    key: str
    """Ordering key of the command, which what comes of it bears too."""
    verb: sdk.Verb
    message_id: str
    of: Literal["message", "publication"] = "message"
    """What ``message_id`` names."""
    external_id: str
    conversation_id: str | None = None
    body: str = ""
    route: str = ""
    asked_by: str = ""
    targets: tuple[Target, ...] = ()
    """The parts that it is done to, where the message went out in several, and which of them are done."""
    state: Literal["queued", "done", "failed"] = "queued"
    created_at: datetime
    next_at: datetime | None
    settled_at: datetime | None = None
    attempts: int = 0
    error: str = ""
    reason: str = ""
    traceparent: str = ""


class Delivery(Document, frozen=True, kw_only=True):
    """An outgoing message or post, or a part of one, and how far it got.

    Its id is that of the message or publication, a later part has its own.
    """

    kind = "delivery"
    unique = ("client_ref", "external_key")
    sparse = ("next_at",)
    indexes = (("account_id", "state"), ("conversation_id",), ("created_at",), ("key", "created_at"))

    account_id: str
    platform: str
    channel: str
    key: str
    """Ordering key of the command, which its reconciliation bears too."""
    client_ref: str
    external_key: str | None = None
    verb: Literal["reply", "send", "publish"] = "reply"
    """What makes it visible: an answer, the first message of a conversation, or a post of our own."""
    body: str
    attachments: tuple[Attached, ...] = ()
    template: Templated | None = None
    options: dict[str, Any] = {}
    in_reply_to: str | None = None
    conversation_id: str | None = None
    to: str | None = None
    route: str = ""
    automatic: bool = False
    answers_at: datetime | None = None
    state: DeliveryState = "queued"
    created_at: datetime
    next_at: datetime | None
    """When it is taken up again; None where there is nothing to do, or only a person can tell what."""
    tried_at: datetime | None = None
    """When the visible call was last claimed."""
    settled_at: datetime | None = None
    attempts: int = 0
    searches: int = 0
    retries: int = 0
    """The number of the last command to try it again, where it is a post."""
    error: str = ""
    reason: str = ""
    needs_person: bool = False
    external_id: str | None = None
    external_url: str | None = None
    receipt: dict[str, Any] = {}
    prepared: dict[str, Any] = {}
    """What unseen steps left behind, for the next one and for the visible call."""
    is_ready: bool = False
    """All unseen steps are taken, where there are some."""
    steps: int = 0
    """Unseen steps taken so far."""
    whole: str = ""
    """The message or publication that it is a later part of; empty where it is all of it, or the first part."""
    part: int = 1
    parts: int = 1
    traceparent: str = ""

    @property
    def message_id(self) -> str:
        """The message or publication that it makes visible, or a part of which."""
        return self.whole or self.id

    @staticmethod
    def client_ref_of(message_id: str, part: int = 1) -> str:
        """Return our own reference: 32 hex digits, the same for ever for a message and part."""
        return derived("client-ref", message_id, *([] if part == 1 else [str(part)]))

    @staticmethod
    def external_key_of(account_id: str, channel: str, external_id: str) -> str:
        """Return the key by which an external id finds its delivery."""
        return derived("external", account_id, channel, external_id)
