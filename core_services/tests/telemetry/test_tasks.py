"""Work ends in bounded time, whatever it does about that."""

import asyncio
import contextlib

from chorally_core.telemetry.tasks import ended, where
from structlog.testing import capture_logs


async def test_what_fails_at_its_end_keeps_nothing_from_the_others() -> None:
    """It is logged by its name, and the others end."""
    done = []

    async def fails() -> None:
        raise OSError("gone")

    async def ends() -> None:
        done.append(True)

    with capture_logs() as logs:
        await ended(5.0, {"one": fails(), "two": ends()})
    assert done == [True]
    assert [(entry["event"], entry["part"]) for entry in logs] == [("a part did not end well", "one")]


async def test_what_does_not_end_is_told_with_its_place_and_left_alone() -> None:
    """Also where it swallows that it is cancelled."""
    may_end = asyncio.Event()

    async def stubborn() -> None:
        while not may_end.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await may_end.wait()

    async def rests() -> None:
        await stubborn()

    with capture_logs() as logs:
        async with asyncio.timeout(5):
            await ended(0.01, {"rest": rests()})
    may_end.set()
    (entry,) = logs
    assert (entry["event"], entry["part"]) == ("a part did not end in time", "rest")
    assert [place.rpartition(".")[2].partition(":")[0] for place in entry["at"].split(" > ")][:3] == [
        "rests", "stubborn", "wait"
    ]  # fmt: skip


async def test_a_task_that_was_cancelled_already_is_no_trouble() -> None:
    """So are none at all."""
    task = asyncio.create_task(asyncio.sleep(3600))
    task.cancel()
    with capture_logs() as logs:
        await ended(5.0, {"sleeper": task})
        await ended(5.0, {})
    assert logs == []
    assert where(task) == ""
