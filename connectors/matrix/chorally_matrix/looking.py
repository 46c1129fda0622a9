"""Reads rooms for an application service, which may not sync.

Transactions tell it everything; this is for what was said before it was connected, and a net under them. The cursor is
``{rooms, left, fresh}``: up to where each room was read, the rooms that this round has still to read, and those of
them that are read for the first time, backwards.
"""

import json
import logging
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import chorally_sdk as sdk
from chorally_matrix import ids
from chorally_matrix.shapes import Joined, Listing, read
from chorally_matrix.syncing import Place, Reader
from chorally_matrix.translate import Scene, names_in

_log = logging.getLogger(__name__)
_PAGE = 100
_LAZY = json.dumps({"lazy_load_members": True, "include_redundant_members": True})
_NO_MORE = frozenset({sdk.Reason.PERMISSION, sdk.Reason.GONE})


async def walk(place: Place, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
    """Yield what was said in all rooms since the last round; in a room that is new, since ``since``."""
    told = cursor or {}
    read_to: dict[str, str] = dict(told.get("rooms", {}))
    left: dict[str, dict[str, str]] = {room: dict(where) for room, where in told.get("left", {}).items()}
    if not left:
        joined = await _joined(place)
        left = {room: {"dir": "f", "from": read_to[room]} if room in read_to else {"dir": "b"} for room in joined}
        read_to = {room: at for room, at in read_to.items() if room in left}
    reader = Reader(place, since)
    while left:
        room, where = next(iter(left.items()))
        listing = await _page(place, room, where)
        events: list[sdk.Event] = []
        following = None
        if listing is not None:
            is_back = where["dir"] == "b"
            chunk = list(reversed(listing.chunk)) if is_back else listing.chunk
            events = await reader.translated(chunk, Scene(room, place.us, names_in(listing.state)))
            if is_back:
                read_to.setdefault(room, listing.start or "")
                following = reader.following(listing)
            else:
                following = listing.end if listing.chunk else None
                read_to[room] = following or where["from"]
        if following is not None and following == where.get("from"):
            raise sdk.Malformed("what was said in a room leads back to the page that was read")
        left = {name: each for name, each in left.items() if name != room}
        if following is not None:
            left = {room: {**where, "from": following}, **left}
        yield sdk.Page(events=tuple(events), cursor=_cursor(read_to, left), done=not left)
        if not left:
            return
    yield sdk.Page(events=(), cursor=_cursor(read_to, left), done=True)


def _cursor(read_to: Mapping[str, str], left: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    return {"rooms": dict(read_to), **({"left": {room: dict(where) for room, where in left.items()}} if left else {})}


async def _joined(place: Place) -> list[str]:
    answer = await place.http.get(f"{place.base}{ids.CLIENT}/joined_rooms")
    return read(Joined, answer.content, "the rooms that were joined").joined_rooms


async def _page(place: Place, room: str, where: Mapping[str, str]) -> Listing | None:
    url = place.base + ids.path("rooms", room, "messages")
    try:
        answer = await place.http.get(url, params={**where, "limit": _PAGE, "filter": _LAZY})
    except sdk.Rejected as error:
        if error.reason not in _NO_MORE:
            raise
        _log.warning("a room can no longer be read (%s)", error.reason)
        return None
    return read(Listing, answer.content, "what was said in a room")
