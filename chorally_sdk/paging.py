"""Walking listings so that nothing is missed and a kill at any page resumes in place."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from chorally_sdk.model.base import Cursor
from chorally_sdk.model.inbound import Event, Page


class Item(NamedTuple):
    """An element of a listing: when it changed, and the events it gives."""

    changed_at: datetime
    events: Sequence[Event]


async def descend(
    cursor: Cursor | None,
    since: datetime | None,
    page: Callable[[str | None], Awaitable[tuple[Sequence[Item], str | None]]],
) -> AsyncIterator[Page]:
    """Walk a newest-first listing down to where the last complete walk began.

    What changes during a walk moves above where the walk began, and is found by the next one: only the
    first page tells how high that is.

    Args:
        cursor: ``{floor}`` at rest, ``{floor, top, token}`` under way, None at first.
        since: Floor of the first walk; None walks to the end.
        page: Returns the items of a page and the token of the next, None after the last.
    """
    at: dict[str, Any] = dict(cursor or {})
    floor = datetime.fromisoformat(at["floor"]) if at.get("floor") else since
    top = datetime.fromisoformat(at["top"]) if at.get("top") else floor
    token: str | None = at.get("token")
    while True:
        first = token is None
        items, token = await page(token)
        for item in items if first else ():
            top = item.changed_at if top is None or item.changed_at > top else top
        fresh = [item for item in items if floor is None or item.changed_at >= floor]
        done = token is None or len(fresh) < len(items)
        highest = top.isoformat() if top else None
        at = (
            {"floor": highest}
            if done
            else {"floor": floor.isoformat() if floor else None, "top": highest, "token": token}
        )
        yield Page(events=tuple(event for item in fresh for event in item.events), cursor=at, done=done)
        if done:
            return
