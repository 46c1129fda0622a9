"""Leases as documents that are changed by compare-and-swap.

No clock of another machine is trusted. A holder counts from before it stored a version, a contender from after it
first saw that version; so a contender that waits for the whole time begins after the holder has ended, as long as
their clocks run about equally fast. The margin covers the difference.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from typing import NamedTuple

import msgspec
import structlog

from chorally_core.ports.documents import Conflict, Documents, Key, Write
from chorally_core.ports.leases import Lease

log = structlog.get_logger(__name__)

_ROUNDS = 4  # tries to renew the others when one of many was lost in between


class _Seen(NamedTuple):
    """A version of a lease, and since when this process knows it."""

    version: int
    since: float


def since_boot() -> float:
    """Return seconds since the machine was started, those of its sleep included where the system counts them."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class StoredLeases:
    """Serves the leases port from documents; what is asked for at the same time is one read and one write."""

    def __init__(
        self,
        documents: Documents,
        holder: str,
        *,
        ttl_s: float = 10.0,
        margin_s: float | None = None,
        monotonic: Callable[[], float] = since_boot,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Prepare to hold names; nothing is asked yet.

        Args:
            documents: Where the leases are.
            holder: This process; another one after each start, and not to be guessed.
            ttl_s: Seconds after which others take over what is not renewed.
            margin_s: Seconds before that at which it counts as not held any more; a fifth where None.
            monotonic: Seconds that only grow.
            sleep: Waits for seconds.
        """
        self.holder = holder
        self._documents = documents
        self._ttl_s = ttl_s
        self._margin_s = ttl_s / 5 if margin_s is None else margin_s
        self._monotonic = monotonic
        self._sleep = sleep
        self._until: dict[str, float] = {}
        self._seen: dict[str, _Seen] = {}
        self._asked: dict[str, asyncio.Future[bool]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._on_lost: list[Callable[[str], None]] = []

    def on_lost(self, told: Callable[[str], None]) -> None:
        """Have a function told the name of each lease that is lost, at the latest when it ends."""
        self._on_lost.append(told)

    def held(self, name: str) -> bool:
        """Whether the name is certainly this process's now."""
        return name in self._until and self._until[name] > self._monotonic()

    async def hold(self, name: str) -> bool:
        """Acquire or renew a name; False while another process holds it."""
        loop = asyncio.get_running_loop()
        answer = self._asked.setdefault(name, loop.create_future())
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(answer)

    async def hold_many(self, names: Collection[str]) -> set[str]:
        """Acquire or renew names with one read and one write; return those that are held."""
        if not names:
            return set()
        async with self._one_at_a_time:
            await self._round(names)
        return {name for name in names if self.held(name)}

    async def watch(self, names: Collection[str]) -> None:
        """Look at names without wanting them: where their holder is gone, ``hold`` need not begin to wait then."""
        stored = await self._load([name for name in names if not self.held(name)])
        for name, lease in stored.items():
            self._is_over(name, lease)

    async def _ask(self) -> None:
        """Answer all that was asked for, and what is asked for meanwhile after it."""
        await asyncio.sleep(0)  # let others ask, too
        while self._asked:
            asked, self._asked = self._asked, {}
            try:
                async with self._one_at_a_time:
                    await self._round(asked)
            except Exception as error:
                for answer in asked.values():
                    answer.set_exception(error)
                    answer.exception()  # whoever asked may be gone
            else:
                for name, answer in asked.items():
                    answer.set_result(self.held(name))
            finally:
                for answer in asked.values():
                    answer.cancel()  # where this task was cancelled itself

    async def _round(self, names: Collection[str]) -> None:
        """Store a new version of each name that is this process's, nobody's, or not renewed for its whole time."""
        left = set(names)
        for _ in range(_ROUNDS):
            stored = await self._load(left)
            wanted = [lease for name in left if (lease := self._mine_next(name, stored.get(name))) is not None]
            for name in left - {lease.id for lease in wanted}:
                self._is_lost(name)
            if not wanted:
                return
            began = self._monotonic()
            try:
                await self._documents.write([Write(lease, lease.version - 1) for lease in wanted])
                is_certain = all(lease.version > 1 for lease in wanted)
            except Conflict:
                is_certain = False
            if is_certain:
                for lease in wanted:
                    self._is_mine(lease, began)
                return
            now = await self._load([lease.id for lease in wanted])
            left = set()
            for lease in wanted:
                if now.get(lease.id) == lease:
                    self._is_mine(lease, began)
                else:
                    left.add(lease.id)
            if not left:
                return

    async def _load(self, names: Collection[str]) -> dict[str, Lease]:
        found = await self._documents.load([Key.by_id(Lease, name) for name in names])
        return {key.value: lease for key, lease in found.items() if isinstance(lease, Lease)}

    def _mine_next(self, name: str, stored: Lease | None) -> Lease | None:
        """The next version of a lease, where this process may store it."""
        if stored is None:
            return Lease(id=name, tenant="", holder=self.holder, ttl_s=self._ttl_s, version=1)
        if stored.holder not in ("", self.holder) and not self._is_over(name, stored):
            return None
        return msgspec.structs.replace(stored, holder=self.holder, ttl_s=self._ttl_s, version=stored.version + 1)

    def _is_over(self, name: str, stored: Lease) -> bool:
        """Whether another's lease was seen unchanged for its whole time."""
        now = self._monotonic()
        seen = self._seen.get(name)
        if seen is None or seen.version != stored.version:
            self._seen[name] = _Seen(stored.version, now)
            return False
        return now - seen.since >= stored.ttl_s

    def _is_mine(self, lease: Lease, began: float) -> None:
        if lease.id not in self._until:
            log.debug("lease held", name=lease.id)
        self._seen.pop(lease.id, None)
        self._until[lease.id] = began + self._ttl_s - self._margin_s

    def _is_lost(self, name: str) -> None:
        if self._until.pop(name, None) is None:
            return
        log.warning("lease lost", name=name)
        for told in self._on_lost:
            told(name)

    async def release(self, name: str) -> None:
        """Give a name back, so that another process can have it at once."""
        await self.release_many([name])

    async def release_many(self, names: Collection[str]) -> None:
        """Give names back with one read and one write."""
        ours = [name for name in names if self._until.pop(name, None) is not None]
        if not ours:
            return
        async with self._one_at_a_time:
            for name in ours:
                self._until.pop(name, None)  # a round that was under way may have renewed it
            for _ in range(_ROUNDS):
                stored = await self._load(ours)
                given = [
                    Write(msgspec.structs.replace(lease, holder="", version=lease.version + 1), lease.version)
                    for lease in stored.values()
                    if lease.holder == self.holder
                ]
                try:
                    if given:
                        await self._documents.write(given)
                    return
                except Conflict:
                    log.info("a lease changed while it was given back", names=ours)

    async def renew(self) -> None:
        """Renew everything that is held, in one read and one write, and tell of what is lost."""
        names = list(self._until)
        try:
            async with asyncio.timeout(self._ttl_s / 3):
                async with self._one_at_a_time:
                    await self._round(list(self._until))
        except Exception as error:
            log.warning("leases could not be renewed", count=len(names), exc_info=error)
        for name in names:
            if name in self._until and not self.held(name):
                self._is_lost(name)

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            await self._sleep(self._ttl_s / 4)
            await self.renew()

    async def stop(self) -> None:
        """Give everything back; what the store does not take ends by itself."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        for answer in self._asked.values():
            answer.cancel()
        try:
            async with asyncio.timeout(self._ttl_s / 3):
                await self.release_many(list(self._until))
        except Exception as error:
            log.warning("leases could not be given back", exc_info=error)
