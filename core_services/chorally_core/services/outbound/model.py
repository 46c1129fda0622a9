"""What the outbound service stores: conversations that we begin, lists of them, and who wants to hear from us."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from chorally_core.events.ids import derived
from chorally_core.events.records import Attached, Templated
from chorally_core.ports.documents import Document

EVERYWHERE = "*"
"""Stands for all channels, where a person says so."""

OpeningState = Literal[
    "waiting",
    "asked",
    "queued",
    "sending",
    "sent",
    "delivered",
    "read",
    "failed",
    "unconfirmed",
    "skipped",
    "cancelled",
]
MailingState = Literal["draft", "running", "paused", "cancelled", "done"]
Wish = Literal["in", "out"]

_RANK = {"waiting": -2, "asked": -1, "queued": 0, "sending": 1, "unconfirmed": 2, "failed": 2, "sent": 3,
         "delivered": 4, "read": 5}  # fmt: skip
_REMEMBERED = 20


class Opening(Document, frozen=True, kw_only=True):
    """A conversation that we begin, and what became of its first message, whose id it bears."""

    kind = "opening"
    sparse = ("author_id", "waits_in", "mailing_id")
    indexes = (("created_at",), ("state", "created_at"))

    account_id: str
    platform: str
    channel: str
    author_id: str | None
    to: str
    """The platform's id of the person."""
    name: str = ""
    mailing_id: str | None = None
    """The list that it is of."""
    waits_in: str | None = None
    """The same while it waits for its turn."""
    values: dict[str, str] = {}
    """What fills the variables of the list's text."""
    upload: str = ""
    """The upload that put the person on the list."""
    state: OpeningState = "asked"
    error: str = ""
    external_id: str | None = None
    created_by: str = ""
    created_at: datetime
    changed_at: datetime

    @staticmethod
    def of_mailing(mailing_id: str, author_id: str) -> str:
        """Return the id of the message that a person gets by a list: one, however often it is asked for."""
        return derived("mailing", mailing_id, author_id)

    def may_become(self, state: str) -> bool:
        """Whether a state may follow the present one: like a message's, they only go forward."""
        if self.state in (state, "skipped", "cancelled"):
            return False
        if self.state == "unconfirmed":
            return state in ("sent", "delivered", "read", "failed", "queued")
        if self.state == "failed":
            return state in ("queued", "sent", "delivered", "read")
        return _RANK.get(state, 0) > _RANK.get(self.state, 0)

    def snapshot(self) -> dict[str, Any]:
        """Return what a reader of the log needs to know."""
        return {"channel": self.channel, "state": self.state, "mailing_id": self.mailing_id, "error": self.error}


class Earlier(msgspec.Struct, frozen=True):
    """What a person wished before."""

    state: Wish
    source: str
    at: datetime
    by: str


class Consent(Document, frozen=True, kw_only=True):
    """Whether a person wants to hear from us on a channel, and how we know."""

    kind = "consent"
    sparse = ("author_id",)
    indexes = (("changed_at",),)

    author_id: str
    channel: str
    """``*`` for all channels."""
    state: Wish
    source: str
    """How we know: ``form``, ``asked on the phone``, a link."""
    at: datetime
    """When they said so."""
    by: str
    """Who wrote it down."""
    changed_at: datetime
    earlier: tuple[Earlier, ...] = ()

    @staticmethod
    def id_of(tenant: str, author_id: str, channel: str) -> str:
        """Return the id of a person's wish for a channel, whether there is one or not."""
        return derived("consent", tenant, author_id, channel)

    def said_anew(self, state: Wish, source: str, at: datetime, by: str, changed_at: datetime) -> "Consent":
        """Return what the person wishes now; what they wished before is kept beside it."""
        before = Earlier(self.state, self.source, self.at, self.by)
        return msgspec.structs.replace(
            self, state=state, source=source, at=at, by=by, changed_at=changed_at,
            earlier=(*self.earlier, before)[-_REMEMBERED:],
        )  # fmt: skip


class OutboundSettings(Document, frozen=True, kw_only=True):
    """How a tenant begins conversations; under the tenant's id."""

    kind = "outbound_settings"

    consent_required: bool = False
    """Whether only who has agreed is written to; who has declined never is."""
    per_minute: int = 60
    """How many messages a list sends in a minute, unless it says less."""
    changed_at: datetime
    changed_by: str = ""


class Mailing(Document, frozen=True, kw_only=True):
    """A list of people who each get a message of their own."""

    kind = "mailing"
    sparse = ("next_at",)
    indexes = (("created_at",), ("state", "created_at"))

    name: str
    account_id: str
    platform: str
    channel: str
    body: str = ""
    attachments: tuple[Attached, ...] = ()
    template: Templated | None = None
    options: dict[str, Any] = {}
    state: MailingState = "draft"
    recipients: int = 0
    per_minute: int | None = None
    """How many go out in a minute; the tenant's own number where None."""
    next_at: datetime | None = None
    """When some of it go out next; None where none do."""
    created_by: str = ""
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None

    def snapshot(self) -> dict[str, Any]:
        """Return what a reader of the log needs to know."""
        return {"name": self.name, "channel": self.channel, "state": self.state, "recipients": self.recipients}
