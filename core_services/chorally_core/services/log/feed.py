"""The history as it grows, for whoever follows it: nothing is lost, and resuming misses nothing.

Ids of entries begin with the time of what happened, which is not the order in which entries arrive; so
following goes by arrival. One look at the store every half second serves all followers of a process: it
fills a bounded tail for each tenant that is followed. Who is further behind than that reads the store.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import islice

import structlog

from chorally_core.ports.documents import ARRIVAL, Documents, Query
from chorally_core.services.log.model import LogEntry

log = structlog.get_logger(__name__)

_PAGE = 200


class TooMany(Exception):  # named for what it says
    """The tenant has as many followers as it may."""


class Lost(Exception):
    """The entry that a follower saw last is not kept any more, so something may be missing: begin anew."""


class _Tail:
    """The newest entries of one tenant, and who follows them."""

    def __init__(self, kept: int) -> None:
        self.followers: set[Follower] = set()
        self._kept = kept
        self._entries: deque[LogEntry] = deque()
        self._numbers: dict[str, int] = {}
        self._first = 0  # number of the oldest entry that is kept

    def put(self, entry: LogEntry) -> None:
        if entry.id in self._numbers:  # it became visible late, and arrived anew
            return
        self._numbers[entry.id] = self._first + len(self._entries)
        self._entries.append(entry)
        if len(self._entries) > self._kept:
            del self._numbers[self._entries.popleft().id]
            self._first += 1
        self.wake()

    def behind(self, place: str) -> list[LogEntry] | None:
        """The entries that came after one; None where the tail does not reach back to it."""
        number = self._numbers.get(place)
        return None if number is None else list(islice(self._entries, number + 1 - self._first, None))

    def forget(self) -> None:
        self._first += len(self._entries)
        self._entries.clear()
        self._numbers.clear()
        self.wake()

    def wake(self) -> None:
        for follower in self.followers:
            follower.woken.set()


class Follower:
    """One who follows a tenant's history; close it when done."""

    def __init__(self, feed: "Feed", tenant: str, tail: _Tail) -> None:
        self._feed = feed
        self._tenant = tenant
        self._tail = tail
        self._place = ""
        self.woken = asyncio.Event()

    async def begin(self, after: str | None) -> tuple[str, bool]:
        """Choose where to begin: behind an entry, or now.

        Returns:
            The id of the entry behind which it begins, empty for the very beginning, and whether what came
            behind ``after`` may be lost: that entry is no longer kept, or was never this tenant's.
        """
        documents = self._feed.documents
        if after:
            entry = await documents.get(LogEntry, after)
            if entry is not None and entry.tenant == self._tenant:
                self._place = after
                return after, False
        newest = await documents.find(Query(LogEntry, self._tenant, order=ARRIVAL, descending=True, limit=1))
        self._place = newest[0].id if newest else ""
        return self._place, bool(after)

    async def next(self, wait_s: float) -> list[LogEntry] | None:
        """Return what comes next, in the order of arrival; nothing after ``wait_s`` without any, None at the end.

        Raises:
            Lost: The follower was so far behind that entries may have been removed before it saw them.
        """
        while not self._feed.closed:
            self.woken.clear()
            found = self._tail.behind(self._place)
            if found is None:
                found = await self._read()
            if found:
                self._place = found[-1].id
                return found
            try:
                async with asyncio.timeout(wait_s):
                    await self.woken.wait()
            except TimeoutError:
                return []
        return None

    async def _read(self) -> list[LogEntry]:
        after = (None, self._place) if self._place else None
        query = Query(LogEntry, self._tenant, order=ARRIVAL, after=after, limit=_PAGE)
        try:
            found: list[LogEntry] = await self._feed.documents.find(query)
        except LookupError as error:
            raise Lost(str(error)) from error
        return found

    def close(self) -> None:
        """Follow no longer."""
        self._feed.leave(self._tenant, self)


class Feed:
    """Lets many follow the history at the cost of one."""

    def __init__(
        self,
        documents: Documents,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        every_s: float = 0.5,
        most: int = 50,
        kept: int = 1000,
    ) -> None:
        """Prepare; nothing is asked until somebody follows.

        Args:
            documents: Where the history is.
            sleep: Waits for seconds.
            every_s: Seconds between two looks.
            most: Followers that a tenant may have at a time.
            kept: Entries of a tenant at hand in memory.
        """
        self.documents = documents
        self.closed = False
        self._sleep = sleep
        self._every_s = every_s
        self._most = most
        self._kept = kept
        self._tails: dict[str, _Tail] = {}
        self._looking: asyncio.Task[None] | None = None

    def follow(self, tenant: str) -> Follower:
        """Return a new follower of a tenant's history.

        Raises:
            TooMany: The tenant has as many as it may.
        """
        tail = self._tails.get(tenant) or _Tail(self._kept)
        if len(tail.followers) >= self._most:
            raise TooMany(f"at most {self._most} may follow a tenant's history at a time")
        self._tails[tenant] = tail
        follower = Follower(self, tenant, tail)
        tail.followers.add(follower)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="log-feed")
        return follower

    def leave(self, tenant: str, follower: Follower) -> None:
        """Drop a follower; the last one of a tenant takes its tail along."""
        tail = self._tails.get(tenant)
        if tail is None:
            return
        tail.followers.discard(follower)
        if not tail.followers:
            del self._tails[tenant]

    async def stop(self) -> None:
        """Let all followers go."""
        self.closed = True
        for tail in self._tails.values():
            tail.wake()
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking

    async def _look(self) -> None:
        """Look for new entries while anybody follows."""
        last = None
        while self._tails:
            try:
                last = await self._newest() if last is None else await self._hand_on(last)
            except LookupError:  # the last one seen was removed: begin again, and let all followers read the store
                last = None
                for tail in self._tails.values():
                    tail.forget()
            except Exception as error:
                log.error("the history could not be read", exc_info=error)
            await self._sleep(self._every_s)

    async def _newest(self) -> str:
        """The newest entry of all, empty where there is none; followers read the store up to it by themselves."""
        newest = await self.documents.find(Query(LogEntry, None, order=ARRIVAL, descending=True, limit=1))
        for tail in self._tails.values():
            tail.wake()
        return newest[0].id if newest else ""

    async def _hand_on(self, last: str) -> str:
        while True:
            after = (None, last) if last else None
            found = await self.documents.find(Query(LogEntry, None, order=ARRIVAL, after=after, limit=_PAGE))
            for entry in found:
                tail = self._tails.get(entry.tenant)
                if tail is not None:
                    tail.put(entry)
            if found:
                last = found[-1].id
            if len(found) < _PAGE:
                return last
