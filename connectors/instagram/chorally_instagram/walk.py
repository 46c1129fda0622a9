"""Polling comments: down the media of the account, and through the comments and replies of each.

One request gives one page of events, and its cursor names all that is still to be read, so that a kill at any point
goes on in place. Media are listed by creation, so a comment moves none of them: the stream ``comments`` asks the newest
media at every poll, ``archive`` all older ones once a day. Together they read everything, and nothing twice.

Comments are listed newest first (unverified): below a page whose oldest comment is older than what is known, nothing
more is read, provided that the page is in that order; else all of it is. ``archive`` always reads all.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from chorally_meta.listing import Reader, next_query
from chorally_meta.shapes import Listing

import chorally_sdk as sdk
from chorally_instagram.api import Api
from chorally_instagram.shapes import Comment, Media
from chorally_instagram.translate import to_message

OVERLAP = timedelta(hours=1)
"""How far below its floor a walk looks again: for what is indexed late, and for clocks that differ."""
MEDIA_AT_ONCE = 25
COMMENTS_AT_ONCE = 50
OF_REPLY = "id,text,timestamp,username,from,parent_id"
OF_COMMENT = f"{OF_REPLY},replies.limit({COMMENTS_AT_ONCE}){{{OF_REPLY}}}"
OF_MEDIA = f"id,permalink,comments.limit({COMMENTS_AT_ONCE}){{{OF_COMMENT}}}"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Rest = tuple[str, str, str, str]
"""A listing that is longer than what came: its media, the comment whose replies they are or nothing, what leads on, and
the media's address."""


