"""Reads rooms by long polling; where a sync shows only the end of what was said, the rest is read backwards.

The cursor is ``{since, rooms, join}``: the token of the last sync, the rooms of which a part is still to be read (from
where, and up to which token), and invitations that are to be accepted. It goes on from any page.
"""

import json
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

import chorally_sdk as sdk
from chorally_matrix import ids
from chorally_matrix.shapes import Event, Listing, Room, Surroundings, Synced, read
from chorally_matrix.translate import (
    Scene,
    instant,
    is_edit,
    names_in,
    read_up_to,
    replaced,
    to_events,
    to_message,
)

_log = logging.getLogger(__name__)

WAIT_MS = 30_000
"""How long a homeserver holds an answer while nothing happens."""

_TIMEOUT = httpx.Timeout(30.0, connect=10.0, read=WAIT_MS / 1000 + 30)
_ROUNDS = 20  # syncs after which what is still told counts as news
_AT_ONCE = 50  # events of a room in one sync
_FIRST = 1  # in the first one, which is about all rooms
_PAGE = 100  # events of a page of what was said before
_LAZY = {"lazy_load_members": True, "include_redundant_members": True}
_NO_MORE = frozenset({sdk.Reason.PERMISSION, sdk.Reason.GONE})


@dataclass(frozen=True)
class Place:
    """Whose rooms are read, and where."""

    http: sdk.Http
    base: str
    us: str
    accepts_invites: bool = True


@dataclass
class Progress:
    """How far the reading is; what a cursor holds."""

    since: str = ""
    rooms: dict[str, dict[str, str]] = field(default_factory=dict)
    join: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, cursor: sdk.Cursor | None) -> "Progress":
        """Return what a cursor says; a new beginning where there is none."""
        told = cursor or {}
        rooms = {room: dict(gap) for room, gap in told.get("rooms", {}).items()}
        return cls(str(told.get("since", "")), rooms, list(told.get("join", [])))

    def cursor(self) -> dict[str, Any]:
        """Return it as a cursor."""
        rooms = {room: dict(gap) for room, gap in self.rooms.items()}
        parts = {"since": self.since, "rooms": rooms, "join": list(self.join)}
        return {name: part for name, part in parts.items() if part}


