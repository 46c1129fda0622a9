"""Pulls go on: after an error, past what cannot be stored, and when something happens while they run."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from chorally_core.ports.ledger import Work
from chorally_core.ports.parking import DeadLetter
from chorally_core.services.io.model import Nudge, StreamState
from chorally_core.services.io.pulling import Pulling

import chorally_sdk as sdk
from tests.support.hooks import SECRET, receive
from tests.support.wall import Wall, WallPlatform
from tests.support.world import World, a_world


class LiveWall(Wall):
    """A wall that is watched all the time, and odd notes on it."""

    live: ClassVar[bool] = False

    def streams(self) -> Sequence[sdk.Stream]:
        """Notes only, live or not."""
        return [sdk.Stream(name="notes", live=self.live)]

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield the notes, those called odd with half a character."""
        async for page in super().pull(stream, cursor, since):
            yield page.model_copy(update={"events": tuple(_odd(event) for event in page.events)})


def _odd(event: sdk.Event) -> sdk.Event:
    if not isinstance(event, sdk.Message):
        return event
    if event.body == "odd text":
        return event.model_copy(update={"body": "\ud800"})
    return event.model_copy(update={"channel": "no_such"}) if event.body == "odd channel" else event


@pytest.fixture
def platform() -> WallPlatform:
    """A wall without notes."""
    return WallPlatform()


@pytest.fixture
async def world(tmp_path: Path, platform: WallPlatform, in_order: bool) -> AsyncIterator[World]:
    """A core with one wall connected."""
    transports = {"wall": platform.transport()}
    async with a_world(tmp_path, {"wall": LiveWall}, transports=transports, in_order=in_order) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        await world.settle()
        yield world


class Pauses:
    """Sleeps that take no time here, and end the pull after some of them."""

    def __init__(self, world: World, most: int) -> None:
        self.world = world
        self.most = most
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """Note how long it would have been."""
        self.seconds.append(seconds)
        if len(self.seconds) == self.most:
            raise asyncio.CancelledError
        self.world.clock.forward(seconds=seconds)
        await asyncio.sleep(0)


async def _kept(world: World, pauses: Pauses, *, live: bool = False) -> None:
    """Keep the stream going until the pauses end it."""
    pulling: Pulling = world.io.pulling
    pulling._sleep = pauses
    (account,) = world.io.directory.accounts.values()
    task = asyncio.create_task(pulling._keep(account.id, sdk.Stream(name="notes", live=live), "live"))
    async with asyncio.timeout(20):
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()


async def test_what_cannot_be_stored_of_a_page_is_a_dead_letter_and_the_rest_is_stored(
    world: World, platform: WallPlatform
) -> None:
    """One odd event neither stops its stream nor takes the others of its page with it."""
    for name, text in (("n1", "one"), ("n2", "odd text"), ("n3", "odd channel"), ("n4", "four")):
        platform.note(name, "ada", text)
    (account,) = world.io.directory.accounts.values()
    await world.pull(account)
    platform.note("n5", "ada", "five")
    await world.pull(account)

    assert [m.body for m in await world.messages()] == ["one", "four", "five"]
    letters = await world.all(DeadLetter)
    assert sorted((letter.source, letter.tenant) for letter in letters) == [("pulls", "acme")] * 2
    assert all(letter.key.startswith("acme/") for letter in letters)


async def test_a_failure_that_cannot_be_noted_does_not_end_the_stream(
    world: World, platform: WallPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is not the end of a pull."""
    commit, calls = world.ledger.commit, []

    async def full(work: Work) -> None:
        calls.append(work)
        if len(calls) <= 4:
            raise OSError("the disk is full")
        await commit(work)

    platform.note("n1", "ada", "hello")
    monkeypatch.setattr(world.ledger, "commit", full)
    await _kept(world, _ending_after_success(world, monkeypatch))
    monkeypatch.undo()
    await world.settle()

    assert [m.body for m in await world.messages()] == ["hello"]


def _ending_after_success(world: World, monkeypatch: pytest.MonkeyPatch) -> Pauses:
    """Pauses that never end the pull; a run that reached its end does."""
    run = world.io.pulling.run

    async def once(*args: Any) -> bool:
        await run(*args)
        raise asyncio.CancelledError

    monkeypatch.setattr(world.io.pulling, "run", once)
    return Pauses(world, 1000)


async def test_a_ping_does_not_cut_the_wait_short_that_the_platform_asked_for(
    world: World, platform: WallPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A throttled stream waits as told, whatever else happens."""
    tries = 0

    async def throttled(*_: Any) -> bool:
        nonlocal tries
        tries += 1
        raise sdk.RateLimited("slow down", wait=timedelta(minutes=5))

    monkeypatch.setattr(world.io.pulling, "run", throttled)
    await receive(world, {"ping": "notes"})
    pauses = Pauses(world, 3)
    await world.io.pulling.nudge()
    await _kept(world, pauses)

    assert (tries, pauses.seconds) == (3, [300.0, 300.0, 300.0])


async def test_an_error_without_a_wait_is_not_met_again_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform that says to wait for no time at all is given a second."""

    async def failing(*_: Any) -> bool:
        raise sdk.RetryLater("again", wait=timedelta(0))

    monkeypatch.setattr(world.io.pulling, "run", failing)
    pauses = Pauses(world, 3)
    await _kept(world, pauses)

    assert pauses.seconds == [1.0, 1.0, 1.0]


async def test_a_live_stream_that_broke_after_long_is_opened_again_soon(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that drops once an hour never leads to a quarter of an hour of silence."""

    async def an_hour(*_: Any) -> bool:
        world.clock.forward(hours=1)
        raise sdk.RetryLater("the connection was closed")

    monkeypatch.setattr(world.io.pulling, "run", an_hour)
    pauses = Pauses(world, 12)
    await _kept(world, pauses, live=True)
    assert set(pauses.seconds) == {2.0}


async def test_failures_are_counted_from_the_last_page_that_came(
    world: World, platform: WallPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waits grow while nothing comes, also over a restart of the stream, and begin anew once something did."""
    (account,) = world.io.directory.accounts.values()
    monkeypatch.setattr(world.io.pulling, "run", _always(sdk.RetryLater("down")))
    pauses = Pauses(world, 3)
    await _kept(world, pauses)
    again = Pauses(world, 1)
    await _kept(world, again)
    monkeypatch.undo()
    platform.note("n1", "ada", "hello")
    await world.pull(account)
    (state,) = await world.all(StreamState)

    assert (pauses.seconds, again.seconds) == ([2.0, 4.0, 8.0], [16.0])
    assert state.failures == 0


def _always(error: Exception) -> Callable[..., Any]:
    async def failing(*_: Any) -> bool:
        raise error

    return failing


async def test_a_ping_that_comes_while_its_stream_runs_asks_for_another_run(
    world: World, platform: WallPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What changed after the page was fetched is not taken as seen."""
    (account,) = world.io.directory.accounts.values()
    await receive(world, {"ping": "notes"})
    assert len(await world.all(Nudge)) == 1
    (stream,) = LiveWall.streams(world.io.directory.connector(account))  # type: ignore[arg-type]
    store = world.io.pulling._store
    pinged: list[bool] = []

    async def with_a_ping(*args: Any) -> Any:
        if not pinged:
            pinged.append(True)
            await receive(world, {"ping": "notes"})
        return await store(*args)

    monkeypatch.setattr(world.io.pulling, "_store", with_a_ping)
    await world.io.pulling.run(account, stream, "live")
    assert len(await world.all(Nudge)) == 1

    await world.io.pulling.run(account, stream, "live")
    assert await world.all(Nudge) == []
