"""One partition's way out, over a batch that takes three records."""

import asyncio
from typing import Any

import pytest
from chorally_core.adapters.kafka import NotPublished
from chorally_core.adapters.kafka.lane import Lane
from chorally_core.adapters.kafka.records import Record


class Batch:
    """Takes three records."""

    def __init__(self) -> None:
        self.values: list[str] = []

    def append(self, *, timestamp: int | None, key: bytes, value: bytes, headers: Any) -> object | None:
        """Take a record, unless the batch is full."""
        assert timestamp is None
        if len(self.values) == 3:
            return None
        self.values.append(value.decode())
        return self


class Broker:
    """Takes batches when told to, and refuses those with some value."""

    def __init__(self) -> None:
        self.sent: list[list[str]] = []
        self.refused = ""
        self.open = asyncio.Event()
        self.open.set()

    async def batch(self) -> Batch:
        """Return an empty batch."""
        return Batch()

    async def send(self, batch: Batch, topic: str, partition: int) -> None:
        """Take a batch."""
        await self.open.wait()
        if self.refused in batch.values:
            raise ConnectionError("no room")
        self.sent.append(batch.values)

    def lane(self) -> Lane:
        """Return a lane to this broker."""
        return Lane("logs", 0, self.batch, self.send)


def records(values: str) -> list[Record]:
    """Return a record for each letter."""
    return [Record(b"k", value.encode(), []) for value in values]


async def test_calls_that_come_together_share_batches_in_their_order() -> None:
    """Many small calls cost few round trips."""
    broker = Broker()
    lane = broker.lane()
    await asyncio.gather(lane.put(records("ab")), lane.put(records("cd")), lane.put(records("e")))
    assert broker.sent == [["a", "b", "c"], ["d", "e"]]


async def test_what_comes_while_a_batch_is_under_way_gathers_behind_it() -> None:
    """A second batch never overtakes the first."""
    broker = Broker()
    lane = broker.lane()
    broker.open.clear()
    first = lane.put(records("a"))
    await asyncio.sleep(0)
    later = [lane.put(records("b")), lane.put(records("c"))]
    broker.open.set()
    await asyncio.gather(first, *later)
    assert broker.sent == [["a"], ["b", "c"]]


async def test_behind_a_failed_batch_nothing_of_the_same_call_is_sent() -> None:
    """Repeating the call leaves no event before those it follows; other calls go on."""
    broker = Broker()
    broker.refused = "b"
    lane = broker.lane()
    failing, after = lane.put(records("abcdef")), lane.put(records("x"))
    with pytest.raises(NotPublished, match="logs") as refused:
        await failing
    await after
    assert isinstance(refused.value.__cause__, ConnectionError)
    assert broker.sent == [["x"]]


async def test_a_call_that_was_left_is_not_sent() -> None:
    """Whoever stops waiting before the turn comes publishes nothing."""
    broker = Broker()
    lane = broker.lane()
    broker.open.clear()
    first, left = lane.put(records("a")), lane.put(records("bcd"))
    await asyncio.sleep(0)
    left.cancel()
    broker.open.set()
    await first
    await lane.put(records("z"))
    assert [value for batch in broker.sent for value in batch] == ["a", "b", "c", "z"]


async def test_without_a_broker_every_call_is_told() -> None:
    """A producer that cannot be made fails what waits, and the next call tries again."""
    broker = Broker()

    async def none() -> Batch:
        raise ConnectionError("nobody answers")

    lane = Lane("logs", 0, none, broker.send)
    told = await asyncio.gather(lane.put(records("a")), lane.put(records("b")), return_exceptions=True)
    assert [type(one) for one in told] == [NotPublished, NotPublished]
    with pytest.raises(NotPublished):
        await lane.put(records("c"))
    assert lane.since is None


async def test_to_stop_tells_whoever_waits() -> None:
    """Nobody waits for ever for a bus that has ended."""
    broker = Broker()
    lane = broker.lane()
    broker.open.clear()
    waiting = [lane.put(records("abcd")), lane.put(records("e"))]
    await asyncio.sleep(0)
    await lane.stop()
    told = await asyncio.gather(*waiting, return_exceptions=True)
    assert ["stopped" in str(one) for one in told] == [True, True]
