"""Polling the comments of a page: down its feed, and through the comments of each post.

One request gives one page of events, and its cursor names all that is still to be read, so that a kill
at any point goes on in place.

A post that is commented on while a walk is further down moves up, and the walk misses it. So a walk down
several pages of the feed is followed by another round over what has changed since it began, until one
request shows all of that at once. Only then are earlier comments known to have come (``sure``); as long
as they are not, the next walk reads them again.

Two things are taken from Facebook's word (unverified): that ``/feed`` lists by ``updated_time``, newest
first, and that a new comment renews it.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from chorally_meta.listing import Reader, next_query, path
from chorally_meta.shapes import Listing

import chorally_sdk as sdk
from chorally_facebook.shapes import Comment, Post
from chorally_facebook.translate import to_message

OVERLAP = timedelta(hours=1)
"""How far below its floor a walk looks again: for what is indexed late, and for comments just edited."""

POSTS_AT_ONCE = 10
COMMENTS_AT_ONCE = 100
COMMENT_FIELDS = "id,from{id,name},message,created_time,parent{id},permalink_url,attachment"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


MOST_ROUNDS = 4
"""Rounds of one walk; on a page that is never quiet the next walk goes on."""


@dataclass(frozen=True)
class Place:
    """Where a walk is: what it walks down to, and what it has still to read."""

    floor: datetime | None
    """Posts that changed before it need not be looked at; None looks at all."""
    sure: datetime | None
    """Comments from before it have all come; None where that is said of none."""
    top: datetime | None = None
    """The newest change when this round began: becomes the floor, and ``sure`` if the last round is not split."""
    is_split: bool = False
    """Whether this round needed more than one page of the feed, between which posts may have moved up."""
    turn: int = 0
    """Counts the rounds."""
    feed: str | None = ""
    """What leads to the next page of the feed: empty before the first, None after the last."""
    rest: tuple[tuple[str, str], ...] = ()
    """Posts with more comments than came with the feed, each with what leads to the next page of them."""

    @classmethod
    def of(cls, cursor: sdk.Cursor | None, since: datetime | None) -> "Place":
        """Return the place a cursor names: ``{floor, sure}`` at rest, all fields under way."""
        at = cursor or {}
        return cls(
            floor=_time(at.get("floor")) or since,
            sure=_time(at.get("sure")) or since,
            top=_time(at.get("top")),
            is_split=at.get("is_split", False),
            turn=at.get("turn", 0),
            feed=at.get("feed", ""),
            rest=tuple((post, after) for post, after in at.get("rest", ())),
        )

    @property
    def is_under_way(self) -> bool:
        """Whether something was read, and more is to be."""
        return bool(self.feed or self.rest or self.turn)

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to read."""
        return self.feed is None and not self.rest

    @property
    def lowest(self) -> datetime | None:
        """The oldest change of a post that is looked at; later rounds need no overlap with earlier walks."""
        return self.floor if self.turn else _below(self.floor)

    @property
    def cursor(self) -> dict[str, object]:
        """The place as a cursor."""
        if self.is_done:
            return {"floor": _iso(self.top), "sure": _iso(self.sure if self.is_split else self.top)}
        times = {name: _iso(getattr(self, name)) for name in ("floor", "sure", "top")}
        where = {"turn": self.turn, "is_split": self.is_split, "feed": self.feed}
        return {**times, **where, "rest": [list(post) for post in self.rest]}

    def after_feed(self, listed: Sequence[Post], feed: str | None, rest: Sequence[tuple[str, str]]) -> "Place":
        """Return the place after a page of the feed, which led to ``feed``."""
        lowest, top, is_split = self.lowest, self.top, bool(self.feed)
        if not is_split:  # only now: a later page could raise it past a post that moved up, unseen
            top = max((*(post.updated_time for post in listed), *((self.floor,) if self.floor else ())), default=None)
        read = replace(self, top=top, is_split=is_split, feed=feed, rest=tuple(rest))
        if feed is not None and not (lowest and listed and listed[-1].updated_time < lowest):
            return read
        if is_split and self.turn + 1 < MOST_ROUNDS:
            return replace(read, floor=top, turn=self.turn + 1, is_split=False, feed="")
        return replace(read, feed=None)


async def walk(
    http: sdk.Http, page_id: str, cursor: sdk.Cursor | None, since: datetime | None
) -> AsyncIterator[sdk.Page]:
    """Yield the comments that came since the cursor's floor, those of recently changed posts first.

    A cursor that Facebook no longer accepts starts the walk over, down to the same floor.

    Raises:
        Malformed: A listing does not say whether it goes on, or goes in circles.
    """
    since = since.replace(microsecond=0) if since else None  # Facebook's times have no fractions
    place = Place.of(cursor, since)
    is_resumed = place.is_under_way
    reader, turn = Reader(http), place.turn
    while True:
        step = _more_comments if place.rest else _more_posts
        try:
            comments, place = await step(reader, page_id, place)
        except sdk.Rejected as error:
            if not is_resumed or error.reason is not sdk.Reason.INVALID:
                raise
            place, reader, turn, is_resumed = Place(place.floor, place.sure), Reader(http), 0, False
            continue
        is_resumed = False
        if place.turn != turn:  # another round asks for the first page again, which is no circle
            reader, turn = Reader(http), place.turn
        events = tuple(to_message(c, page_id, post) for post, c in comments if since is None or c.created_time >= since)
        yield sdk.Page(events=events, cursor=place.cursor, done=place.is_done)
        if place.is_done:
            return


_Comments = Sequence[tuple[str, Comment]]


async def _more_posts(reader: Reader, page_id: str, place: Place) -> tuple[_Comments, Place]:
    """Read a page of the feed, and the comments that come with it."""
    where = path(page_id, "feed")
    nested = ".".join(f"{name}({value})" for name, value in _comments_query(place).items() if name != "fields")
    query = {"fields": f"id,updated_time,comments.{nested}{{{COMMENT_FIELDS}}}", "limit": POSTS_AT_ONCE}
    listing, feed = await reader.page(Listing[Post], where, query, place.feed or "")
    lowest = place.lowest
    comments, rest = [], []
    for post in listing.data:
        if post.comments is None or (lowest and post.updated_time < lowest):
            continue
        comments += [(post.id, comment) for comment in post.comments.data]
        after = next_query(post.comments, path(post.id, "comments"), _comments_query(place))
        rest += [(post.id, after)] if after is not None else []
    return comments, place.after_feed(listing.data, feed, rest)


async def _more_comments(reader: Reader, page_id: str, place: Place) -> tuple[_Comments, Place]:
    """Read a page of the comments of a post that has more of them than came with the feed."""
    (post, after), *others = place.rest
    try:
        listing, following = await reader.page(Listing[Comment], path(post, "comments"), _comments_query(place), after)
    except sdk.Rejected as error:
        if error.reason is not sdk.Reason.GONE:
            raise
        return (), replace(place, rest=tuple(others))  # deleted since: nothing of it is left to read
    rest = others if following is None else [(post, following), *others]
    return [(post, comment) for comment in listing.data], replace(place, rest=tuple(rest))


def _comments_query(place: Place) -> dict[str, str | int]:
    query: dict[str, str | int] = {
        "fields": COMMENT_FIELDS,
        "filter": "stream",  # all levels, flat
        "order": "chronological",
        "limit": COMMENTS_AT_ONCE,
    }
    if since := _below(place.sure):
        query["since"] = int(since.timestamp())
    return query


def _below(at: datetime | None) -> datetime | None:
    return None if at is None else max(at, _EPOCH + OVERLAP) - OVERLAP


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
