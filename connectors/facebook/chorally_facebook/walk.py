"""Polling the comments of a page: down its feed, and through the comments of each post.

One request gives one page of events, and its cursor names all that is still to be read, so that a kill
at any point goes on in place: ``{floor}`` at rest; under way also ``top`` (the newest change seen when
the walk began, which becomes the floor), ``feed`` (the rest of the feed) and ``rest`` (posts with more
comments than came with the feed).

Two things are taken from Facebook's word (unverified): that ``/feed`` lists by ``updated_time``, newest
first, and that a new comment renews it. A little disorder does no harm: the walk ends only at a whole
page of posts that are older than the floor.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import chorally_sdk as sdk
from chorally_facebook.listing import Reader, next_query, path
from chorally_facebook.shapes import Comment, Listing, Post
from chorally_facebook.translate import to_message

OVERLAP = timedelta(hours=1)
"""How far below its floor a walk looks again: for comments indexed late, and for those just edited."""

POSTS_AT_ONCE = 10
COMMENTS_AT_ONCE = 100
COMMENT_FIELDS = "id,from{id,name},message,created_time,parent{id},permalink_url,attachment"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """Where a walk is: what it walks down to, and what it has still to read."""

    floor: datetime | None
    top: datetime | None
    feed: str | None = ""
    """What leads to the next page of the feed: empty before the first, None after the last."""
    rest: tuple[tuple[str, str], ...] = ()
    """Posts, each with what leads to its next page of comments."""

    @classmethod
    def of(cls, cursor: sdk.Cursor | None, since: datetime | None) -> "Place":
        """Return the place a cursor names."""
        at = cursor or {}
        floor = _time(at.get("floor")) or since
        rest = tuple((post, after) for post, after in at.get("rest", ()))
        return cls(floor, _time(at.get("top")) or floor, at.get("feed", ""), rest)

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to read."""
        return self.feed is None and not self.rest

    @property
    def lowest(self) -> datetime | None:
        """The oldest change that is looked at; None for all."""
        return None if self.floor is None else max(self.floor, _EPOCH + OVERLAP) - OVERLAP

    @property
    def cursor(self) -> dict[str, object]:
        """The place as a cursor."""
        if self.is_done:
            return {"floor": _iso(self.top)}
        return {
            "floor": _iso(self.floor),
            "top": _iso(self.top),
            "feed": self.feed,
            "rest": [list(r) for r in self.rest],
        }


async def walk(
    http: sdk.Http, page_id: str, cursor: sdk.Cursor | None, since: datetime | None
) -> AsyncIterator[sdk.Page]:
    """Yield the comments that came since the cursor's floor, those of recently changed posts first.

    A cursor that Facebook no longer accepts starts the walk over, down to the same floor.

    Raises:
        Malformed: A listing does not say whether it goes on, or goes in circles.
    """
    place = Place.of(cursor, since)
    is_resumed = bool(place.feed or place.rest)
    reader = Reader(http)
    while True:
        step = _more_comments if place.rest else _more_posts
        try:
            comments, place = await step(reader, page_id, place)
        except sdk.Rejected as error:
            if not is_resumed or error.reason is not sdk.Reason.INVALID:
                raise
            place, reader, is_resumed = Place(place.floor, place.floor), Reader(http), False
            continue
        is_resumed = False
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
    posts = [post for post in listing.data if lowest is None or post.updated_time >= lowest]
    top = place.top
    if not place.feed:  # later pages could raise it past a post that meanwhile moved up, unseen
        top = max([*([top] if top else []), *(post.updated_time for post in listing.data)], default=None)
    comments, rest = [], []
    for post in posts:
        if post.comments is None:
            continue
        comments += [(post.id, comment) for comment in post.comments.data]
        after = next_query(post.comments, path(post.id, "comments"), _comments_query(place))
        rest += [(post.id, after)] if after is not None else []
    if listing.data and not posts:
        feed = None
    return comments, replace(place, top=top, feed=feed, rest=tuple(rest))


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
    if place.lowest is not None:
        query["since"] = int(place.lowest.timestamp())
    return query


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
