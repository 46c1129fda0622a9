"""The two streams: reviews as they are written, and those that were changed afterwards."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import chorally_sdk as sdk
from chorally_trustpilot.translate import REVIEWS, events_of, seen_of, undone
from chorally_trustpilot.walk import Place, Read, before, walk

CHANGES = "changes"
"""The stream of reviews that were edited, reported or answered elsewhere: the listing shows them at their old place."""
NOTHING = ("", "")
"""What was seen of a review without a reply and a report."""
OVERLAP = timedelta(hours=1)
"""How far below the newest review a walk begins: for what Trustpilot lists late."""


async def reviews(
    http: sdk.Http, unit: str, cursor: sdk.Cursor | None, since: datetime | None
) -> AsyncIterator[sdk.Page]:
    """Yield the reviews written since the last walk, oldest first; the cursor is ``{floor}``, and ``at`` under way."""
    at, since = dict(cursor or {}), _whole(since)
    floor = datetime.fromisoformat(at["floor"]) if at.get("floor") else None
    start = max(filter(None, (before(floor, OVERLAP) if floor else None, since)), default=None)
    begins = Place.of(at["at"]) if at.get("at") else Place(start, top=floor)
    async for came, place, is_done in walk(http, unit, begins):
        told = _events([each for each in came if since is None or each.created_at >= since])
        newest = place.top.isoformat() if place.top else None
        yield sdk.Page(events=told, cursor={"floor": newest} if is_done else {**at, "at": place.cursor}, done=is_done)


async def changes(
    http: sdk.Http, unit: str, cursor: sdk.Cursor | None, since: datetime | None, now: datetime, window: timedelta
) -> AsyncIterator[sdk.Page]:
    """Yield the reviews of a window that were changed since the last walk; the cursor is ``{since, known}``.

    ``known`` is what that walk saw of replies and reports, which end without leaving a time. Under way the cursor has
    the walk's own time as ``began``, from which the next one looks, ``seen`` and ``at``.
    """
    at = dict(cursor or {"since": (since or now).isoformat()})
    began = datetime.fromisoformat(at["began"]) if at.get("began") else now
    floor = datetime.fromisoformat(at["since"]) - OVERLAP
    begins = Place.of(at["at"]) if at.get("at") else Place(_whole(began - window))
    known, seen = dict(at.get("known") or {}), dict(at.get("seen") or {})
    async for came, place, is_done in walk(http, unit, begins):
        changed = _events([each for each in came if each.review is not None and _is_changed(each, floor)])
        reviews = [each.review for each in came if each.review is not None]
        ended = [event for each in reviews for event in undone(each, known.get(each.id, NOTHING), now)]
        seen |= {each.id: told for each in reviews if any(told := seen_of(each))}
        rest = {"since": began.isoformat(), "known": dict(seen)}
        under_way = {
            "since": at["since"], "known": known, "began": began.isoformat(), "seen": dict(seen), "at": place.cursor,
        }  # fmt: skip
        yield sdk.Page(events=(*changed, *ended), cursor=rest if is_done else under_way, done=is_done)


def _is_changed(each: Read, floor: datetime) -> bool:
    review = each.review
    return review is not None and review.changed_at > review.createdAt and review.changed_at >= floor


def _events(came: Sequence[Read]) -> tuple[sdk.Event, ...]:
    """What reviews give; one that cannot be read is asked for by itself, and kept aside if it stays so."""
    told: list[sdk.Event] = []
    for each in came:
        told += events_of(each.review) if each.review else [sdk.Ping(stream=REVIEWS, external_id=each.id)]
    return tuple(told)


def _whole(at: datetime | None) -> datetime | None:
    """A time without its fraction: Trustpilot's samples have none."""
    return at.replace(microsecond=0) if at else None
