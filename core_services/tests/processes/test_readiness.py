"""Readiness tells the truth: what stands in the way, and nothing else."""

import asyncio

import pytest
from chorally_core.bootstrap import readiness as module
from chorally_core.bootstrap.readiness import Readiness


class Seconds:
    """Seconds that pass when told to."""

    at = 100.0

    def __call__(self) -> float:
        """Return them."""
        return self.at


@pytest.fixture
def seconds() -> Seconds:
    """Return a clock that stands still."""
    return Seconds()


@pytest.fixture
def readiness(seconds: Seconds) -> Readiness:
    """Return the readiness of a process that has started."""
    made = Readiness(monotonic=seconds)
    made.started = True
    return made


async def test_a_process_is_not_ready_before_it_has_started_and_once_it_stops(readiness: Readiness) -> None:
    """Whatever its parts say."""
    readiness.started = False
    assert await readiness() == ["not started"]
    readiness.started = True
    assert await readiness() == []
    readiness.stopping = True
    assert await readiness() == ["stopping"]


async def test_what_stands_in_the_way_of_any_part_is_told(readiness: Readiness) -> None:
    """Each part is asked at each time."""
    reasons = ["the pump has ended"]
    readiness.ask(lambda: reasons)
    readiness.ask(lambda: ["the disk is full"])
    assert await readiness() == ["the pump has ended", "the disk is full"]
    reasons.clear()
    assert await readiness() == ["the disk is full"]


async def test_documents_are_asked_at_most_once_a_second(readiness: Readiness, seconds: Seconds) -> None:
    """Also when many ask at the same time; what they answered meanwhile is believed."""
    asked = 0

    async def reach() -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)

    readiness.reach(reach)
    await asyncio.gather(*(readiness() for _ in range(10)))
    assert asked == 1
    seconds.at += 1.0
    await readiness()
    assert asked == 2


async def test_documents_that_fail_or_are_silent_are_told(
    readiness: Readiness, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the kind of the error, which may quote what is secret; and without waiting for ever."""
    monkeypatch.setattr(module, "_PATIENCE_S", 0.01)

    async def fails() -> None:
        raise ConnectionError("mongodb://user:canary@host is away")

    async def waits() -> None:
        await asyncio.Event().wait()

    readiness.reach(fails)
    assert await readiness() == ["the documents cannot be read: ConnectionError"]
    readiness.reach(waits)
    seconds.at += 1.0
    (reason,) = await readiness()
    assert "have not answered" in reason
