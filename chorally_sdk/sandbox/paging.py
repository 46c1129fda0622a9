"""The styles in which platforms cut a listing into pages, each as one function.

All take the whole listing in its order, and what was asked; all say in ``Cut.next`` what leads to the next
page, None after the last. With ``is_stuck`` they lead back to the page that was asked for, as a platform does
that repeats its cursor.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlencode

T = TypeVar("T")
Asked = Mapping[str, str]


@dataclass(frozen=True)
class Cut(Generic[T]):
    """A page of a listing."""

    shown: Sequence[T]
    next: str | None
    total: int


def by_token(
    found: Sequence[T],
    asked: Asked,
    place: Callable[[T], int],
    *,
    size: int,
    token: str = "after",  # noqa: S107 - the name of a parameter
    limit: str = "limit",
    is_stuck: bool = False,
) -> Cut[T]:
    """Cut after an opaque token, which names the last thing shown; ``place`` must grow along the listing.

    Raises:
        ValueError: The token is none of ours.
    """
    rest = list(found)
    if asked.get(token):
        passed = _opened(asked[token])
        rest = [thing for thing in rest if place(thing) > passed]
    most = _limit(asked, limit, size)
    shown = rest[:most]
    if len(rest) <= most:
        return Cut(shown, None, len(found))
    return Cut(shown, asked.get(token) or _sealed(-1) if is_stuck else _sealed(place(shown[-1])), len(found))


def by_offset(
    found: Sequence[T],
    asked: Asked,
    *,
    size: int,
    offset: str = "offset",
    limit: str = "limit",
    is_stuck: bool = False,
) -> Cut[T]:
    """Cut by how many to pass over; what is removed meanwhile moves the rest up."""
    first, most = int(asked.get(offset) or 0), _limit(asked, limit, size)
    after = first + most
    following = str(first if is_stuck else after) if after < len(found) else None
    return Cut(found[first:after], following, len(found))


def by_number(
    found: Sequence[T],
    asked: Asked,
    *,
    size: int,
    number: str = "page",
    limit: str = "per_page",
    is_stuck: bool = False,
) -> Cut[T]:
    """Cut by the number of the page, from 1."""
    page, most = max(int(asked.get(number) or 1), 1), _limit(asked, limit, size)
    following = str(page if is_stuck else page + 1) if page * most < len(found) else None
    return Cut(found[(page - 1) * most : page * most], following, len(found))


def by_link(cut: Cut[T], url: str, asked: Asked, name: str) -> dict[str, str]:
    """Return the ``Link`` header (RFC 8288) that leads to the next page; empty after the last."""
    if cut.next is None:
        return {}
    return {"Link": f'<{url}?{urlencode({**asked, name: cut.next})}>; rel="next"'}


def _limit(asked: Asked, name: str, size: int) -> int:
    return min(max(int(asked.get(name) or size), 1), size)


def _sealed(place: int) -> str:
    return base64.urlsafe_b64encode(str(place).encode()).decode()


def _opened(token: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(token))
    except ValueError as wrong:
        raise ValueError(f"the token {token!r} is not one of ours") from wrong
