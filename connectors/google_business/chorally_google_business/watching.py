"""Looks at the newest reviews again, for what changes without renewing a review: its reply, and its removal.

What was seen is kept in the cursor, as the listing never shows what is gone.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import chorally_sdk as sdk
from chorally_google_business.names import REVIEW, REVIEWS, Place, reply_id
from chorally_google_business.reading import listed
from chorally_google_business.shapes import Review
from chorally_google_business.translate import changed_at, id_of, reply_events, state_of

Known = dict[str, list[str]]
"""When a review changed and the state of its reply, by the review's id."""


@dataclass
class Watch:
    """A walk over the newest reviews, and what the walk before it saw."""

    before: Known = field(default_factory=dict)
    seen: Known = field(default_factory=dict)
    token: str | None = None

    @classmethod
    def at(cls, cursor: sdk.Cursor | None) -> "Watch":
        """Return the walk that a cursor is in."""
        told: Mapping[str, Any] = cursor or {}
        return cls(dict(told.get("before") or {}), dict(told.get("seen") or {}), told.get("token") or None)

    @property
    def cursor(self) -> sdk.Cursor:
        """Where it is."""
        under_way = {"seen": self.seen, "token": self.token} if self.token else {}
        return {"before": self.before, **under_way}

    def see(self, reviews: Iterable[Review], now: datetime) -> Iterator[sdk.Event]:
        """Take reviews in, and yield what became of their replies since the walk before."""
        for review in reviews:
            external_id = id_of(review)
            state = state_of(review.reviewReply)
            was = self.before.get(external_id, ["", ""])[1]
            self.seen[external_id] = [changed_at(review).isoformat(), state]
            if state != was:
                yield from reply_events(review) if state else (_deleted(external_id, now),)

    def gone(self, *, is_whole: bool) -> Iterator[sdk.Event]:
        """Yield a ping for each review that must have been met, and was not.

        Args:
            is_whole: Whether all reviews were walked; else those that changed before the last one seen are further
                down.
        """
        last = min((datetime.fromisoformat(at) for at, _ in self.seen.values()), default=None)
        for external_id, (at, _) in self.before.items():
            is_above = last is not None and datetime.fromisoformat(at) > last
            if external_id not in self.seen and (is_whole or is_above):
                yield sdk.Ping(stream=REVIEWS, external_id=external_id)


async def watch(
    http: sdk.Http,
    place: Place,
    cursor: sdk.Cursor | None,
    since: datetime | None,
    *,
    now: datetime,
    most: int,
    without_text: bool = True,
) -> AsyncIterator[sdk.Page]:
    """Yield what changed about the newest ``most`` reviews; a page token that Google forgot starts the walk over."""
    walk, is_whole = Watch.at(cursor), False
    while len(walk.seen) < most and not is_whole:
        try:
            came, following = await listed(http, place, walk.token, without_text=without_text)
        except sdk.Rejected as error:
            if error.reason != sdk.Reason.INVALID or walk.token is None:
                raise
            walk = Watch(walk.before)
            continue
        found = [each for each in came if isinstance(each, Review)]
        wanted = [each for each in found if since is None or changed_at(each) >= since]
        fresh = [each for each in wanted if id_of(each) not in walk.seen]
        room = most - len(walk.seen)
        events = tuple(walk.see(fresh[:room], now))
        is_whole = len(fresh) <= room and (not following or len(wanted) < len(found))
        walk.token = following or None
        if len(walk.seen) < most and not is_whole:
            yield sdk.Page(events=events, cursor=walk.cursor)
        else:
            last = (*events, *walk.gone(is_whole=is_whole))
            yield sdk.Page(events=last, cursor=Watch(walk.seen).cursor, done=True)
            return
    yield sdk.Page(events=(), cursor=walk.cursor, done=True)


def _deleted(review: str, now: datetime) -> sdk.Mark:
    return sdk.Mark(state="deleted", at=now, external_id=reply_id(review), conversation_id=review, channel=REVIEW)
