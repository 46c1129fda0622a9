"""What the soak test measures, and what it passes bytes through, do what they say."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.soak.balancer import Balancer
from tests.soak.faults import Faults
from tests.soak.members import Cluster
from tests.soak.plan import FAULTS, MEMBERS, Plan
from tests.soak.servers import Servers
from tests.soak.timing import Timing, Trouble, quantile


def a_timing(*waits: tuple[float, float | None]) -> Timing:
    """Messages said at a time, whose tickets came so much later, or never."""
    said = {f"{number}": at for number, (at, _) in enumerate(waits)}
    tickets = {f"our {number}": at + wait for number, (at, wait) in enumerate(waits) if wait is not None}
    return Timing(said, tickets, lambda name: f"our {name}")


def test_a_trouble_is_over_when_nobody_waits_longer_than_usual() -> None:
    """The time counts from when its cause was gone to the ticket of the last who had to wait."""
    timing = a_timing((1, 0.1), (11, 9.0), (14, 8.5), (16, 0.2), (31, 5.0))
    trouble = Trouble(what="the broker", began=10, healed=18, until=30)

    timing.judge([trouble], usual_s=1.0, now=100)

    assert (trouble.slow, trouble.worst_s, trouble.recovered_s) == (2, 9.0, 4.5)
    assert trouble.first_s == pytest.approx(6.2)


def test_a_trouble_that_nobody_felt_took_no_time() -> None:
    """No slow message, no time to recover."""
    trouble = Trouble(what="Redis", began=10, healed=18)
    a_timing((11, 0.2)).judge([trouble], usual_s=1.0, now=100)

    assert (trouble.slow, trouble.recovered_s) == (0, 0.0)


def test_a_message_without_a_ticket_counts_as_waiting_until_now() -> None:
    """What never came is no quick one."""
    trouble = Trouble(what="kill", began=10, healed=10)
    a_timing((11, None)).judge([trouble], usual_s=1.0, now=100)

    assert (trouble.slow, trouble.worst_s, trouble.recovered_s) == (1, 89, 90)


def test_one_slow_message_by_itself_is_chance() -> None:
    """What was slow long after the others, alone, does not say that it was still felt."""
    timing = a_timing((11, 6.0), (12, 5.5), (40, 2.0))
    trouble = Trouble(what="the broker", began=10, healed=10)

    timing.judge([trouble], usual_s=1.0, now=100)

    assert (trouble.slow, trouble.recovered_s) == (3, 7.5)


def test_it_is_calm_when_all_of_late_were_quick_and_there_were_some() -> None:
    """Silence is no proof, and neither is what was said only now."""
    assert a_timing((7, 0.5), (8, 0.9), (9.9, None)).is_calm(10, calm_s=4, usual_s=1.0)
    assert not a_timing((7, 0.5), (8, 1.1)).is_calm(10, calm_s=4, usual_s=1.0)
    assert not a_timing((1, 0.5), (9.9, 0.1)).is_calm(10, calm_s=4, usual_s=1.0)


def test_what_was_said_in_calm_is_told_apart() -> None:
    """The figures of calm leave out what was said during a trouble, and shortly before."""
    timing = a_timing((1, 0.3), (2, 0.1), (9, 7.0), (11, 5.0), (40, 0.2))
    trouble = Trouble(what="kill", began=10, healed=10)
    timing.judge([trouble], usual_s=1.0, now=100)

    assert timing.calm([trouble], 100) == pytest.approx([0.1, 0.2, 0.3])


def test_quantiles() -> None:
    """Of a hundred values and of none."""
    assert quantile([float(n) for n in range(100)], 0.99) == 99
    assert quantile([], 0.5) == 0


@pytest.fixture
async def process() -> AsyncIterator[int]:
    """Something that is ready, and says to everything that all is well; its port."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline() != b"\r\n":
            pass
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


async def test_the_balancer_passes_by_whoever_does_not_serve(process: int) -> None:
    """Requests go to those that answer, whichever's turn it is."""
    async with Balancer([1, process]).serving() as url, httpx.AsyncClient(trust_env=False) as http:
        assert [(await http.get(url)).text for _ in range(3)] == ["ok"] * 3


async def test_where_nobody_serves_the_connection_breaks_off() -> None:
    """As at a balancer without a healthy target."""
    async with Balancer([1]).serving() as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        assert await _rest(reader) == b""
        writer.close()


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


def test_every_process_is_killed_about_as_often_as_the_others(tmp_path: Path) -> None:
    """The same seed gives the same faults in the same order; each that is asked for is among them."""
    plan = Plan(kills=16, seed=3)

    def planned() -> list[str]:
        servers = Servers(tmp_path)
        cluster = Cluster(tmp_path, servers, "http://127.0.0.1:1", plan)
        return [fault.what for fault in Faults(plan, cluster, servers, None).planned()]  # type: ignore[arg-type]

    names = planned()
    assert names == planned()
    assert sorted(names) == sorted(
        [f"kill {kind}-{number}" for kind in MEMBERS for number in (1, 2)] * 2 + [f for f in FAULTS if f != "kill"]
    )
