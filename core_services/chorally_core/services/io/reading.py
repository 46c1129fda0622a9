"""Who reads the journal: where there is one process, it reads its own lane; where there are several, one reads all.

Hooks that were answered one after the other are read in that order, whichever process took them. So there is one
reader, which merges the lanes by time of arrival: in each round it takes what had arrived when the round began.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
import structlog

from chorally_core.ports.documents import Conflict, Query
from chorally_core.ports.leases import Leases
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.services.io.journal import Journal
from chorally_core.services.io.lanes import MAIN, all_lanes, instant, stamp, unread
from chorally_core.services.io.members import Members
from chorally_core.services.io.model import Hook, Lane

log = structlog.get_logger(__name__)

LEASE = "io/journal"
"""Held by the one reader."""

_LEFT = 100_000  # hooks of a lane that the only process takes over at a start
_PATIENCE_S = 1.0  # after which a hook from the future, by this machine's clock, is read all the same
_KEPT = timedelta(hours=1)  # that a lane without hooks is remembered after its writer was found gone
_LOOKED_AT_S = 30.0  # between looks at lanes whose writer is gone
_AGAIN_S = 1.0  # between attempts to become the reader


class Reader(Protocol):
    """Gives the hooks that were not read, in order."""

    on_begun: Callable[[], None]
    """Called when this process becomes the reader: another may have read meanwhile."""

    async def load(self) -> None:
        """Begin again behind what was stored as read."""

    async def take(self, limit: int) -> list[Hook]:
        """Return the next hooks; they are given once until ``load``."""

    async def moved(self, hooks: Sequence[Hook]) -> list[Lane]:
        """Return the positions to be stored with what became of hooks."""

    def reached(self, hooks: Sequence[Hook]) -> None:
        """Note that hooks are done, and the positions stored."""


class OwnReader:
    """Reads the lane of the only process, most of it from memory; what several left unread comes before it."""

    def __init__(self, ledger: Ledger, journal: Journal) -> None:
        self._ledger = ledger
        self._journal = journal
        self._position: Lane | None = None
        self._left: deque[Hook] | None = None
        self.on_begun: Callable[[], None] = lambda: None
        """Never called: there is no other."""
        self._others: dict[str, Lane] = {}

    async def load(self) -> None:
        """Begin again behind what was stored as read."""
        self._position = None
        self._left = None
        await self._journal.load()

    async def _left_by_others(self) -> deque[Hook]:
        """What other processes took and nobody read, from when there were several."""
        documents = self._ledger.documents
        lanes = [lane for lane in await all_lanes(documents) if lane.id != MAIN]
        self._others = {lane.id: lane for lane in lanes}
        hooks: list[Hook] = []
        for lane in lanes:
            where = unread(lane)
            hooks += await documents.find(Query(Hook, None, where, order="place", limit=_LEFT))
        return deque(sorted(hooks, key=lambda hook: hook.id))

    async def take(self, limit: int) -> list[Hook]:
        """Return the next hooks."""
        if self._left is None:
            self._left = await self._left_by_others()
        if self._left:
            return [self._left.popleft() for _ in range(min(limit, len(self._left)))]
        return await self._journal.take(limit)

    async def moved(self, hooks: Sequence[Hook]) -> list[Lane]:
        """Return the position of the lane, or of those that others left."""
        if hooks[-1].lane != MAIN:
            return _moved(self._others, hooks)
        position = self._position
        if position is None:
            position = await self._ledger.documents.get(Lane, MAIN)
        position = position or Lane(id=MAIN, tenant="")
        self._position = msgspec.structs.replace(position, upto=hooks[-1].id, closed_at=None)
        return [self._position]

    def reached(self, hooks: Sequence[Hook]) -> None:
        """Note that hooks are done."""
        if hooks[-1].lane == MAIN:
            self._journal.reached(hooks[-1], len(hooks))


class MergingReader:
    """Reads all lanes for as long as this process holds the lease."""

    def __init__(
        self,
        ledger: Ledger,
        leases: Leases,
        members: Members,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        page: int = 500,
        look_every_s: float = 0.25,
    ) -> None:
        """Prepare to read; nothing is read before the lease is held.

        Args:
            ledger: Where hooks and positions are.
            leases: Says who reads.
            members: Knows which writers live.
            now: The clock.
            monotonic: Seconds that only grow.
            page: Hooks of a lane that are read at once.
            look_every_s: Seconds between looks where nobody wakes the reader.
        """
        self._ledger = ledger
        self._leases = leases
        self._members = members
        self._now = now
        self._monotonic = monotonic
        self._page = page
        self._look_every_s = look_every_s
        self._lanes: dict[str, Lane] = {}
        self._ready: deque[Hook] = deque()
        self._taken = 0
        self._loads = 0
        self._ahead: dict[str, tuple[str, float]] = {}
        self._looked_at_closed = -_LOOKED_AT_S
        self._main_is_read = False
        self._woken = asyncio.Event()
        self.on_begun: Callable[[], None] = lambda: None
        """Called when this process becomes the reader: another may have read meanwhile."""

    @property
    def is_reader(self) -> bool:
        """Whether this process is the one that reads."""
        return self._leases.held(LEASE)

    def wake(self) -> None:
        """Look now."""
        self._woken.set()

    async def load(self) -> None:
        """Forget what was not stored as read; the next look begins behind it."""
        self._loads += 1
        self._ready.clear()
        self._lanes.clear()
        self._taken = 0
        self._main_is_read = False
        self._woken.set()

    async def take(self, limit: int) -> list[Hook]:
        """Return the next hooks of those that the last look found, while this process is the reader."""
        if not self.is_reader:
            self._ready.clear()
            return []
        hooks = [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]
        self._taken += len(hooks)
        return hooks

    async def moved(self, hooks: Sequence[Hook]) -> list[Lane]:
        """Return the positions of the lanes that hooks are of.

        Raises:
            Conflict: Another process reads by now.
        """
        if not self.is_reader:
            raise Conflict(Lane.kind, "")
        return _moved(self._lanes, hooks)

    def reached(self, hooks: Sequence[Hook]) -> None:
        """Note that hooks are done, and the positions stored."""
        self._taken -= len(hooks)
        if not self._ready:
            self._woken.set()

    async def look(self) -> int:
        """Find what has arrived since the last round, once that is done with; return how much there is to take."""
        if not self.is_reader:
            if not await self._leases.hold(LEASE):
                return 0
            self.on_begun()
        if self._ready or self._taken:
            return len(self._ready)
        loads = self._loads
        until = stamp(self._now())
        lanes = await all_lanes(self._ledger.documents)
        monotonic = self._monotonic()
        with_closed = monotonic - self._looked_at_closed >= _LOOKED_AT_S
        read = [lane for lane in lanes if self._is_read(lane, with_closed)]
        pages = await asyncio.gather(*(self._unread(lane) for lane in read))
        if loads != self._loads:
            return 0
        if with_closed:
            self._looked_at_closed = monotonic
        self._lanes = {lane.id: lane for lane in lanes}
        self._ready.extend(self._merged(read, pages, until))
        if self._ready:
            self._ledger.bus.wake()
        return len(self._ready)

    def _is_read(self, lane: Lane, with_closed: bool) -> bool:
        if lane.id == MAIN:
            return lane.closed_at is None and not self._main_is_read
        return lane.closed_at is None or with_closed

    async def _unread(self, lane: Lane) -> list[Hook]:
        order = "id" if lane.id == MAIN else "place"
        found: list[Hook] = await self._ledger.documents.find(
            Query(Hook, None, unread(lane), order=order, limit=self._page)
        )
        if lane.id == MAIN and not found:
            self._main_is_read = True
        return found

    def _merged(self, lanes: Sequence[Lane], pages: Sequence[list[Hook]], until: int) -> list[Hook]:
        """What can be taken, in order: what had arrived, and is not behind what a full page left out."""
        merged: list[Hook] = []
        left_out = []
        for lane, page in zip(lanes, pages, strict=True):
            if len(page) == self._page:
                left_out.append(page[-1].id)
            merged += self._arrived(lane, page, until)
        merged.sort(key=lambda hook: hook.id)
        last = min(left_out, default=None)
        return merged if last is None else [hook for hook in merged if hook.id <= last]

    def _arrived(self, lane: Lane, page: list[Hook], until: int) -> list[Hook]:
        """Those of a lane's hooks that had arrived; one from the future is waited for, but not for long."""
        if not page or instant(page[-1].id) <= until:
            self._ahead.pop(lane.id, None)
            return page
        now = self._monotonic()
        known, since = self._ahead.get(lane.id, ("", now))
        if not known or instant(known) <= until:  # what was waited for has arrived; this one is another
            known, since = self._ahead[lane.id] = (page[-1].id, now)
        if now - since < _PATIENCE_S:
            return [hook for hook in page if instant(hook.id) <= until]
        log.warning("a clock is ahead of the reader's", lane=lane.id, writer=lane.writer)
        del self._ahead[lane.id]
        return [hook for hook in page if hook.id <= known or instant(hook.id) <= until]

    async def tidy(self) -> None:
        """Close the lanes whose writer is gone, and forget those of which nothing is stored any more."""
        if not self.is_reader:
            return
        lanes = await all_lanes(self._ledger.documents)
        await self._members.look()  # after the lanes: whoever opened one of them was there before it
        for lane in lanes:
            if lane.id == MAIN:
                if self._main_is_read and lane.closed_at is None:
                    await self._close(lane)
                continue
            if not self._members.is_gone("api", lane.writer):
                continue
            query = Query(Hook, None, unread(lane), order="place", limit=1)
            if await self._ledger.documents.find(query):
                continue
            if lane.closed_at is None:
                await self._close(lane)
            elif self._now() - lane.closed_at > _KEPT and not await self._has_hooks(lane):
                await self._ledger.documents.delete(Lane, [lane.id])

    async def _close(self, lane: Lane) -> None:
        if self._ready or self._taken:  # its position may be about to move
            return
        closed = msgspec.structs.replace(lane, closed_at=self._now())
        try:
            await self._ledger.commit(Work([Step.of([closed])]))
        except Conflict:
            log.info("lane changed meanwhile", lane=lane.id)
        else:
            self._lanes.pop(lane.id, None)
            log.info("journal lane closed", lane=lane.id)

    async def _has_hooks(self, lane: Lane) -> bool:
        everything = msgspec.structs.replace(lane, read="")
        query = Query(Hook, None, unread(everything), order="place", limit=1)
        return bool(await self._ledger.documents.find(query))

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            self._woken.clear()
            pause = self._look_every_s
            try:
                await self.look()
                pause = self._look_every_s if self.is_reader else _AGAIN_S
            except Exception as error:
                log.error("the journal could not be looked at", exc_info=error)
                pause = _AGAIN_S
            try:
                async with asyncio.timeout(pause):  # wait_for of Python 3.11 may swallow a cancellation
                    if pause == _AGAIN_S:
                        await asyncio.Event().wait()
                    await self._woken.wait()
            except TimeoutError:
                continue


def _moved(lanes: dict[str, Lane], hooks: Sequence[Hook]) -> list[Lane]:
    """The positions behind hooks, by lane, which are remembered as they will be stored."""
    last = {hook.lane: hook for hook in hooks}
    positions = [
        msgspec.structs.replace(lanes[lane], upto=hook.id, read=hook.place or "", closed_at=None)
        for lane, hook in last.items()
    ]
    lanes.update((lane.id, lane) for lane in positions)
    return positions
