"""Pulling threads: what was answered to the account's own recent posts and answers, whether it was notified or not.

A reply that Bluesky indexes before the post it answers brings no notification, ever; one whose author's clock is slow
lies deep in the list. So the threads themselves are read: down the account's own feed for some days, and from each
post there, or the earliest of its thread, through all that hangs on it. One page of events for each request; the
cursor names what is still to be read.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import chorally_sdk as sdk
from chorally_bluesky.asking import AppView
from chorally_bluesky.shapes import Feed, Node, Post, Thread
from chorally_bluesky.translate import root_of, to_marks, to_message

DEPTH = 50
"""Levels of answers in one request; deeper ones are asked for from there. JSON of twice as many is not read any more,
and an AppView may show fewer than are asked for."""
AT_ONCE = 100
_FEED = "app.bsky.feed.getAuthorFeed"
_THREAD = "app.bsky.feed.getPostThread"


@dataclass(frozen=True)
class _Place:
    feed: str | None = ""
    """What leads to the next page of the feed: empty before the first, None after the last."""
    rest: tuple[str, ...] = ()
    """Posts whose threads are still to be read."""
    read: tuple[str, ...] = ()
    """Posts whose threads were read, or will be."""

    @classmethod
    def of(cls, cursor: sdk.Cursor | None) -> "_Place":
        at = cursor or {}
        return cls(at.get("feed", ""), tuple(at.get("rest", ())), tuple(at.get("read", ())))

    @property
    def is_done(self) -> bool:
        return self.feed is None and not self.rest

    @property
    def cursor(self) -> dict[str, object]:
        return {} if self.is_done else {"feed": self.feed, "rest": list(self.rest), "read": list(self.read)}


async def walk(
    appview: AppView,
    account: str,
    cursor: sdk.Cursor | None,
    since: datetime | None,
    *,
    lowest: datetime,
    now: datetime,
) -> AsyncIterator[sdk.Page]:
    """Yield all that hangs on the account's own posts since ``lowest``; the next walk reads it again.

    Args:
        appview: Asked.
        account: DID of the account.
        cursor: ``{}`` at rest.
        since: Nothing that Bluesky saw earlier is wanted.
        lowest: How far back the feed is read.
        now: When a post is found missing.

    Raises:
        Malformed: The feed leads back to a page that was read.
    """
    place, asked = _Place.of(cursor), set[str]()
    is_resumed = bool(place.feed)
    while True:
        events: Sequence[sdk.Event] = ()
        if place.rest:
            events, place = await _thread(appview, account, place, since, now)
        else:
            try:
                place = await _feed(appview, account, place, lowest)
            except sdk.Rejected as error:
                if not is_resumed or error.reason is not sdk.Reason.INVALID:
                    raise
                place, is_resumed = _Place(read=place.read), False  # the token is not known any more
                continue
            if place.feed in asked:
                raise sdk.Malformed("the account's feed leads back to a page that was read before")
            asked.add(place.feed or "")
        is_resumed = False
        yield sdk.Page(events=tuple(events), cursor=place.cursor, done=place.is_done)
        if place.is_done:
            return


async def _feed(appview: AppView, account: str, place: _Place, lowest: datetime) -> _Place:
    """Read a page of the account's own posts."""
    query = {"actor": account, "filter": "posts_with_replies", "limit": AT_ONCE, "cursor": place.feed or None}
    feed = await appview.get(Feed, _FEED, query)
    if feed.cursor is not None and feed.cursor == place.feed:
        raise sdk.Malformed("the account's feed leads back to the page that was asked for")
    own = [item.post for item in feed.feed if item.reason is None and item.post.author.did == account]
    recent = [post for post in own if post.indexed_at >= lowest]
    following = feed.cursor if feed.feed and (recent or not own) else None
    return _chosen(replace(place, feed=following), recent, account)


def _chosen(place: _Place, posts: Sequence[Post], account: str) -> _Place:
    """Add the threads of posts; an answer within a thread that is read from its beginning adds none."""
    known = {*place.read, *(post.uri for post in posts if not post.record.get("reply"))}
    found = []
    for post in posts:
        root = root_of(post)["uri"]
        is_covered = root != post.uri and root in known and root.startswith(f"at://{account}/")
        if post.uri not in place.read and not is_covered:
            found.append(post.uri)
    return replace(place, rest=(*place.rest, *found), read=(*place.read, *found))


async def _thread(
    appview: AppView, account: str, place: _Place, since: datetime | None, now: datetime
) -> tuple[list[sdk.Event], _Place]:
    """Read what hangs on one post."""
    uri, *others = place.rest
    place = replace(place, rest=tuple(others))
    try:
        told = await appview.get(Thread, _THREAD, {"uri": uri, "depth": DEPTH, "parentHeight": 0})
    except sdk.Rejected as error:
        if error.reason is not sdk.Reason.GONE:
            raise
        return [], place  # deleted since: nothing hangs on it any more
    top = told.thread
    events: list[sdk.Event] = []
    deep: list[str] = []
    for node, level in _nodes(top):
        events += to_marks(node, now) if level else ()
        post = node.post
        if post is None:
            continue
        if level and post.replies and not node.replies and post.uri not in place.read:
            deep.append(post.uri)
        if since is not None and post.indexed_at < since:
            continue
        if level or post.record.get("reply"):  # a post that begins a thread answers nobody
            events.append(to_message(post, account))
    return events, replace(place, rest=(*deep, *place.rest), read=(*place.read, *deep))


def _nodes(top: Node) -> Iterator[tuple[Node, int]]:
    """All places of a thread with their levels, each before what hangs on it."""
    waiting = [(top, 0)]
    while waiting:
        node, level = waiting.pop()
        yield node, level
        waiting += [(reply, level + 1) for reply in reversed(node.replies or ())]
