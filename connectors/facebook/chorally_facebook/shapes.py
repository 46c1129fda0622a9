"""The shapes the Graph API documents, as far as comments need them; anything beyond is ignored.

Sources: Graph API reference v25.0, nodes Comment and Page Post, and "Webhooks for Pages", field
``feed`` (read 2026-11-23). What they leave open, such as an attachment, stays untyped here and is
read leniently in ``translate``.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

import chorally_sdk as sdk

FIRST_MILLISECOND = 1e11
"""Numbers above are milliseconds: as seconds they would lie beyond the year 5000."""


def instant(value: object) -> datetime:
    """Return a time of the Graph API in UTC: Unix seconds, milliseconds, or ISO 8601 such as ``…T19:11:07+0000``.

    Raises:
        ValueError: It is none of these.
    """
    if isinstance(value, datetime):
        return value
    try:
        return _read_instant(value)
    except (ValueError, TypeError, OverflowError, OSError):
        # Never the value itself: it goes into messages for people.
        raise ValueError("a time is Unix seconds, milliseconds, or ISO 8601 with an offset") from None


def _read_instant(value: object) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    if isinstance(value, str) and not value.isdecimal():
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise ValueError
        return at.astimezone(UTC)
    number = float(value)
    return datetime.fromtimestamp(number / 1000 if number > FIRST_MILLISECOND else number, UTC)


Instant = Annotated[datetime, BeforeValidator(instant)]
Id = Annotated[str, StringConstraints(min_length=1)]


class Shape(BaseModel):
    """Fields we read; ids come as text or as numbers, and unknown fields are let through."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)


class Person(Shape):
    """Who wrote: a person, or a page."""

    id: Id
    name: str | None = None


class Reference(Shape):
    """An object named by its id."""

    id: Id


class Comment(Shape):
    """A comment as the Graph API lists it; ``from`` is left out where the token may not see it."""

    id: Id
    author: Person | None = Field(default=None, alias="from")
    message: str | None = None
    created_time: Instant
    parent: Reference | None = None
    permalink_url: str | None = None
    attachment: Any = None


T = TypeVar("T", bound=BaseModel)


class Listing(Shape, Generic[T]):
    """A page of a listing; how it goes on is read by ``listing.next_query``."""

    data: list[T]
    paging: dict[str, Any] | None = None


class Post(Shape):
    """A post of the page with the first page of its comments; without comments the field is left out."""

    id: Id
    updated_time: Instant
    comments: Listing[Comment] | None = None


class Page(Shape):
    """A page as ``/me`` names it."""

    id: Id
    name: str = ""


class Created(Shape):
    """What a call that makes something answers."""

    id: Id


class FeedComment(Shape):
    """A change of a comment."""

    verb: str
    comment_id: Id
    post_id: Id
    parent_id: Id | None = None
    author: Person | None = Field(default=None, alias="from")
    message: str | None = None
    created_time: Instant | None = None
    photo: Any = None
    video: Any = None


class Change(Shape):
    """One change of an entry."""

    field: str
    value: Any = None


class Entry(Shape):
    """What changed on one page."""

    id: Id
    time: Instant | None = None
    changes: list[Change] = []


class Hook(Shape):
    """The body of a webhook: several pages, several changes each."""

    object: str
    entry: list[Entry]


def read(shape: type[T], raw: bytes, what: str) -> T:
    """Return JSON in its documented shape.

    Raises:
        Malformed: It is not; the message names the first field that is wrong.
    """
    try:
        return shape.model_validate_json(raw)
    except ValidationError as error:
        raise sdk.Malformed(f"{what}: {_first(error)}", raw) from error


def read_value(shape: type[T], value: object, what: str, raw: bytes) -> T:
    """Return a value that was read as JSON before, in its documented shape; ``raw`` is what it came in.

    Raises:
        Malformed: It is not; the message names the first field that is wrong.
    """
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        raise sdk.Malformed(f"{what}: {_first(error)}", raw) from error


def _first(error: ValidationError) -> str:
    """The first thing that is wrong; never the value itself, which may be a person's words."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the whole"
    return f"{where}: {first['msg']}"