@dataclass(frozen=True)
class Place:
    """Where a walk is: what it walks down to, and what it has still to read."""

    floor: datetime | None
    """Comments from before it have all come; None where that is said of none."""
    began: datetime | None = None
    """When this walk began: becomes the floor."""
    feed: str | None = ""
    """What leads to the next page of media: empty before the first, None after the last."""
    seen: int = 0
    """Media that were listed before that page."""
    rest: tuple[Rest, ...] = ()

    @classmethod
    def of(cls, cursor: sdk.Cursor | None, since: datetime | None) -> "Place":
        """Return the place a cursor names: ``{floor}`` at rest, all fields under way."""
        at = cursor or {}
        rest = tuple((media, comment, after, url) for media, comment, after, url in at.get("rest", ()))
        floor = _time(at.get("floor")) or since
        return cls(floor, _time(at.get("began")), at.get("feed", ""), at.get("seen", 0), rest)

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to read."""
        return self.feed is None and not self.rest

    @property
    def lowest(self) -> datetime | None:
        """The oldest comment that is looked for."""
        return None if self.floor is None else max(self.floor, _EPOCH + OVERLAP) - OVERLAP

    @property
    def cursor(self) -> dict[str, object]:
        """The place as a cursor."""
        if self.is_done:
            return {"floor": _iso(self.began)}
        where = {"feed": self.feed, "seen": self.seen, "rest": [list(each) for each in self.rest]}
        return {"floor": _iso(self.floor), "began": _iso(self.began), **where}


@dataclass(frozen=True)
class Walk:
    """One walk over the newest media, or over all but those."""

    api: Api
    reader: Reader
    recent: int
    """How many media are the newest."""
    is_archive: bool

    async def pages(self, cursor: sdk.Cursor | None, since: datetime | None, now: datetime) -> AsyncIterator[sdk.Page]:
        """Yield the comments that came since the cursor's floor; older ones on the way come again.

        A cursor that Instagram no longer accepts starts the walk over, down to the same floor.

        Raises:
            Malformed: A listing does not say whether it goes on, or goes in circles.
        """
        since = since.replace(microsecond=0) if since else None  # Instagram's times have no fractions
        place = Place.of(cursor, since)
        walk, is_resumed = self, place.began is not None
        place = replace(place, began=place.began or now)
        while True:
            try:
                found, place = await (walk._more_comments(place) if place.rest else walk._more_media(place))
            except sdk.Rejected as error:
                if not is_resumed or error.reason is not sdk.Reason.INVALID:
                    raise
                place, walk, is_resumed = Place(place.floor, now), replace(self, reader=Reader(self.api.http)), False
                continue
            is_resumed = False
            kept = tuple(message for message in found if since is None or message.sent_at >= since)
            yield sdk.Page(events=kept, cursor=place.cursor, done=place.is_done)
            if place.is_done:
                return

    async def _more_media(self, place: Place) -> tuple[Sequence[sdk.Message], Place]:
        """Read a page of media, and the comments that come with it."""
        passes_over = self.is_archive and place.seen < self.recent
        left = self.recent - place.seen if passes_over or not self.is_archive else MEDIA_AT_ONCE
        query = {"fields": "id" if passes_over else OF_MEDIA, "limit": min(left, MEDIA_AT_ONCE)}
        # the limit stands in the link to the next page, too; ours counts
        listing, feed = await self.reader.page(Listing[Media], self.api.own("media"), query, place.feed or "")
        seen = place.seen + len(listing.data)
        if not self.is_archive and seen >= self.recent:
            feed = None
        at = replace(place, feed=feed, seen=seen)
        if passes_over:
            return (), at
        found, rest = [], list[Rest]()
        for media in listing.data:
            if media.comments is not None:
                url = media.permalink or ""
                found += list(self._told(media.comments.data, media.id, url))
                rest += self._rest_of(media.comments, media.id, url, place.lowest)
        return found, replace(at, rest=tuple(rest))

    async def _more_comments(self, place: Place) -> tuple[Sequence[sdk.Message], Place]:
        """Read a page of the comments of a media, or of the replies to a comment, that has more than came."""
        (media, comment, after, url), *others = place.rest
        where, query = self._listing(media, comment)
        try:
            listing, following = await self.reader.page(Listing[Comment], where, query, after)
        except sdk.Rejected as error:
            if error.reason is not sdk.Reason.GONE:
                raise
            return (), replace(place, rest=tuple(others))  # deleted since: nothing of it is left to read
        if comment:
            rest = [(media, comment, following, url)] if following is not None else []
        else:
            rest = self._rest_of(listing, media, url, place.lowest, following)
        told = self._told(self._under(listing.data, comment), media, url)
        return list(told), replace(place, rest=(*rest, *others))

    def _listing(self, media: str, comment: str) -> tuple[str, dict[str, str | int]]:
        if comment:
            return self.api.at(comment, "replies"), {"fields": OF_REPLY, "limit": COMMENTS_AT_ONCE}
        return self.api.at(media, "comments"), {"fields": OF_COMMENT, "limit": COMMENTS_AT_ONCE}

    def _rest_of(
        self, listing: Listing[Comment], media: str, url: str, lowest: datetime | None, following: str | None = ""
    ) -> list[Rest]:
        """What a page of comments leaves to be read: the next page, and replies that did not come with it."""
        where, query = self._listing(media, "")
        after = next_query(listing, where, query) if following == "" else following
        wanted = after if not (lowest and not self.is_archive and _is_below(listing.data, lowest)) else None
        rest: list[Rest] = [(media, "", wanted, url)] if wanted is not None else []
        for comment in listing.data:
            if comment.replies is None:
                continue
            where, query = self._listing(media, comment.id)
            if (more := next_query(comment.replies, where, query)) is not None:
                rest.append((media, comment.id, more, url))
        return rest

    def _told(self, comments: Sequence[Comment], media: str, url: str) -> Iterator[sdk.Message]:
        for comment in comments:
            yield to_message(comment, media, self.api.is_ours, url=url or None)
            if comment.replies is not None:
                yield from self._told(self._under(comment.replies.data, comment.id), media, url)

    def _under(self, comments: Sequence[Comment], parent: str) -> Sequence[Comment]:
        """Replies with what they reply to, which Instagram may leave out."""
        return [each if each.parent_id or not parent else each.model_copy(update={"parent_id": parent})
                for each in comments]  # fmt: skip


def _is_below(comments: Sequence[Comment], lowest: datetime) -> bool:
    """Whether a page ends below what is looked for, in an order by which nothing newer can follow."""
    times = [comment.timestamp for comment in comments]
    return bool(times) and times == sorted(times, reverse=True) and len(set(times)) > 1 and times[-1] < lowest


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
