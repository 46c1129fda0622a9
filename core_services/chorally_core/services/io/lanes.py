"""Lanes of the journal where several processes take hooks: each appends to one of its own.

A lane has one writer, which numbers its hooks, so whoever reads on from a number misses nothing. A writer that
cannot tell whether hooks were stored leaves the lane and begins another, so that what becomes visible late is still
the last of its lane.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from chorally_core.ports.documents import Condition, Documents, Query
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.services.io.members import Members
from chorally_core.services.io.model import Hook, Lane

log = structlog.get_logger(__name__)

MAIN = "main"
"""The lane of the only process."""

_STEP = 1000


def place(lane: str, number: int) -> str:
    """Return the place of a lane's hook; places of a lane sort by number."""
    return f"{lane}/{number:012d}"


def number_of(at: str) -> int:
    """Return the number in a place; 0 for none."""
    return int(at.rpartition("/")[2] or 0)


def unread(lane: Lane) -> tuple[Condition, ...]:
    """Return what holds of a lane's hooks that were not read."""
    if lane.id == MAIN:
        return (Condition("lane", "is", MAIN), Condition("id", ">", lane.upto))
    return (Condition("place", ">", lane.read or place(lane.id, 0)), Condition("place", "<", f"{lane.id}0"))


async def all_lanes(documents: Documents) -> list[Lane]:
    """Return every lane, also those that are closed."""
    lanes: list[Lane] = []
    while True:
        after = (lanes[-1].id, lanes[-1].id) if lanes else None
        found: list[Lane] = await documents.find(Query(Lane, None, limit=_STEP, after=after))
        lanes += found
        if len(found) < _STEP:
            return lanes


async def oldest_unread(documents: Documents) -> str | None:
    """Return the id of the first hook that was not read, of whichever lane; None where everything was."""
    oldest = []
    for lane in await all_lanes(documents):
        order = "id" if lane.id == MAIN else "place"
        oldest += [h.id for h in await documents.find(Query(Hook, None, unread(lane), order=order, limit=1))]
    return min(oldest, default=None)


class OwnLane:
    """The lane to which this process appends; another one after each start and each trouble."""

    def __init__(self, ledger: Ledger, members: Members, *, new_id: Callable[[], str]) -> None:
        self._ledger = ledger
        self._members = members
        self._new_id = new_id
        self._last = 0
        self._opening = asyncio.Lock()
        self.name = ""
        """Empty where there is none at the moment."""

    @property
    def is_open(self) -> bool:
        """Whether hooks can be appended now, and will be read."""
        return bool(self.name) and self._members.is_certain("api")

    async def open(self) -> bool:
        """Register a lane, unless one is open; False where that is not possible now."""
        async with self._opening:
            if self.is_open:
                return True
            self.name = ""
            if not await self._members.join("api"):
                return False
            name = self._new_id()[:20]
            await self._ledger.commit(Work([Step.of([Lane(id=name, tenant="", writer=self._members.me)])]))
            self.name, self._last = name, 0
            log.info("journal lane opened", lane=name)
            return True

    def next_place(self) -> str:
        """Return the place of the next hook."""
        self._last += 1
        return place(self.name, self._last)

    def leave(self) -> None:
        """Append nothing more to this lane."""
        self.name = ""

    async def will_be_read(self, hooks: Sequence[Hook]) -> bool:
        """Whether hooks that were just stored are certain to be read; they are removed if they are not.

        The process may have stood still for so long that it was taken for dead, and its lane was removed.
        """
        if self._members.is_certain("api"):
            return True
        self.leave()
        if await self._ledger.documents.get(Lane, hooks[0].lane) is not None:
            return True
        await self._ledger.documents.delete(Hook, [hook.id for hook in hooks])
        return False


class Backlog:
    """How many hooks wait, of all lanes, as it was stored a moment ago."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._stored = 0
        self._since = 0

    @property
    def waiting(self) -> int:
        """Hooks that wait to be read: what was found last, and what this process stored since."""
        return self._stored + self._since

    def appended(self, count: int) -> None:
        """Count what this process stored."""
        self._since += count

    async def look(self) -> None:
        """Learn how many wait."""
        self._since = 0
        waiting = 0
        for lane in await all_lanes(self._documents):
            if lane.closed_at is not None:
                continue
            if lane.id == MAIN:
                waiting += await self._documents.count(Query(Hook, None, unread(lane)))
                continue
            last = Query(Hook, None, unread(lane), order="place", descending=True, limit=1)
            for hook in await self._documents.find(last):
                waiting += number_of(hook.place or "") - number_of(lane.read)
        self._stored = waiting


def instant(hook_id: str) -> int:
    """Return the stamp with which a hook's id begins."""
    return int(hook_id.partition("-")[0], 16)


def stamp(at: datetime) -> int:
    """Return the last stamp that a hook which arrived by then can have, unless many came in one millisecond."""
    return int(at.timestamp() * 1000) << 16 | 0xFFFF
