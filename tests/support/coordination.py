"""Coordination without a Redis: a server of ten lines, and time that passes when told to."""

import asyncio
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any

from chorally_core.adapters.local import InProcess
from chorally_core.adapters.redis import RedisCoordination
from chorally_core.adapters.redis.breaker import Breaker
from chorally_core.adapters.redis.errors import Unavailable
from chorally_core.ports.coordination import Taken

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Time:
    """Seconds that pass when told to, and the sleepers that they wake."""

    def __init__(self) -> None:
        self.at = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def __call__(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        """Sleep until the time has come."""
        waiting = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.at + seconds, waiting))
        await waiting

    async def passes(self, seconds: float) -> None:
        """Let time pass, from one sleeper's hour to the next."""
        end = self.at + seconds
        await _settle()
        while due := [sleeper for sleeper in self._sleepers if sleeper[0] <= end]:
            sleeper = min(due, key=lambda one: one[0])
            self._sleepers.remove(sleeper)
            self.at = max(self.at, sleeper[0])
            if not sleeper[1].done():
                sleeper[1].set_result(None)
            await _settle()
        self.at = end


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class FakeServer(InProcess):
    """Redis, as far as coordination sees it."""

    def __init__(self, time: Time) -> None:
        super().__init__(time)
        self.trouble: Exception | None = None
        self.asked = self.probed = self.subscriptions = 0
        self.hearers: dict[Callable[[str], None], asyncio.Future[None]] = {}

    async def note(self, place: str, name: str, value: str, ttl_s: float) -> None:
        """Leave a note."""
        self._answer()
        await super().note(place, name, value, ttl_s)

    async def notes(self, place: str) -> dict[str, str]:
        """Return the notes."""
        self._answer()
        return await super().notes(place)

    async def take(self, rate: str, *, limit: int, per_s: float, amount: int = 1, leaving: int = 0) -> Taken:
        """Take from a rate."""
        self._answer()
        return await super().take(rate, limit=limit, per_s=per_s, amount=amount, leaving=leaving)

    async def tell(self, places: Collection[str]) -> None:
        """Tell every process, the one that tells too."""
        self._answer()
        for place in places:
            for told in self.hearers:
                told(place)

    async def hear(self, subscribed: Callable[[], None], told: Callable[[str], None]) -> None:
        """Stay until the connection is cut."""
        self.subscriptions += 1
        if self.trouble is not None:
            raise self.trouble
        self.hearers[told] = asyncio.get_running_loop().create_future()
        subscribed()
        try:
            await self.hearers[told]
        finally:
            self.hearers.pop(told)

    def cut(self) -> None:
        """Lose the connections that are woken over."""
        for connection in self.hearers.values():
            connection.set_exception(Unavailable("cut"))

    async def probe(self) -> None:
        """Answer, or not."""
        self.probed += 1
        if self.trouble is not None:
            raise self.trouble

    async def close(self) -> None:
        """Nothing is open."""

    def _answer(self) -> None:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble


def a_coordination(server: FakeServer, time: Time, **changes: Any) -> RedisCoordination:
    """A coordination of four processes, whose breaker opens at the first failure."""
    breaker = Breaker(failures=1, monotonic=time, jitter=lambda: 1.0)
    fields: dict[str, Any] = {"workers": 4, "breaker": breaker, "now": lambda: NOON, "sleep": time.sleep}
    return RedisCoordination(server, InProcess(time), **(fields | changes))
