"""Coordination while real servers of Redis go away and come back: calls go on, and nobody restarts anything."""

import asyncio
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support import redis

pytestmark = pytest.mark.real

LIMIT, PER_S, WORKERS = 60, 60.0, 2


class Load:
    """Calls that never end, and what became of them."""

    def __init__(self, shared: Any) -> None:
        self._shared = shared
        self.granted = self.calls = self.calls_without = 0
        self.longest_s = self.longest_without_s = 0.0
        self._began = time.monotonic()

    async def run(self) -> None:
        """Call until cancelled; an exception ends it."""
        while True:
            degraded, began = self._shared.status().degraded, time.perf_counter()
            self.granted += (await self._shared.take("load", limit=LIMIT, per_s=PER_S)).granted
            await self._shared.note("load", "ada", "viewing", 30)
            await self._shared.notes("load")
            took_s = time.perf_counter() - began
            self.calls += 1
            self.longest_s = max(self.longest_s, took_s)
            if degraded:
                self.calls_without += 1
                self.longest_without_s = max(self.longest_without_s, took_s)
            await asyncio.sleep(0.005)

    def judge(self, *, losses: int) -> None:
        """Check what is documented: no long call, and no more than the shared rate, a share, and what was lost."""
        elapsed = time.monotonic() - self._began
        assert self.calls_without > 10
        assert self.longest_s < 3 * 3 * 0.15 + 1.0  # three calls, each a little over the time-out; a busy machine
        share = LIMIT / WORKERS
        assert self.granted <= LIMIT * (1 + losses) + share + elapsed * (LIMIT + share) / PER_S


async def test_a_fail_over_of_the_sentinels_is_followed(tmp_path: Path) -> None:
    """The master ends under load; the replica is found, even if one Sentinel never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with (
            redis.own_servers(tmp_path, sentinels=True) as servers,
            redis.a_coordination(servers.by_sentinels(silent.getsockname()[1]), workers=WORKERS) as shared,
            redis.a_coordination(servers.by_sentinels(), workers=WORKERS, timeout_ms=5000) as other,
        ):
            await redis.eventually(lambda: not shared.status().degraded)
            await shared.note("p", "ada", "viewing", 60)
            assert await other.notes("p") == {"ada": "viewing"}
            load = Load(shared)
            running = asyncio.create_task(load.run())
            failing = asyncio.create_task(servers.do("fail"))
            await redis.eventually(lambda: shared.status().degraded)
            assert redis.PASSWORD not in repr(shared.status())
            await failing
            await redis.eventually(lambda: not shared.status().degraded)
            assert not running.done()
            running.cancel()
            load.judge(losses=1)
            await shared.note("p", "bob", "viewing", 60)
            await other.notes("p")  # its connections are to a server that is no more
            await redis.eventually(lambda: not other.status().degraded)
            assert (await other.notes("p"))["bob"] == "viewing"
            heard: list[str] = []
            other.listen("jobs", lambda: heard.append("jobs"))
            shared.listen("jobs", lambda: heard.append("here"))

            async def woken() -> bool:
                await shared.wake("jobs")
                return "jobs" in heard

            await redis.eventually(woken)


async def test_a_redis_that_is_started_again_is_used_again(tmp_path: Path) -> None:
    """It is stopped under load and comes back empty; meanwhile each call is answered at once."""
    async with (
        redis.own_servers(tmp_path, sentinels=False) as servers,
        redis.a_coordination(servers.url, workers=WORKERS) as shared,
    ):
        load = Load(shared)
        running = asyncio.create_task(load.run())
        await redis.eventually(lambda: load.granted > 0)
        await servers.do("stop")
        await redis.eventually(lambda: shared.status().degraded)
        before = load.calls
        await redis.eventually(lambda: load.calls > before + 50)
        assert await shared.notes("load") == {"ada": "viewing"}
        assert load.longest_without_s < 0.15 + 0.3
        heard: list[str] = []
        shared.listen("jobs", lambda: heard.append("jobs"))
        await servers.do("start")
        await redis.eventually(lambda: not shared.status().degraded)
        await redis.eventually(lambda: heard == ["jobs"])
        assert not running.done()
        running.cancel()
        load.judge(losses=1)


async def test_a_process_that_starts_first_waits_for_redis(tmp_path: Path) -> None:
    """With `start=wait` it begins once the server is there."""
    async with redis.own_servers(tmp_path, sentinels=False) as servers:
        await servers.do("stop")
        begun = asyncio.Event()

        async def process() -> bool:
            async with redis.a_coordination(servers.url, start="wait") as shared:
                begun.set()
                return bool(shared.status().degraded)

        waiting = asyncio.create_task(process())
        await asyncio.wait([waiting], timeout=0.5)
        assert not begun.is_set()
        await servers.do("start")
        async with asyncio.timeout(redis.PATIENCE_S):
            assert await waiting is False
