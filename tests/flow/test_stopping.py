"""Whatever runs for ever ends when it is told to, also in the instant in which it is woken."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chorally_core.runner import Pump

from tests.support.hooks import SECRET
from tests.support.wall import Wall, WallPlatform
from tests.support.world import World, a_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A core with one wall connected."""
    async with a_world(tmp_path, {"wall": Wall}, transports={"wall": WallPlatform().transport()}) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        yield world


async def test_deliveries_end_although_they_are_woken_at_the_same_time(world: World) -> None:
    """A wait that is over and given up at once is given up."""
    delivering = asyncio.create_task(world.io.outbox.run(idle_s=3600))
    await _waits(world.io.outbox._wake)

    world.io.outbox.wake()
    delivering.cancel()
    await asyncio.wait({delivering}, timeout=5)
    assert delivering.cancelled()


async def test_pulls_end_although_they_are_nudged_at_the_same_time(world: World) -> None:
    """The same of a stream that waits for its next turn."""
    (account,) = world.io.directory.accounts.values()
    world.io.pulling.start(account)
    (pulling,) = world.io.pulling._tasks[account.id]
    await asyncio.sleep(0)  # it makes the event that it is woken by when it begins
    await _waits(world.io.pulling._nudged[account.id, "notes"])

    world.io.pulling.pull_now(account.id, "notes")
    pulling.cancel()
    await asyncio.wait({pulling}, timeout=5)
    assert pulling.cancelled()


class Slow:
    """A stage that takes until it is let go, and always has more to do."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.done = 0

    async def step(self) -> int:
        """Do one piece."""
        self.begun.set()
        await self.may_go_on.wait()
        self.done += 1
        return 1

    async def recover(self) -> None:
        """Nothing was given up."""


async def test_a_pump_that_is_told_to_end_finishes_its_turn_and_begins_no_other(world: World) -> None:
    """What is in hand is committed, however much more there is."""
    stage = Slow()
    pump = Pump(world.ledger, [stage], alone=True)
    running = asyncio.create_task(pump.run())
    await stage.begun.wait()
    pump.end()
    stage.may_go_on.set()
    await asyncio.wait({running}, timeout=5)
    assert running.done()
    assert stage.done == 1


@pytest.mark.parametrize("alone", [False, True])
async def test_a_pump_that_has_nothing_to_do_ends_at_once(world: World, alone: bool) -> None:
    """It is woken from its wait."""
    pump = Pump(world.ledger, [world.io.intake], idle_s=3600, alone=alone)
    running = asyncio.create_task(pump.run())
    for _ in range(50):
        await asyncio.sleep(0)
    pump.end()
    await asyncio.wait({running}, timeout=5)
    assert running.done()


async def _waits(event: asyncio.Event) -> None:
    """Return once somebody waits for the event."""
    async with asyncio.timeout(5):
        while not event._waiters:  # noqa: ASYNC110  # nothing else tells
            await asyncio.sleep(0)
