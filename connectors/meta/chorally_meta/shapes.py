"""The small shapes that recur in everything Meta sends: ids, times, people, listings; and how JSON is read.

A connector's own shapes inherit ``Shape``: what Meta adds one day is let through, ids come as text or as
numbers. ``read`` and ``read_value`` name the field that is wrong and never quote what a person said.
"""

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError, model_validator

import chorally_sdk as sdk

_HALVES = re.compile(rb"\\u[dD][89a-fA-F]")
_TOKENS = re.compile(rb'((?:access_token|appsecret_proof|client_secret)(?:"\s*:\s*"|=|%3D))[^"&\\\s]*')
FIRST_MILLISECOND = 1e11
"""Numbers above are milliseconds: as seconds they would lie beyond the year 5000."""


def instant(value: object) -> datetime:
    """Return a time of Meta's in UTC: Unix seconds, milliseconds, or ISO 8601 such as ``…T19:11:07+0000``.

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
"""A time in any of the forms that Meta uses, in UTC."""
Id = Annotated[str, StringConstraints(min_length=1)]
"""An id, text or number on the wire, never empty."""


class Shape(BaseModel):
    """Fields we read; ids come as text or as numbers, unknown fields are let through, and null is left out."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, told: Any) -> Any:
        return {name: value for name, value in told.items() if value is not None} if isinstance(told, dict) else told


class Person(Shape):
    """Who wrote: a person, or a page."""

    id: Id
    name: str | None = None
    username: str | None = None


class Reference(Shape):
    """An object named by its id: also what a call that makes something answers."""

    id: Id


class Created(Reference):
    """What a call that makes something answers."""


class Done(Shape):
    """What a call that changes something answers; the flag comes as a boolean or as text."""

    success: bool


T = TypeVar("T", bound=BaseModel)


class Listing(Shape, Generic[T]):
    """A page of a listing; how it goes on is read by ``listing.next_query``."""

    data: list[T]
    paging: dict[str, Any] | None = None


def read(shape: type[T], raw: bytes, what: str) -> T:
    """Return JSON in its documented shape; halves of characters in it become question marks.

    Raises:
        Malformed: It is not; the message names the first field that is wrong.
    """
    try:
        try:
            return shape.model_validate_json(raw)
        except ValidationError:
            if (mended := _mended(raw)) is None:
                raise
            return shape.model_validate_json(mended)
    except ValidationError as error:
        raise sdk.Malformed(f"{what}: {_first(error)}", without_tokens(raw)) from error


def read_value(shape: type[T], value: object, what: str, raw: bytes) -> T:
    """Return a value that was read as JSON before, in its documented shape; ``raw`` is what it came in.

    Raises:
        Malformed: It is not; the message names the first field that is wrong.
    """
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        raise sdk.Malformed(f"{what}: {_first(error)}", without_tokens(raw)) from error


def without_tokens(raw: bytes) -> bytes:
    """Return what is kept of an answer: without the tokens that it holds, or that its links repeat."""
    return _TOKENS.sub(rb"\1***", raw)


def _mended(raw: bytes) -> bytes | None:
    """JSON whose texts have whole characters only; None where nothing is to be mended."""
    if _HALVES.search(raw) is None:
        return None
    try:
        return json.dumps(json.loads(raw), ensure_ascii=False).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        return None


def inside(value: Any, *path: str) -> Any:
    """Return what lies at a path of names within objects, None where it leads nowhere."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def text(value: object) -> str | None:
    """Return a text that is not empty, None for anything else."""
    return value if isinstance(value, str) and value else None


def _first(error: ValidationError) -> str:
    """The first thing that is wrong; never the value itself, which may be a person's words."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the whole"
    return f"{where}: {first['msg']}"
