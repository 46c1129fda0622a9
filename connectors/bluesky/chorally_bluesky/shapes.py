"""The shapes that the lexicons document, as far as we read them; what goes beyond is let through or kept.

Source: the lexicons of ``bluesky-social/atproto`` (commit d6296a1c, 2026-08-20). A record is whatever its author's
program wrote: only its text is certain, and everything else in it is read leniently in ``translate``.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

import chorally_sdk as sdk

_log = logging.getLogger(__name__)

Id = Annotated[str, StringConstraints(min_length=1)]
Record = Mapping[str, Any]


def instant(value: object) -> datetime:
    """Return a time of the platform in UTC.

    Raises:
        ValueError: It is none, or has no zone.
    """
    if isinstance(value, datetime):
        return value
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
        if at is None or at.tzinfo is None:
            raise ValueError
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("a time is ISO 8601 with a zone") from None


Instant = Annotated[datetime, BeforeValidator(instant)]


class Shape(BaseModel):
    """Fields we read; unknown ones are let through. An error, also as a cause in a traceback, shows nothing of them."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)
    is_secret: ClassVar[bool] = False
    """Whether it is not kept with an error, either."""


class Profile(Shape):
    """Who wrote."""

    did: Id
    handle: str = ""
    name: str | None = Field(default=None, alias="displayName")
    avatar: str | None = None


class Label(Shape):
    """What a labeller says of a post."""

    val: str
    neg: bool = False


class Viewer(Shape):
    """What we have done to a post."""

    like: str | None = None


class Post(Shape):
    """A post as the AppView shows it, in threads and alone; notifications are nearly the same."""

    uri: Id
    cid: Id
    author: Profile
    record: Record
    indexed_at: Instant = Field(alias="indexedAt")
    labels: tuple[Label, ...] = ()
    viewer: Viewer = Viewer()
    replies: int = Field(default=0, alias="replyCount")


class Notification(Post):
    """A notification; its uri is that of what was said."""

    reason: str


def _leniently(value: object, read_as_notification: ValidatorFunctionWrapHandler) -> Notification:
    """Read a notification; one that cannot be read must not hold up all others, and becomes one that says nothing."""
    try:
        found: Notification = read_as_notification(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        _log.warning("a notification cannot be read: %s: %s", where, first["msg"])
        try:
            at = instant(value.get("indexedAt") if isinstance(value, dict) else None)
        except ValueError:
            at = datetime(1970, 1, 1, tzinfo=UTC)
        nobody = {"uri": "at://", "cid": "-", "author": {"did": "did:"}, "record": {}, "reason": "unreadable"}
        return Notification.model_validate({**nobody, "indexedAt": at})
    return found


class Notifications(Shape):
    """A page of them, the newest first."""

    notifications: tuple[Annotated[Notification, WrapValidator(_leniently)], ...]
    cursor: str | None = None


class Posts(Shape):
    """Posts by their uris; what cannot be seen is left out."""

    posts: tuple[Post, ...]


class FeedItem(Shape):
    """A post in a feed, or a repost with its reason."""

    post: Post
    reason: Any = None


class Feed(Shape):
    """A page of what an account posted, the newest first."""

    feed: tuple[FeedItem, ...]
    cursor: str | None = None


class Node(Shape):
    """A place in a thread: a post and the answers to it, or that there is none to be seen."""

    post: Post | None = None
    replies: tuple["Node", ...] | None = None
    uri: str | None = None
    not_found: Literal[True] | None = Field(default=None, alias="notFound")
    blocked: Literal[True] | None = None


class Thread(Shape):
    """A thread from one post down."""

    thread: Node


class Session(Shape):
    """Who a token speaks for."""

    did: Id
    handle: str = ""
    active: bool = True
    status: str | None = None


class Tokens(Session):
    """A session: the pair of tokens, and where the account lives."""

    is_secret = True

    access: Annotated[str, StringConstraints(min_length=1)] = Field(alias="accessJwt")
    refresh: Annotated[str, StringConstraints(min_length=1)] = Field(alias="refreshJwt")


class Written(Shape):
    """What a write answers."""

    uri: Id
    cid: Id


class Stored(Shape):
    """A record of a repository."""

    uri: Id
    cid: str | None = None
    value: Record


class Uploaded(Shape):
    """A blob that waits to be referred to."""

    blob: dict[str, Any]


class Service(Shape):
    """A service of a DID document."""

    id: str
    endpoint: Any = Field(default=None, alias="serviceEndpoint")


class DidDocument(Shape):
    """Where an account lives, and what it is called."""

    id: Id
    names: tuple[str, ...] = Field(default=(), alias="alsoKnownAs")
    services: tuple[Service, ...] = Field(default=(), alias="service")


class Resource(Shape):
    """Which servers authorise for a server of accounts (RFC 9728)."""

    servers: tuple[str, ...] = Field(alias="authorization_servers")


class Authority(Shape):
    """An authorization server as it describes itself (RFC 8414)."""

    issuer: Id
    authorize: Id = Field(alias="authorization_endpoint")
    token: Id = Field(alias="token_endpoint")
    push: Id = Field(alias="pushed_authorization_request_endpoint")
    revoke: str = Field(default="", alias="revocation_endpoint")


class Pushed(Shape):
    """A request of consent that was pushed (RFC 9126)."""

    request_uri: Id


T = TypeVar("T", bound=Shape)


def read(shape: type[T], raw: bytes, what: str) -> T:
    """Return JSON in its documented shape.

    Raises:
        Malformed: It is not; the message names the first field that is wrong.
    """
    try:
        return shape.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise sdk.Malformed(f"{what}: {where}: {first['msg']}", b"" if shape.is_secret else raw) from error
