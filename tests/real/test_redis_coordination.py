"""Coordination over one real Redis that stays up: what processes share, and what is left behind."""

import asyncio
import sys
import time
from typing import Any

import pytest

from tests.support import redis

pytestmark = pytest.mark.real


@pytest.fixture
def prefix() -> str:
    """A prefix that nobody else has."""
    return redis.a_prefix()


async def keys_under(prefix: str) -> list[tuple[bytes, int]]:
    """All keys with a prefix, and the milliseconds that they have left."""
    from redis.asyncio import Redis

    client = Redis.from_url(redis.server_url())
    try:
        return [(key, await client.pttl(key)) async for key in client.scan_iter(f"{prefix}:*")]
    finally:
        await client.aclose()


async def test_two_processes_share_a_rate(prefix: str) -> None:
    """Together they are given the limit and what refills, neither more nor much less."""
    limit, per_s, seconds = 100, 1.0, 1.5
    url = f"{redis.server_url()}?prefix={prefix}&workers=2&timeout_ms=5000"
    command = [sys.executable, "-m", "tests.real.redis_taker", url, "r", str(limit), str(per_s), str(seconds)]
    pipes: dict[str, Any] = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
    takers = [await asyncio.create_subprocess_exec(*command, **pipes) for _ in range(2)]
    assert [await taker.stdout.readline() for taker in takers if taker.stdout] == [b"ready\n"] * 2
    began = time.monotonic()
    said = [out for out, _ in await asyncio.gather(*(taker.communicate(b"go\n") for taker in takers))]
    elapsed = time.monotonic() - began
    granted = [int(line.split()[0]) for line in said]
    assert [line.split()[1] for line in said] == [b"False"] * 2
    assert limit < sum(granted) <= limit + elapsed / per_s * limit


async def test_processes_see_each_others_notes(prefix: str) -> None:
    """What one leaves the other reads, replaces and takes back."""
    url = redis.server_url()
    async with (
        redis.a_coordination(url, prefix=prefix, timeout_ms=5000) as one,
        redis.a_coordination(url, prefix=prefix, timeout_ms=5000) as other,
    ):
        await one.note("p", "ada", "viewing", 60)
        await other.note("p", "ada", "answering", 60)
        await other.note("p", "bob", "viewing", 60)
        assert await one.notes("p") == {"ada": "answering", "bob": "viewing"}
        await one.note("p", "bob", "", 60)
        assert await other.notes("p") == {"ada": "answering"}
        assert not one.status().degraded


async def test_processes_wake_each_other(prefix: str) -> None:
    """A place that one wakes is woken in the other, in any characters, and not under another prefix."""
    url, odd = redis.server_url(), "\0\n {a}:b*?[c] \ud800 😀"
    async with (
        redis.a_coordination(url, prefix=prefix, timeout_ms=5000) as one,
        redis.a_coordination(url, prefix=prefix, timeout_ms=5000) as other,
        redis.a_coordination(url, prefix=f"{prefix}-2", timeout_ms=5000) as stranger,
    ):
        heard: list[str] = []
        one.listen(odd, lambda: heard.append("one"))
        other.listen(odd, lambda: heard.append("other"))
        other.listen("jobs", lambda: heard.append("jobs"))
        stranger.listen(odd, lambda: heard.append("stranger"))
        await one.wake(odd)
        assert heard == ["one"]
        await redis.eventually(lambda: "other" in heard)
        await stranger.wake("nothing")
        await one.wake("jobs")
        await redis.eventually(lambda: "jobs" in heard)
        assert heard == ["one", "other", "jobs"]


async def test_a_subscription_that_the_server_ends_is_renewed_and_its_listeners_woken(prefix: str) -> None:
    """Nobody restarts anything, and what was told meanwhile is looked for."""
    from redis.asyncio import Redis

    client = Redis.from_url(redis.server_url())
    try:
        async with redis.a_coordination(redis.server_url(), prefix=prefix, timeout_ms=5000) as shared:
            woken = asyncio.Event()
            shared.listen("jobs", woken.set)
            subscribers = f"{prefix}:wake"
            assert dict(await client.pubsub_numsub(subscribers)) == {subscribers.encode(): 1}
            await client.client_kill_filter(_type="pubsub")
            await asyncio.wait_for(woken.wait(), redis.PATIENCE_S)
            assert not shared.status().degraded
    finally:
        await client.aclose()


