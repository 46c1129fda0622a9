"""The four events that pulls and webhooks yield, and the page that carries them."""

from typing import Literal

from pydantic import AwareDatetime, Field

from chorally_sdk.model.base import Cursor, Json, Model


class Author(Model):
    """A person as the platform shows them."""

    external_id: str = Field(min_length=1)
    name: str = ""
    handle: str = ""
    url: str | None = None
    avatar_url: str | None = None
    language: str = ""
    country: str = ""
    followers: int | None = None
    phone: str = ""
    """Their number with its country, such as ``+393331234567``, only where the platform itself knows them by it."""


class Attachment(Model):
    """A file that came or goes with a message; expiring links are asked for at each download."""

    kind: Literal["image", "video", "audio", "file"]
    external_id: str | None = None
    url: str | None = None
    media_type: str | None = None
    name: str | None = None
    size_bytes: int | None = None


class Message(Model):
    """One thing said, in full; the same ``external_id`` again with other content is an edit."""

    external_id: str = Field(min_length=1)
    channel: str
    account: str | None = None
    """The platform's id of the account; None is the account of the URL or of the pull."""
    conversation_id: str
    """The thread there: a post, a chat, a mail thread."""
    parent_id: str | None = None
    """``external_id`` of the message it answers."""
    author: Author | None = None
    sent_at: AwareDatetime
    edited_at: AwareDatetime | None = None
    kind: str = "text"
    body: str = ""
    rating: int | None = None
    """Stars, 1 to 5; None where there is none."""
    attachments: tuple[Attachment, ...] = ()
    url: str | None = None
    ours: bool = False
    """Made by the account itself: an echo, or an answer made elsewhere."""
    automatic: bool = False
    """Written by a machine (out of office, delivery report, list): never answered by a rule."""
    client_ref: str | None = None
    """Our own reference, where an echo carries it."""
    route: Json = Field(default_factory=dict)
    """What an answer needs; encrypted at rest, read by the connector only."""
    extra: Json = Field(default_factory=dict)
    """What people may see beside the text."""


class Mark(Model):
    """What became of a known message; without ``external_id``: all of ours in the conversation up to ``at``."""

    state: Literal["sent", "delivered", "read", "failed", "hidden", "visible", "deleted"]
    at: AwareDatetime
    account: str | None = None
    external_id: str | None = None
    client_ref: str | None = None
    conversation_id: str | None = None
    channel: str | None = None
    """Needed only where a platform's ids are not unique over its channels."""
    reason: str = ""


class Ping(Model):
    """Something changed in a stream, or this object did; carries no content."""

    stream: str
    account: str | None = None
    external_id: str | None = None


class Notice(Model):
    """Something about the account, or a person on it."""

    kind: Literal["revoked", "subscription_lost", "moved", "erase"]
    account: str | None = None
    external_id: str | None = None
    new_id: str | None = None


Event = Message | Mark | Ping | Notice


class Page(Model):
    """Events, and the cursor to keep once they are stored."""

    events: tuple[Event, ...]
    cursor: Cursor
    done: bool = False
    """Nothing follows now; a poll must end with a page that says so."""
    expected: int | None = None
    """How many there are in all, where the platform tells; for progress shown to people."""
