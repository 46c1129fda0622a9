"""Lists in pages: an opaque cursor that says where the next page begins.

A listing asks for one more than its limit and hands what it found to ``paged``. A cursor carries the values
that the listing is ordered by and the last id, never the tenant: that is the caller's, always.
"""

import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from fastapi import Query
from pydantic import BaseModel, Field

from chorally_core.api.problem import Problem

T = TypeVar("T")
M = TypeVar("M")

_MAX_CURSOR = 2048
_MAX_INTEGER = 2**63 - 1

Limit = Annotated[int, Query(ge=1, le=200, title="Limit", description="How many items a page has at most.")]
"""The query parameter ``limit``; give it the default 50."""

Cursor = Annotated[
    str | None,
    Query(max_length=_MAX_CURSOR, title="Cursor", description="`next` of the page before; left out for the first."),
]
"""The query parameter ``cursor``."""


class Page(BaseModel, Generic[M]):
    """One page of a list."""

    items: list[M] = Field(title="Items", description="What this page holds, in order.")
    next: str | None = Field(None, title="Next", description="Cursor of the next page; null on the last.")


def encode_cursor(values: Sequence[Any]) -> str:
    """Return the values as opaque text: strings, numbers, booleans, aware datetimes and None."""
    return urlsafe_b64encode(msgspec.msgpack.encode(tuple(values))).rstrip(b"=").decode()


def decode_cursor(text: str, *types: type | None) -> tuple[Any, ...]:
    """Return the values of a cursor.

    Args:
        text: What the caller sent.
        types: What each value must be an instance of, None in place of ``NoneType``'s name; with none
            given, any number of simple values will do.

    Raises:
        Problem: 400; it is not a cursor of this listing.
    """
    try:
        if len(text) > _MAX_CURSOR:
            raise ValueError("too long")
        packed = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        values = msgspec.msgpack.decode(packed, type=tuple[Any, ...])
    except (ValueError, Error, msgspec.MsgspecError) as error:
        raise _not_ours() from error
    if not all(_is_simple(value) for value in values):
        raise _not_ours()
    if types and (len(values) != len(types) or not all(map(_is_of, values, types))):
        raise _not_ours()
    return values


def _is_simple(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) <= _MAX_INTEGER
    if isinstance(value, datetime):
        return value.tzinfo is not None
    return value is None or isinstance(value, str)


def _is_of(value: Any, of: type | None) -> bool:
    if of is None:
        return value is None
    if of is int:
        return type(value) is int
    return isinstance(value, of)


def _not_ours() -> Problem:
    return Problem(400, "cursor is not one of this list; begin again without it", code="invalid-cursor")


def paged(found: Sequence[T], limit: int, place: Callable[[T], Sequence[Any]]) -> tuple[list[T], str | None]:
    """Return one page of what was found, and the cursor of the next.

    Args:
        found: What the listing found, asked for one more than ``limit``.
        limit: How many items a page has.
        place: Gives an item's values for the cursor: what the listing is ordered by, then the id.
    """
    items = list(found[:limit])
    return items, encode_cursor(place(items[-1])) if len(found) > limit else None
