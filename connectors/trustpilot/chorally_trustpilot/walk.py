"""Walking the reviews of a business unit: by their time of creation, so that removals move nothing past the border.

One request gives one page. Its cursor names the last review's time, from which the next request asks again; within one
second pages are counted. The listing ends with an empty page, as documented ("if the page number requested is higher
than the available number of pages an empty array will be returned").
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import chorally_sdk as sdk
from chorally_trustpilot.shapes import Instant, Listing, Review, Shape, read, understood

AT_ONCE = 100
"""Reviews on a page, the most that Trustpilot gives (Business Units API, "perPage")."""
_MARGIN = timedelta(seconds=1)
"""How far below the last review's time the next request asks: nothing says whether ``startDateTime`` is inclusive."""


class Read(NamedTuple):
    """A review as it came, and in its shape; None where it has another one."""

    id: str
    created_at: datetime
    review: Review | None


class _Known(Shape):
    id: str
    createdAt: Instant


@dataclass(frozen=True)
class Place:
    """Where a walk is."""

    start: datetime | None
    """Reviews from then on are asked for; None asks for all."""
    page: int = 1
    seen: dict[str, str] = field(default_factory=dict)
    """Reviews of the last second that came already, with their times."""
    top: datetime | None = None
    """The newest review's time so far."""

    @classmethod
    def of(cls, under_way: sdk.Json) -> "Place":
        """Return the place that a cursor names under way."""
        return cls(_time(under_way["start"]), under_way["page"], dict(under_way["seen"]), _time(under_way["top"]))

    @property
    def cursor(self) -> dict[str, Any]:
        """The place as a cursor."""
        start, top = (at.isoformat() if at else None for at in (self.start, self.top))
        return {"start": start, "page": self.page, "seen": self.seen, "top": top}

    def after(self, came: Sequence[_Known]) -> "Place":
        """Return the place after a page."""
        last = max((each.createdAt for each in came), default=None)
        if last is None or (self.start is not None and before(last, _MARGIN) <= self.start):
            seen = {**self.seen, **{each.id: each.createdAt.isoformat() for each in came}}
            return replace(self, page=self.page + 1, seen=seen, top=max(filter(None, (self.top, last)), default=None))
        start = before(last, _MARGIN)
        times = {**self.seen, **{each.id: each.createdAt.isoformat() for each in came}}
        seen = {each: at for each, at in times.items() if datetime.fromisoformat(at) >= start}
        return Place(start, 1, seen, max(filter(None, (self.top, last))))


async def walk(http: sdk.Http, unit: str, place: Place) -> AsyncIterator[tuple[Sequence[Read], Place, bool]]:
    """Yield reviews from a place on, with the place after them, and whether that was all.

    Raises:
        Malformed: A page is no listing, has a review without id or time, or is the page before once more.
    """
    last: list[str] = []
    while True:
        asked: dict[str, str | int] = {"orderBy": "createdat.asc", "perPage": AT_ONCE, "page": place.page}
        if place.start is not None:
            asked["startDateTime"] = place.start.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
        answer = await http.get(f"/v1/private/business-units/{unit}/reviews", params=asked)
        listed = read(Listing, answer.content, "the listing of reviews").reviews
        known = [understood(_Known, each, "a review", answer.content) for each in listed]
        ids = [each.id for each in known]
        if ids and ids == last:
            raise sdk.Malformed("the listing of reviews leads back to the page before", answer.content)
        fresh = [
            Read(each.id, each.createdAt, _review(raw))
            for each, raw in zip(known, listed, strict=True)
            if each.id not in place.seen
        ]
        following = place.after(known)
        last = ids if following.page > 1 else []
        place = following
        yield fresh, place, not known
        if not known:
            return


def _review(raw: object) -> Review | None:
    try:
        return understood(Review, raw, "a review", b"")
    except sdk.Malformed:
        return None


def before(at: datetime, span: timedelta) -> datetime:
    """Return a time that much earlier; the first of all times where there is none."""
    first = datetime.min.replace(tzinfo=UTC)
    return at - span if at - first >= span else first


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
