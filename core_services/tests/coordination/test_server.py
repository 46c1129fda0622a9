"""The way to Redis, to servers on this machine that do not behave as Redis should."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from chorally_core.adapters.local import InProcess
from chorally_core.adapters.redis import RedisCoordination, parse
from chorally_core.adapters.redis.errors import Unavailable
from chorally_core.adapters.redis.server import CONNECTIONS, RedisServer

TIMEOUT_S = 0.1


@asynccontextmanager
async def a_server(answer: bytes) -> AsyncIterator[str]:
    """Something that gives the same answer to whatever it is sent; the URL of it."""
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())  # type: ignore[arg-type]
        while await reader.read(65536):
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"redis://:canary@127.0.0.1:{port}/0?timeout_ms={TIMEOUT_S * 1000:g}"
    finally:
        server.close()
        await asyncio.gather(*talks)


@asynccontextmanager
async def a_way(url: str) -> AsyncIterator[RedisServer]:
    """The way there, closed at the end."""
    server = RedisServer(parse(url))
    try:
        yield server
    finally:
        await server.close()


CALLS: list[Callable[[RedisServer], Awaitable[object]]] = [
    lambda server: server.take("r", limit=1, per_s=1),
    lambda server: server.note("p", "ada", "viewing", 1),
    lambda server: server.notes("p"),
    lambda server: server.probe(),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "it has not answered within"),
        (b"-WRONGPASS invalid username-password pair or user is disabled.\r\n", "correct them in the URL"),
        (b"-READONLY You can't write against a read only replica.\r\n", "it is a replica"),
        (b"-ERR canary\r\n", "refuse"),
        (b"-OOM command not allowed when used memory > 'maxmemory'.\r\n", "refuse"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak as Redis does"),
    ],
)
async def test_what_goes_wrong_is_said_in_our_words(
    call: Callable[[RedisServer], Awaitable[object]], answer: bytes, reason: str
) -> None:
    """Every kind of call gives the one error, in time, and without what the server said."""
    async with a_server(answer) as url, a_way(url) as server:
        with pytest.raises(Unavailable, match=reason) as caught:
            await call(server)
        assert "canary" not in str(caught.value)


async def test_a_port_that_nobody_listens_on_is_said() -> None:
    """The reason names the kind of error."""
    async with a_server(b"") as url:
        pass
    async with a_way(url) as server:
        with pytest.raises(Unavailable, match=r"it cannot be reached \(ConnectionError\)"):
            await server.probe()


async def test_a_server_that_never_answers_costs_little_and_then_nothing() -> None:
    """The calls that find out take the time-out each; those after do not wait."""
    async with a_server(b"") as url:
        coordination = RedisCoordination.of(parse(url), InProcess())
        began = time.perf_counter()
        while not coordination.status().degraded:
            assert (await coordination.take("r", limit=100, per_s=60)).granted
        finding_out_s = time.perf_counter() - began
        began = time.perf_counter()
        for _ in range(50):
            assert (await coordination.take("r", limit=100, per_s=60)).granted
        after_s = time.perf_counter() - began
        await coordination.close()
    assert 3 * TIMEOUT_S <= finding_out_s < 3 * TIMEOUT_S + 2
    assert after_s < TIMEOUT_S


async def test_more_calls_than_connections_end_in_time() -> None:
    """Those that find no room give up as those that find no answer do."""
    async with a_server(b"") as url:
        coordination = RedisCoordination.of(parse(url), InProcess())
        calls = [coordination.take("r", limit=1000, per_s=60) for _ in range(3 * CONNECTIONS)]
        taken = await asyncio.wait_for(asyncio.gather(*calls), 2 * TIMEOUT_S + 2)
        await coordination.close()
    assert all(t.granted for t in taken)


@asynccontextmanager
async def a_silent_subscription(pongs: int) -> AsyncIterator[str]:
    """Something that takes a subscription, answers so many pings, and is silent from then on; the URL of it."""
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())  # type: ignore[arg-type]
        left = pongs
        while said := await reader.read(65536):
            if b"SUBSCRIBE" in said:
                writer.write(b"*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n")
            elif b"PING" in said:
                left -= 1
                writer.write(b"*2\r\n$4\r\npong\r\n$0\r\n\r\n" if left >= 0 else b"")
            else:
                writer.write(b"+OK\r\n" * said.count(b"CLIENT"))
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    finally:
        server.close()
        await asyncio.gather(*talks)


async def test_a_subscription_that_has_gone_silent_is_noticed() -> None:
    """After a while without a word it is asked whether it lives; one that does not answer is given up."""
    began: list[str] = []
    async with a_silent_subscription(pongs=2) as url, a_way(url) as server:
        server._heartbeat_s = server._probe_s = 0.2
        with pytest.raises(Unavailable, match="it has not answered within"):
            await server.hear(lambda: began.append("subscribed"), began.append)
    assert began == ["subscribed"]
