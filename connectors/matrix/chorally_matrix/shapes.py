"""The shapes of answers and events, as far as they are read; anything beyond is let through.

What a server writes (the envelope) is read strictly. What people's clients write (``content``) may hold anything, so
it stays untyped here and is read leniently in ``content``.
"""

import logging
from typing import Annotated, Any, ClassVar, TypeVar

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

LAST = 253402300799999
"""Milliseconds: the end of the year 9999."""
UNREADABLE = "unreadable"
"""Kind of an event that is not in the documented shape."""

Id = Annotated[str, StringConstraints(min_length=1)]


def _object(value: object) -> object:
    """Take what is no object for an empty one."""
    return value if isinstance(value, dict) else {}


Bag = Annotated[dict[str, Any], BeforeValidator(_object)]


class Shape(BaseModel):
    """Fields we read; unknown ones are let through."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    is_secret: ClassVar[bool] = False
    """Whether it is not kept with an error."""


class Event(Shape):
    """An event of a room (definitions/client_event.yaml)."""

    event_id: Id
    type: Id
    sender: Id
    origin_server_ts: int
    """Milliseconds, by the clock of the sender's server."""
    content: Bag = Field(default_factory=dict)
    state_key: str | None = None
    unsigned: Bag = Field(default_factory=dict)
    redacts: Any = None
    room_id: str | None = None


def _leniently(value: object, read_as_event: ValidatorFunctionWrapHandler) -> Event:
    """Read an event; one that cannot be read must not hold up all others, and becomes one of an unknown kind."""
    try:
        event: Event = read_as_event(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        _log.warning("an event cannot be read: %s: %s", place, first["msg"])
        told = value if isinstance(value, dict) else {}
        room = told.get("room_id")
        return Event(
            event_id="$",
            type=UNREADABLE,
            sender="@",
            origin_server_ts=LAST,
            room_id=room if type(room) is str else None,
        )
    return event


Told = Annotated[Event, WrapValidator(_leniently)]
"""An event among others."""


class Batch(Shape):
    """Events without an order of their own, such as a part of a room's state."""

    events: list[Bag] = Field(default_factory=list)


class Timeline(Shape):
    """What was said in a room since the last sync; where ``limited``, only the end of it."""

    events: list[Told] = Field(default_factory=list)
    limited: bool = False
    prev_batch: str | None = None


class Room(Shape):
    """A room of a sync that the user is, or was, in."""

    state: Batch = Field(default_factory=Batch)
    timeline: Timeline = Field(default_factory=Timeline)
    ephemeral: Batch = Field(default_factory=Batch)


class Rooms(Shape):
    """The rooms of a sync by id."""

    join: dict[str, Room] = Field(default_factory=dict)
    invite: dict[str, Bag] = Field(default_factory=dict)
    leave: dict[str, Room] = Field(default_factory=dict)


class Synced(Shape):
    """The answer of ``GET /sync``."""

    next_batch: Id
    rooms: Rooms = Field(default_factory=Rooms)


class Listing(Shape):
    """The answer of ``GET /rooms/{id}/messages``."""

    start: str | None = None
    end: str | None = None
    chunk: list[Told]
    state: list[Bag] = Field(default_factory=list)


class Surroundings(Shape):
    """The answer of ``GET /rooms/{id}/context/{event}``, of which the event and the state are wanted."""

    event: Event
    state: list[Bag] = Field(default_factory=list)


class Transaction(Shape):
    """What a homeserver tells an application service."""

    events: list[Told]
    ephemeral: list[Bag] = Field(default_factory=list)


class Owner(Shape):
    """The answer of ``GET /account/whoami``."""

    user_id: Id


class Sent(Shape):
    """The answer to a message that was sent."""

    event_id: Id


class Uploaded(Shape):
    """The answer to a file that was uploaded."""

    content_uri: Id


class Joined(Shape):
    """The answer of ``GET /joined_rooms``."""

    joined_rooms: list[str]


class Session(Shape):
    """The answer of ``POST /login`` and ``POST /refresh``."""

    is_secret = True

    access_token: Id
    refresh_token: str | None = None
    expires_in_ms: int | None = None
    user_id: str | None = None
    device_id: str | None = None


S = TypeVar("S", bound=Shape)


def read(shape: type[S], raw: bytes, what: str) -> S:
    """Return what a body holds.

    Raises:
        Malformed: It is not in its documented shape; the message names the fields, never their values.
    """
    try:
        return shape.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise sdk.Malformed(
            f"{what}: {place or 'the whole'}: {first['msg']}", b"" if shape.is_secret else raw
        ) from None
