"""Leases over documents: one holder at a time, whatever the clocks say."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from chorally_core.adapters.sqlite import SqliteDocuments
from chorally_core.adapters.sqlite.database import Database
from chorally_core.ports.documents import Documents
from chorally_core.ports.leases import AlwaysHeld, Leases
from chorally_core.runner.leases import StoredLeases

from .fakes import Gated, Shelf

Process = Callable[[str], StoredLeases]


class Ticks:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.at


@pytest.fixture
def ticks() -> Ticks:
    """The clock of all processes."""
    return Ticks()


@pytest.fixture(params=["sqlite", "each by itself"])
async def documents(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Documents]:
    """A store with transactions, and one without."""
    if request.param == "each by itself":
        yield Gated(Shelf()).as_documents()
        return
    database = Database(tmp_path / "leases.db")
    yield SqliteDocuments(database)
    database.close()


@pytest.fixture
def process(documents: Documents, ticks: Ticks) -> Process:
    """Start processes over one store."""
    return lambda holder: StoredLeases(documents, holder, ttl_s=10, margin_s=2, monotonic=ticks)


async def test_of_two_processes_the_first_holds_a_name(process: Process) -> None:
    """The other is refused, and another name is its own."""
    one, two = process("one"), process("two")

    assert await one.hold("journal")
    assert not await two.hold("journal")
    assert await two.hold("outbox")
    assert (one.held("journal"), two.held("journal"), one.held("outbox")) == (True, False, False)


async def test_a_name_that_is_given_back_is_free_at_once(process: Process) -> None:
    """The former holder knows it immediately."""
    one, two = process("one"), process("two")
    await one.hold("journal")

    await one.release("journal")

    assert not one.held("journal")
    assert await two.hold("journal")
    assert not await one.hold("journal")


async def test_what_is_not_renewed_ends_before_it_is_taken_over(process: Process, ticks: Ticks) -> None:
    """The margin lies between the end and the takeover; the other counts from when it first looked."""
    one, two = process("one"), process("two")
    await one.hold("journal")
    assert not await two.hold("journal")

    ticks.at += 7.9
    assert one.held("journal")
    ticks.at += 0.2
    assert not one.held("journal")
    assert not await two.hold("journal")
    ticks.at += 2
    assert await two.hold("journal")
    assert not await one.hold("journal")


async def test_what_is_renewed_is_never_taken_over(process: Process, ticks: Ticks) -> None:
    """However long another waits."""
    one, two = process("one"), process("two")
    await one.hold("journal")
    for _ in range(10):
        ticks.at += 5
        await one.renew()
        assert not await two.hold("journal")
    assert one.held("journal")


async def test_many_names_are_renewed_with_one_write(ticks: Ticks) -> None:
    """As are names that are asked for at the same time."""
    store = Gated(Shelf())
    leases = StoredLeases(store.as_documents(), "one", ttl_s=10, monotonic=ticks)
    for name in map(str, range(64)):
        await leases.hold(name)
    store.writes = 0

    ticks.at += 3
    await leases.renew()

    assert store.writes == 1
    ticks.at += 7
    assert all(leases.held(str(name)) for name in range(64))


async def test_one_lost_name_among_many_costs_only_itself(process: Process, ticks: Ticks) -> None:
    """It is told once; the others are renewed in the same round."""
    one, two = process("one"), process("two")
    lost: list[str] = []
    one.on_lost(lost.append)
    for name in ("a", "b", "c"):
        await one.hold(name)
    await two.hold("b")
    ticks.at += 10
    await two.hold("b")

    await one.renew()
    await one.renew()

    assert lost == ["b"]
    assert [one.held(name) for name in ("a", "b", "c")] == [True, False, True]


async def test_a_holder_that_reaches_no_store_is_told_when_its_time_is_over(
    ticks: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others may have it soon."""
    store = Gated(Shelf())
    leases = StoredLeases(store.as_documents(), "one", ttl_s=10, margin_s=2, monotonic=ticks)
    lost: list[str] = []
    leases.on_lost(lost.append)
    await leases.hold("journal")

    async def cut(*_: object) -> dict[object, object]:
        raise ConnectionError("the line is cut")

    monkeypatch.setattr(store, "load", cut)
    ticks.at += 5
    await leases.renew()
    assert lost == []
    ticks.at += 4
    await leases.renew()

    assert lost == ["journal"]
    assert not leases.held("journal")


async def test_stopping_gives_everything_back(process: Process) -> None:
    """Others need not wait."""
    one, two = process("one"), process("two")
    await one.hold("a")
    await one.hold("b")

    await one.stop()

    assert (await two.hold("a"), await two.hold("b")) == (True, True)


async def test_in_one_process_everything_is_held(process: Process) -> None:
    """The same port at no cost."""
    always: Leases = AlwaysHeld()
    other: Leases = process("one")

    assert await always.hold("journal")
    await always.release("journal")
    assert always.held("journal")
    assert always.holder != other.holder


async def test_a_renewal_counts_from_when_it_was_sent(ticks: Ticks) -> None:
    """Its answer may have been long on the way, while others already saw what it stored."""
    line = Gated(Shelf())
    leases = StoredLeases(line.as_documents(), "one", ttl_s=10, margin_s=2, monotonic=ticks)
    await leases.hold("journal")
    line.is_open = False

    renewed = asyncio.create_task(leases.renew())
    for _ in range(4):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        ticks.at += 3
        line.let_one_through()
    await renewed

    assert line.writes == 2
    assert leases.held("journal")
    ticks.at += 3
    assert not leases.held("journal")


async def test_what_is_watched_can_be_taken_over_as_soon_as_its_time_is_over(process: Process, ticks: Ticks) -> None:
    """A process that does not want a name may look at it, and needs no second time of waiting when it does."""
    one, two = process("one"), process("two")
    await one.hold_many(["a", "b"])
    await two.watch(["a", "b"])

    ticks.at += 9
    await two.watch(["a", "b"])
    assert await two.hold_many(["a"]) == set()
    ticks.at += 1

    assert await two.hold_many(["a", "b"]) == {"a", "b"}