async def walk(place: Place, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
    """Yield what is said in all rooms from the cursor on, and never end.

    A token that the homeserver no longer knows begins anew; what is known comes again under the same ids.
    """
    reader = Reader(place, since)
    progress = Progress.of(cursor)
    try:
        async for page in reader.caught_up(progress):
            yield page
    except sdk.Rejected as error:
        if error.reason is not sdk.Reason.INVALID or not progress.since:
            raise
        _log.info("the homeserver does not know the cursor any more: reading begins anew")
        progress = Progress()
        async for page in reader.caught_up(progress):
            yield page
    while True:
        async for page in reader.news(progress):
            yield page


class Reader:
    """Reads rooms for one user; nothing older than ``since`` is wanted."""

    def __init__(self, place: Place, since: datetime | None) -> None:
        self._place = place
        self._since = since

    async def caught_up(self, progress: Progress) -> AsyncIterator[sdk.Page]:
        """Yield what happened until now; the last page is done.

        Homeservers may answer the same sync from memory for a while (Synapse 1.163 does for two minutes), so an answer
        that tells something is followed by another sync until one tells nothing.
        """
        async for page in self._left(progress):
            yield page
        for _ in range(_ROUNDS):
            events, is_news = await self._synced(progress, wait_ms=0)
            if not is_news:
                break
            yield sdk.Page(events=tuple(events), cursor=progress.cursor())
            async for page in self._left(progress):
                yield page
        yield sdk.Page(events=(), cursor=progress.cursor(), done=True)

    async def news(self, progress: Progress) -> AsyncIterator[sdk.Page]:
        """Wait for something to happen and yield it; the last page, if there is one, is done."""
        events, is_news = await self._synced(progress, wait_ms=WAIT_MS)
        if not is_news:
            return
        is_all = not progress.rooms and not progress.join
        yield sdk.Page(events=tuple(events), cursor=progress.cursor(), done=is_all)
        if not is_all:
            async for page in self._left(progress):
                yield page
            yield sdk.Page(events=(), cursor=progress.cursor(), done=True)

    async def _synced(self, progress: Progress, *, wait_ms: int) -> tuple[list[sdk.Event], bool]:
        """Sync once; what it told, and whether that was anything, be it only something to be read."""
        before = progress.since
        answer = await self._sync(before, wait_ms)
        events, gaps = await self._events_of(answer, before)
        if (events or gaps) and answer.next_batch == before:
            raise sdk.Malformed("the sync tells something, and leads back to where it began")
        progress.since = answer.next_batch
        progress.rooms |= gaps
        invited = [room for room in answer.rooms.invite if room not in progress.join]
        if self._place.accepts_invites:
            progress.join += invited
        return events, bool(events or gaps or not before or (invited and self._place.accepts_invites))

    async def _left(self, progress: Progress) -> AsyncIterator[sdk.Page]:
        """Yield what earlier syncs left to be read, and accept the invitations that they told of."""
        for room in list(progress.join):
            await join(self._place, room)
            progress.join.remove(room)
        while progress.rooms:
            room, gap = next(iter(progress.rooms.items()))
            listing = await self._before(room, gap)
            events: list[sdk.Event] = []
            if listing is not None:
                scene = Scene(room, self._place.us, names_in(listing.state))
                events = await self.translated(list(reversed(listing.chunk)), scene)
            following = self.following(listing)
            if following == gap.get("from"):
                raise sdk.Malformed("what was said in a room before leads back to the page that was read")
            if following is None:
                del progress.rooms[room]
            else:
                progress.rooms[room] = {**gap, "from": following}
            yield sdk.Page(events=tuple(events), cursor=progress.cursor())

    def following(self, listing: Listing | None) -> str | None:
        """Return where the page before begins; None where there is none that is wanted."""
        if listing is None or not listing.end:
            return None
        is_old = bool(listing.chunk) and all(not self._is_wanted(event) for event in listing.chunk)
        return None if is_old else listing.end

    def _is_wanted(self, event: Event) -> bool:
        return self._since is None or instant(event.origin_server_ts) >= self._since

    async def _events_of(self, answer: Synced, before: str) -> tuple[list[sdk.Event], dict[str, dict[str, str]]]:
        events: list[sdk.Event] = []
        gaps: dict[str, dict[str, str]] = {}
        for room, told in [*answer.rooms.join.items(), *answer.rooms.leave.items()]:
            names = names_in([*told.state.events, *(event.model_dump() for event in told.timeline.events)])
            scene = Scene(room, self._place.us, names)
            events += await self.translated(told.timeline.events, scene)
            events += read_up_to(told.ephemeral.events, scene, self._since)
            if self._has_gap(told, is_first=not before) and told.timeline.prev_batch:
                gaps[room] = {"from": told.timeline.prev_batch, **({"to": before} if before else {})}
        return events, gaps

    def _has_gap(self, room: Room, *, is_first: bool) -> bool:
        """Whether something was said before what is shown; at first, nothing is wanted that is too old."""
        if not room.timeline.limited:
            return False
        shown = room.timeline.events
        return not (is_first and shown and not self._is_wanted(shown[0]))

    async def translated(self, events: list[Event], scene: Scene) -> list[sdk.Event]:
        """Return what events become, in their order; edits, as what they make of what was said before."""
        here = {event.event_id: event for event in events}
        found: list[sdk.Event] = []
        for event in events:
            if not self._is_wanted(event):
                continue
            if is_edit(event):
                found += await self._edited(event, here.get(replaced(event)), scene)
            else:
                found += to_events(event, scene)
        return found

    async def _edited(self, edit: Event, original: Event | None, scene: Scene) -> list[sdk.Event]:
        """The message that an edit is about, as the edit left it; alone, where nothing else may be seen of it."""
        if not replaced(edit):
            return []
        names = dict(scene.names)
        if original is None:
            try:
                around = await surroundings(self._place, scene.room, replaced(edit))
            except sdk.Rejected:  # gone, not shown to us, or no event at all: whoever edits can name anything
                return [to_message(edit.model_copy(update={"event_id": replaced(edit)}), scene, edit)]
            original, names = around.event, {**names_in(around.state), **names}
        is_other = original.type != edit.type or original.state_key is not None or original.sender != edit.sender
        if is_other or is_edit(original):
            return []  # an edit by anybody else, of another kind, or of an edit, counts for nothing (1.16, "Validity")
        if "redacted_because" in original.unsigned or "redacted_because" in edit.unsigned:
            return []
        return [to_message(original, Scene(scene.room, scene.us, names), edit)]

    async def _sync(self, since: str, wait_ms: int) -> Synced:
        params: dict[str, Any] = {"filter": sync_filter(_AT_ONCE if since else _FIRST), "set_presence": "offline"}
        params |= {"since": since, "timeout": wait_ms} if since else {"timeout": 0}
        url = f"{self._place.base}{ids.CLIENT}/sync"
        answer = await self._place.http.get(url, params=params, timeout=_TIMEOUT)
        return read(Synced, answer.content, "the answer to a sync")

    async def _before(self, room: str, gap: Mapping[str, str]) -> Listing | None:
        """A page of what was said before; None where the room may no longer be read."""
        params = {"dir": "b", **gap, "limit": _PAGE, "filter": json.dumps(_LAZY)}
        url = f"{self._place.base}{ids.path('rooms', room, 'messages')}"
        try:
            answer = await self._place.http.get(url, params=params)
        except sdk.Rejected as error:
            if error.reason not in _NO_MORE:
                raise
            _log.warning("what was said before in a room can no longer be read (%s)", error.reason)
            return None
        return read(Listing, answer.content, "what was said in a room")


def sync_filter(limit: int) -> str:
    """Return what a sync shall tell: what is said, by whom, and how far it was read."""
    nothing: dict[str, Any] = {"types": []}
    room = {
        "timeline": {"limit": limit, **_LAZY},
        "state": {"types": ["m.room.member"], **_LAZY},
        "ephemeral": {"types": ["m.receipt"]},
        "account_data": nothing,
    }
    return json.dumps({"room": room, "presence": nothing, "account_data": nothing})


async def surroundings(place: Place, room: str, event: str) -> Surroundings:
    """Return an event with the membership of its sender, so that the name is known.

    Raises:
        Rejected: There is none, or it may not be seen.
    """
    url = f"{place.base}{ids.path('rooms', room, 'context', event)}"
    answer = await place.http.get(url, params={"limit": 0, "filter": json.dumps(_LAZY)})
    return read(Surroundings, answer.content, "an event and what is around it")


async def join(place: Place, room: str) -> None:
    """Accept an invitation; one that was taken back, or cannot be accepted, is let pass."""
    try:
        await place.http.post(f"{place.base}{ids.path('rooms', room, 'join')}", json={})
    except sdk.Rejected as error:
        _log.warning("an invitation could not be accepted (%s)", error.reason)
