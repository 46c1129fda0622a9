"""Pulling notifications: replies, mentions and quotes, the newest first, down to where the last walk began.

A notification's place in the list is the time that its author's program wrote, where that is earlier than Bluesky's
own. So each walk looks again some way below its floor; what a clock hides deeper, and what brought no notification
at all, is read from the threads.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import chorally_sdk as sdk
from chorally_bluesky.asking import AppView
from chorally_bluesky.shapes import Notification, Notifications
from chorally_bluesky.translate import hidden, is_shown, to_message

NAME = "app.bsky.notification.listNotifications"
REASONS = ("mention", "reply", "quote")
AT_ONCE = 100
OVERLAP = timedelta(hours=1)
"""How far below its floor a walk looks again."""


@dataclass(frozen=True)
class _Place:
    floor: datetime | None
    """The newest notification when the last complete walk began."""
    top: datetime | None = None
    """The newest one when this walk began."""
    token: str | None = None

    @classmethod
    def of(cls, cursor: sdk.Cursor | None) -> "_Place":
        at = cursor or {}
        return cls(_time(at.get("floor")), _time(at.get("top")), at.get("token"))

    @property
    def cursor(self) -> dict[str, str | None]:
        if self.token is None:
            return {"floor": _iso(self.floor)}
        return {"floor": _iso(self.floor), "top": _iso(self.top), "token": self.token}


async def walk(
    appview: AppView, account: str, cursor: sdk.Cursor | None, since: datetime | None, *, is_seen: bool = False
) -> AsyncIterator[sdk.Page]:
    """Yield what people said to the account since the cursor.

    Args:
        appview: Asked.
        account: DID of the account.
        cursor: ``{floor}`` at rest, ``{floor, top, token}`` under way.
        since: Nothing older is wanted.
        is_seen: Whether what is stored counts as seen on Bluesky too.

    Raises:
        Malformed: The listing leads back to a page that was read.
    """
    place, asked = _Place.of(cursor), set[str]()
    is_resumed = place.token is not None
    if is_seen and place.floor and not is_resumed:
        await appview.seen(_iso(place.floor) or "")
    while True:
        try:
            listed = await _page(appview, place.token)
        except sdk.Rejected as error:
            if not is_resumed or error.reason is not sdk.Reason.INVALID:
                raise
            place, is_resumed = _Place(place.floor), False  # the token is not known any more
            continue
        is_resumed = False
        if listed.cursor is not None and listed.cursor in asked | {place.token}:
            raise sdk.Malformed("the list of notifications leads back to a page that was read before")
        asked.add(listed.cursor or "")
        place, fresh = _after(place, listed, since)
        yield sdk.Page(
            events=tuple(event for each in fresh for event in _events(each, account)),
            cursor=place.cursor,
            done=place.token is None,
        )
        if place.token is None:
            return


def _after(place: _Place, listed: Notifications, since: datetime | None) -> tuple[_Place, list[Notification]]:
    """The place after a page, and what of the page is wanted."""
    top = place.top
    if place.token is None:  # only the first page tells how high the list is
        top = max((*(each.indexed_at for each in listed.notifications), *_known(place.floor)), default=None)
    lowest = max((*_known(place.floor and place.floor - OVERLAP), *_known(since)), default=None)
    fresh = [each for each in listed.notifications if lowest is None or each.indexed_at >= lowest]
    is_below = bool(listed.notifications) and len(fresh) == 0
    if listed.cursor is None or is_below or not listed.notifications:
        return _Place(top or since), fresh
    return _Place(place.floor, top, listed.cursor), fresh


def _events(told: Notification, account: str) -> list[sdk.Event]:
    if "text" not in told.record:  # nothing was said, or nothing that can be read: the threads tell
        return [sdk.Ping(stream="threads")]
    events: list[sdk.Event] = [to_message(told, account)]
    if not is_shown(told):
        events.append(hidden(told.uri, told.indexed_at, "moderation"))
    return events


async def _page(appview: AppView, token: str | None) -> Notifications:
    asked: dict[str, Any] = {"reasons": list(REASONS), "limit": AT_ONCE, "cursor": token}
    return await appview.get(Notifications, NAME, asked)


def _known(at: datetime | None) -> tuple[datetime, ...]:
    return () if at is None else (at,)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
