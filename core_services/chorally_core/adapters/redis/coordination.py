"""Notes, rates and wake-ups that processes share through Redis, and each has by itself while Redis is away.

What holds while some processes reach Redis and others do not, in any stretch of W seconds: those that do are granted
at most ``limit + W × limit / per_s`` together, and as much again, at most, those that do not: each of the ``workers``
gives ``max(limit // workers, amount)``, refilled at its part of the rate. So never more than twice what is meant, but
for rates smaller than the number of workers, of which each gives one at first. A Redis that comes back empty, or a
replica that had not yet heard of the last calls, adds at most one ``limit`` each time (``min-replicas-to-write 1``
bounds what a master goes on granting that was cut off). A call that was given up may have been counted all the same:
then less is granted, never more.

Wake-ups travel over one connection more. While Redis is away they reach the listeners of this process only; whenever
a subscription begins, every listener is woken once, for what it may have missed.

Notes of other processes are not seen while Redis is away; those left meanwhile are not carried over when it is back:
whoever is there says so again within the note's time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from typing import NamedTuple, Protocol, TypeVar

import structlog

from chorally_core.adapters.redis.breaker import Breaker, State
from chorally_core.adapters.redis.errors import Crowded, Unavailable
from chorally_core.adapters.redis.hearing import Hearing
from chorally_core.adapters.redis.server import RedisServer
from chorally_core.adapters.redis.settings import RedisSettings
from chorally_core.ports.coordination import Coordination, Taken

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Server(Protocol):
    """What is shared; its methods raise ``Unavailable`` or ``Crowded``."""

    async def note(self, place: str, name: str, value: str, ttl_s: float) -> None:
        """Leave or remove a note."""

    async def notes(self, place: str) -> dict[str, str]:
        """Return the notes of a place."""

    async def take(self, rate: str, *, limit: int, per_s: float, amount: int = 1, leaving: int = 0) -> Taken:
        """Take from a rate."""

    async def tell(self, places: Collection[str]) -> None:
        """Tell the other processes that places are woken."""

    async def hear(self, subscribed: Callable[[], None], told: Callable[[str], None]) -> None:
        """Subscribe to what other processes tell; stay until the connection is lost."""

    async def probe(self) -> None:
        """Return once the server can be used."""

    async def close(self) -> None:
        """Close all connections."""


class Status(NamedTuple):
    """Whether processes share what they should."""

    degraded: bool = False
    since: datetime | None = None
    reason: str = ""
    """Why, for people; without secrets."""


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class RedisCoordination:
    """Serves the coordination port from Redis behind a breaker; no call fails because of Redis.

    A call while the breaker is open does not touch the network; one that finds Redis away, or slow, takes at most
    twice the time-out. Probes are made by a task of its own, never by a caller.
    """

    def __init__(
        self,
        server: Server,
        local: Coordination,
        *,
        workers: int = 1,
        wait: bool = False,
        breaker: Breaker | None = None,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Put it together; nothing is connected.

        Args:
            server: Redis.
            local: What serves this process alone while Redis is away.
            workers: Processes that share the rates.
            wait: Whether ``start`` waits for Redis.
            breaker: Decides whether Redis is asked.
            now: The clock of ``status``.
            sleep: Waits between probes.
        """
        self._server = server
        self._local = local
        self._workers = workers
        self._wait = wait
        self._breaker = breaker or Breaker()
        self._now = now
        self._sleep = sleep
        self._status = Status()
        self._recovery: asyncio.Task[None] | None = None
        self._hearing = Hearing(server.hear, local, sleep=sleep)
        self._to_tell: set[str] = set()
        self._telling: asyncio.Task[None] | None = None

    @classmethod
    def of(
        cls, settings: RedisSettings, local: Coordination, *, clock: Callable[[], float] | None = None
    ) -> "RedisCoordination":
        """Return the coordination that settings describe.

        Args:
            settings: Where Redis is, and what becomes of calls while it is away.
            local: What serves this process alone meanwhile.
            clock: Seconds that rates and notes in Redis go by; the server's own clock where None.
        """
        server = RedisServer(settings, clock=clock)
        return cls(server, local, workers=settings.workers, wait=settings.start == "wait")

    async def start(self) -> None:
        """Connect; where Redis is away, warn, and wait for it if so set, or go on without it."""
        try:
            await self._server.probe()
        except Unavailable as error:
            if self._breaker.trip():
                self._opened(str(error))
        else:
            await self._hearing.begin()
        if self._wait and self._recovery is not None:
            await self._recovery

    async def close(self) -> None:
        """End the probes and close all connections."""
        under_way = [task for task in (self._recovery, self._telling) if task is not None]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await self._hearing.end()
        await self._server.close()

    def status(self) -> Status:
        """Say whether this process goes without Redis, since when and why."""
        return self._status

    async def note(self, place: str, name: str, value: str, ttl_s: float) -> None:
        """Leave a note in a place under a name, for a time; an empty value removes it."""
        await self._local.note(place, name, value, ttl_s)  # at hand when Redis goes away
        await self._asked(lambda: self._server.note(place, name, value, ttl_s))

    async def notes(self, place: str) -> dict[str, str]:
        """Return the notes of a place that are still valid, by name."""
        answer = await self._asked(lambda: self._server.notes(place))
        return await self._local.notes(place) if answer is None else answer[0]

    async def take(self, rate: str, *, limit: int, per_s: float, amount: int = 1, leaving: int = 0) -> Taken:
        """Take from a rate of ``limit`` in ``per_s`` seconds, which refills evenly; ``leaving`` must be left of it."""
        if limit < 1 or not per_s > 0:
            raise ValueError(f"a rate of {limit} in {per_s} s gives nothing; both must be above 0")
        answer = await self._asked(
            lambda: self._server.take(rate, limit=limit, per_s=per_s, amount=amount, leaving=leaving)
        )
        if answer is not None:
            return answer[0]
        share = max(limit // self._workers, min(amount, limit))
        share_s = per_s * share * self._workers / limit  # so that all shares together refill as the rate does
        kept = min(leaving * share // limit, max(share - amount, 0))
        return await self._local.take(rate, limit=share, per_s=share_s, amount=amount, leaving=kept)

    async def wake(self, place: str) -> None:
        """Tell everyone who listens at a place; the other processes a little later, by a task of its own."""
        await self._local.wake(place)
        if self._breaker.state is not State.CLOSED:
            return
        self._to_tell.add(place)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell(), name="redis wake-ups")

    def listen(self, place: str, woken: Callable[[], None]) -> Callable[[], None]:
        """Have something called whenever a place is woken; return what ends that."""
        return self._hearing.listen(place, woken)

    async def _tell(self) -> None:
        """Tell what is to be told until there is no more of it; what cannot be told is forgotten."""
        while self._to_tell:
            places, self._to_tell = self._to_tell, set()
            await self._asked(lambda places=places: self._server.tell(places))  # type: ignore[misc]

    async def _asked(self, question: Callable[[], Awaitable[T]]) -> tuple[T] | None:
        """Return the answer of Redis; None where there is none."""
        entered = self._breaker.enter()
        if entered is None:
            return None
        try:
            answer = await question()
        except Crowded:
            return None
        except Unavailable as error:
            if self._breaker.failed(entered):
                self._opened(str(error))
            return None
        self._breaker.succeeded(entered)
        return (answer,)

    def _opened(self, reason: str) -> None:
        self._status = Status(True, self._now(), reason)
        log.warning("Redis is away: rates and notes are this process's own until it is back", reason=reason)
        self._hearing.lost()
        self._recovery = asyncio.create_task(self._recover(), name="redis recovery")

    async def _recover(self) -> None:
        """Probe until Redis is back."""
        while self._breaker.state is not State.CLOSED:
            await self._sleep(self._breaker.wait_s())
            if not self._breaker.probe():
                continue
            try:
                await self._server.probe()
            except Unavailable as error:
                self._refused(str(error))
            except Exception as error:  # whatever it is, the next probe may go well
                log.exception("the probe of Redis failed in an unforeseen way")
                self._refused(f"the probe failed: {type(error).__name__}")
            else:
                self._breaker.recovered()
                log.info("Redis is back", away_since=self._status.since)
                self._status = Status()
                self._hearing.begin()

    def _refused(self, reason: str) -> None:
        self._breaker.refused()
        self._status = self._status._replace(reason=reason)
        log.info("Redis is still away", reason=reason, next_probe_s=round(self._breaker.wait_s(), 3))