async def test_prefixes_are_apart(prefix: str) -> None:
    """Two installations on one Redis share nothing."""
    url = redis.server_url()
    async with (
        redis.a_coordination(url, prefix=prefix, timeout_ms=5000) as one,
        redis.a_coordination(url, prefix=f"{prefix}-2", timeout_ms=5000) as other,
    ):
        await one.note("p", "ada", "viewing", 60)
        assert await other.notes("p") == {}
        assert (await one.take("r", limit=1, per_s=60)).granted
        assert (await other.take("r", limit=1, per_s=60)).granted
        assert not (await one.take("r", limit=1, per_s=60)).granted


async def test_the_servers_clock_counts_and_nothing_is_left(prefix: str) -> None:
    """A note ends and a rate refills by themselves; no key outlives what it is for."""
    async with redis.a_coordination(redis.server_url(), prefix=prefix, timeout_ms=5000) as shared:
        await shared.note("p", "ada", "viewing", 0.3)
        await shared.note("q", "ada", "viewing", 30)
        await shared.note("q", "ada", "", 30)
        assert (await shared.take("r", limit=2, per_s=0.6, amount=2)).granted
        refused = await shared.take("r", limit=2, per_s=0.6)
        assert not refused.granted
        assert 0 < refused.wait_s <= 0.3
        left = await keys_under(prefix)
        assert {key for key, _ in left} <= {
            f"{prefix}:{kind}".encode() for kind in ("probe", "notes:p", "ends:p", "rate:r")
        }
        assert all(0 <= rest_ms <= 1000 for _, rest_ms in left)

        async def full_again() -> bool:
            return bool((await shared.take("r", limit=2, per_s=0.6, amount=2)).granted)

        async def note_gone() -> bool:
            return not await shared.notes("p")

        async def keys_gone() -> bool:
            return await keys_under(prefix) == []

        for ends in (full_again, note_gone, keys_gone):
            await redis.eventually(ends)


async def test_processes_whose_clocks_differ_agree(prefix: str) -> None:
    """When a note ends is told by the server's clock, whatever that of a process shows."""
    from redis.asyncio import Redis

    client = Redis.from_url(redis.server_url())
    try:
        async with redis.a_coordination(redis.server_url(), prefix=prefix, timeout_ms=5000) as shared:
            before = (await client.time())[0]
            await shared.note("p", "ada", "viewing", 60)
            after = (await client.time())[0] + 1
            ends = await client.zscore(f"{prefix}:ends:p", "ada") or 0.0
        assert before + 60 <= ends <= after + 60
    finally:
        await client.aclose()


async def test_old_notes_go_with_new_ones(prefix: str) -> None:
    """A place that is only ever written to keeps what is valid, and no more."""
    from redis.asyncio import Redis

    async with redis.a_coordination(redis.server_url(), prefix=prefix, timeout_ms=5000) as shared:
        for number in range(50):
            await shared.note("p", f"short {number}", "viewing", 0.001)
        await shared.note("p", "long", "viewing", 30)
        client = Redis.from_url(redis.server_url())
        try:
            async with asyncio.timeout(redis.PATIENCE_S):
                while await client.hlen(f"{prefix}:notes:p") > 1:
                    await shared.note("p", "long", "viewing", 30)
            assert await client.zcard(f"{prefix}:ends:p") == 1
        finally:
            await client.aclose()


async def test_a_wrong_password_is_said_and_not_shown(prefix: str) -> None:
    """The process goes on by itself, and its status says what to correct."""
    address = redis.server_url().rpartition("@")[2]
    async with redis.a_coordination(f"redis://:canary-wrong@{address}", prefix=prefix) as shared:
        assert (await shared.take("r", limit=1, per_s=60)).granted
        status = shared.status()
        assert status.degraded
        assert "correct them in the URL" in status.reason
        assert "canary" not in repr(status)
