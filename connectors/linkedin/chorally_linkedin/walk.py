"""Polling the comments of a page: down its posts, and through the comments and the answers of each.

One request gives one page of events, and its cursor names all that is still to be read, so that a kill at any point
goes on in place. LinkedIn states no order of comments, and does not say that a comment changes its post: so all
comments of recent posts are read each time, and those are told that changed since the last walk began, less an overlap.
Listings are cut by counting; where one got shorter between two of its pages, it is read again from its beginning.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import chorally_sdk as sdk
from chorally_linkedin.api import Api
from chorally_linkedin.names import COMMENTS, coded, comment_urn, pinged, whole
from chorally_linkedin.shapes import Anything, Comment, Listing, NamedComment, Post, read_value
from chorally_linkedin.translate import to_message

OVERLAP = timedelta(hours=6)
"""How far below the last walk's begin comments are told again: for what was indexed late, and passed over."""
POSTS_AT_ONCE = 50
COMMENTS_AT_ONCE = 100
MOST_TURNS = 4
"""How often a listing that gets shorter is read within one walk; what it hides then, the next walk reads."""


@dataclass(frozen=True)
class Part:
    """Comments that are still to be read: under a post, or under a comment of it."""

    under: str
    post: str
    start: int = 0
    total: int | None = None
    """How many there were at the page before."""
    turn: int = 0


@dataclass(frozen=True)
class Place:
    """Where a walk is."""

    floor: datetime | None
    """When the last complete walk began; None where there was none."""
    began: datetime
    posts: int | None = 0
    """Where the next page of posts begins; None after the last."""
    rest: tuple[Part, ...] = ()

    @classmethod
    def of(cls, cursor: sdk.Cursor | None, now: datetime) -> "Place":
        """Return the place that a cursor names: ``{floor}`` at rest, all fields under way."""
        at = cursor or {}
        return cls(
            floor=_time(at.get("floor")),
            began=_time(at.get("began")) or now,
            posts=at.get("posts", 0),
            rest=tuple(Part(*part) for part in at.get("rest", ())),
        )

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to read."""
        return self.posts is None and not self.rest

    @property
    def cursor(self) -> dict[str, object]:
        """The place as a cursor."""
        if self.is_done:
            return {"floor": self.began.isoformat()}
        return {
            "floor": self.floor.isoformat() if self.floor else None,
            "began": self.began.isoformat(),
            "posts": self.posts,
            "rest": [[part.under, part.post, part.start, part.total, part.turn] for part in self.rest],
        }


async def walk(
    api: Api, organization: str, cursor: sdk.Cursor | None, since: datetime | None, *, now: datetime, recent: timedelta
) -> AsyncIterator[sdk.Page]:
    """Yield the comments that changed since the last walk began.

    Args:
        api: Asked.
        organization: URN of the account.
        cursor: Where to go on.
        since: Nothing older is wanted.
        now: When this walk begins, if it does.
        recent: How far back posts are looked at; a first walk without ``since`` looks at all.

    Raises:
        Malformed: A listing goes in circles.
    """
    place = Place.of(cursor, now)
    since = since.replace(microsecond=since.microsecond // 1000 * 1000) if since else None
    lowest = place.began - recent if place.floor or since else None
    told = max((at for at in (since, place.floor and place.floor - OVERLAP) if at), default=None)
    while True:
        events: Sequence[sdk.Event] = ()
        if place.rest:
            comments, odd, place = await _comments(api, place)
            messages = [to_message(each, organization, post) for post, each in comments]
            events = [*(each for each in messages if _is_wanted(each, since, told)), *odd]
        else:
            place = await _posts(api, organization, place, lowest)
        yield sdk.Page(events=tuple(events), cursor=place.cursor, done=place.is_done)
        if place.is_done:
            return


def _is_wanted(message: sdk.Message, since: datetime | None, told: datetime | None) -> bool:
    changed = max(message.sent_at, message.edited_at or message.sent_at)
    return (since is None or message.sent_at >= since) and (told is None or changed >= told)


async def _posts(api: Api, organization: str, place: Place, lowest: datetime | None) -> Place:
    """Read a page of posts, those first that were changed last."""
    url = f"/rest/posts?author={coded(organization)}&q=author&sortBy=LAST_MODIFIED"
    posts, following, _ = await api.page(Listing[Post], url, place.posts or 0, POSTS_AT_ONCE, method="FINDER")
    recent = [post for post in posts if lowest is None or post.changed_at is None or post.changed_at >= lowest]
    if len(recent) < len(posts):
        following = None
    return replace(place, posts=following, rest=tuple(Part(post.id, post.id) for post in recent))


async def _comments(api: Api, place: Place) -> tuple[Sequence[tuple[str, Comment]], Sequence[sdk.Ping], Place]:
    """Read a page of comments, and note which of them have answers; one that cannot be read is asked for by itself."""
    part, *others = place.rest
    try:
        came, following, total = await api.page(
            Listing[Anything], api.comments_of(part.under), part.start, COMMENTS_AT_ONCE
        )
    except sdk.Rejected as error:
        if error.reason is not sdk.Reason.GONE:
            raise
        return (), (), replace(place, rest=tuple(others))  # deleted since: nothing of it is left to read
    read = [_understood(each.root, part.post) for each in came]
    comments = [each for each in read if isinstance(each, Comment)]
    odd = [each for each in read if isinstance(each, sdk.Ping)]
    known = {each.under for each in others}
    answered = [
        Part(urn, part.post) for each in comments
        if (each.answers.first_level or each.answers.total) and not each.parent
        and (urn := whole(each.urn) or comment_urn(each.object or part.post, each.id)) not in known
    ]  # fmt: skip
    shrank = part.total is not None and total is not None and total < part.total
    if shrank and part.turn + 1 < MOST_TURNS:
        again = [replace(part, start=0, total=total, turn=part.turn + 1)]
    elif following is not None:
        again = [replace(part, start=following, total=total)]
    else:
        again = []
    found = [(part.post, comment) for comment in comments]
    return found, odd, replace(place, rest=(*again, *others, *answered))


def _understood(raw: object, post: str) -> Comment | sdk.Ping:
    try:
        return read_value(Comment, raw, "a comment")
    except sdk.Malformed:
        named = read_value(NamedComment, raw, "a comment")
        urn = whole(named.urn) or comment_urn(named.object or post, named.id)
        return sdk.Ping(stream=COMMENTS, external_id=pinged(post, urn))


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
