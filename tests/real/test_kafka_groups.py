"""Members of a group on a real Kafka: they share, hand over, die, and lose nothing."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from chorally_core.events import topics
from chorally_core.ports.documents import Conflict

from tests.support import kafka
from tests.support.kafka import a_bus, an_event, ids, read_until
from tests.support.patience import patiently, until

pytestmark = pytest.mark.real
KEYS = 30


@pytest.fixture
async def prefix() -> AsyncIterator[str]:
    """Topics and groups of this test alone."""
    async with kafka.a_prefix() as own:
        yield own


def some_events(count: int) -> list[Any]:
    """Return events of many keys, each key's numbered in order."""
    return [an_event(f"e{number:05d}", f"acme/k{number % KEYS}") for number in range(count)]


def handled_in_order(seen: list[Any]) -> bool:
    """Say whether each key's events came first in their order; repeats are left out."""
    by_key: dict[str, list[str]] = {}
    for event in seen:
        of_key = by_key.setdefault(event.key, [])
        if event.id not in of_key:
            of_key.append(event.id)
    return all(of_key == sorted(of_key) for of_key in by_key.values())


async def joined(bus: Any, group: str = "g") -> Any:
    """Return a member once it has its share."""
    member = bus.consumer(group, [topics.RULE_TRIGGERS])
    await until(lambda: member.shares >= 2, bus)
    return member


async def polled(bus: Any, member: Any, limit: int = 1000) -> Any:
    """Return the next batch that is not empty."""
    async with patiently():
        while not (batch := await member.poll(limit)).delivered:
            await bus.wait(0.2)
    return batch


async def test_two_members_share_the_partitions(prefix: str) -> None:
    """Each event goes to one of them, each partition to one of them, and both have work."""
    async with a_bus(prefix) as one, a_bus(prefix) as two:
        first = await joined(one)
        before = first.shares
        second = await joined(two)
        await until(lambda: first.shares >= before + 2, one)
        await one.publish(some_events(300))
        seen: dict[str, list[Any]] = {"first": [], "second": []}

        def done() -> bool:
            return sum(map(len, seen.values())) >= 300

        await asyncio.gather(
            read_until(one, first, done, seen["first"].append), read_until(two, second, done, seen["second"].append)
        )
        parts = [{delivered.position.split("-")[0] for delivered in found} for found in seen.values()]
        assert all(parts)
        assert not parts[0] & parts[1]
        assert set(Counter(ids(seen["first"] + seen["second"])).values()) == {1}


async def test_work_in_hand_is_finished_before_partitions_move(prefix: str) -> None:
    """A member that joins waits for the batch of the other: nothing is done twice."""
    async with a_bus(prefix) as one, a_bus(prefix) as two:
        first = await joined(one)
        await one.publish(some_events(300))
        seen: list[Any] = []
        batch = await polled(one, first)
        second = two.consumer("g", [topics.RULE_TRIGGERS])
        await until(lambda: not first.membership.is_open, one)
        seen += batch.delivered
        await first.commit(batch)
        await asyncio.gather(
            read_until(one, first, lambda: len(seen) >= 300, seen.append),
            read_until(two, second, lambda: len(seen) >= 300, seen.append),
        )
        assert sorted(ids(seen)) == [event.id for event in some_events(300)]
        assert handled_in_order([delivered.event for delivered in seen])


async def test_work_that_takes_too_long_is_given_up_and_done_by_the_new_owner(prefix: str) -> None:
    """The old owner's commit is refused, its batch comes again; nothing is lost."""
    async with a_bus(prefix, handover_s=0.3) as one, a_bus(prefix, handover_s=0.3) as two:
        first = await joined(one)
        await one.publish(some_events(300))
        held = await polled(one, first)
        second = await joined(two)
        with pytest.raises(Conflict, match="the work is done again"):
            await first.commit(held)
        await first.rewind()
        seen: list[Any] = []
        everything = {event.id for event in some_events(300)}
        await asyncio.gather(
            read_until(one, first, lambda: set(ids(seen)) == everything, seen.append),
            read_until(two, second, lambda: set(ids(seen)) == everything, seen.append),
        )
        assert handled_in_order([delivered.event for delivered in seen])


async def test_a_batch_is_refused_also_when_its_partitions_have_come_back(prefix: str) -> None:
    """Somebody else may have gone on from there meanwhile; what was read before counts no more."""
    async with a_bus(prefix, handover_s=0.3) as one:
        first = await joined(one)
        await one.publish(some_events(90))
        held = await polled(one, first)
        async with a_bus(prefix, handover_s=0.3) as two:
            await joined(two)
        await until(lambda: first.waiting() == 90, one)
        with pytest.raises(Conflict):
            await first.commit(held)
        seen: list[Any] = []
        await read_until(one, first, lambda: len(seen) >= 90, seen.append)
        assert sorted(ids(seen)) == [event.id for event in some_events(90)]


async def test_a_member_that_leaves_hands_over_at_once(prefix: str) -> None:
    """A rolling restart waits for no session to end."""
    async with a_bus(prefix, session_s=60.0) as one:
        async with a_bus(prefix, session_s=60.0) as two:
            first = await joined(one)
            await joined(two)
            await one.publish(some_events(90))
        seen: list[Any] = []
        async with asyncio.timeout(30):
            await read_until(one, first, lambda: len(seen) == 90, seen.append)
        assert sorted(ids(seen)) == [event.id for event in some_events(90)]


VICTIM = """
import asyncio, sys
from tests.support.kafka import a_bus
async def main():
    async with a_bus(sys.argv[1]) as bus:
        member = bus.consumer("g", ["rule-triggers"])
        while not (batch := await member.poll(50)).delivered:
            await bus.wait(0.2)
        print("in hand", len(batch.delivered), flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


async def test_what_a_killed_member_had_in_hand_is_done_by_another(prefix: str) -> None:
    """A kill loses nothing: the broker notices the silence, and the uncommitted batch comes again."""
    async with a_bus(prefix) as bus:
        await bus.publish(some_events(100))
        victim = await asyncio.create_subprocess_exec(
            sys.executable, "-c", VICTIM, prefix, stdout=asyncio.subprocess.PIPE
        )
        assert victim.stdout is not None
        async with patiently():
            while not (line := await victim.stdout.readline()).startswith(b"in hand"):
                assert line
        victim.kill()
        await victim.wait()
        member = bus.consumer("g", [topics.RULE_TRIGGERS])
        seen: list[Any] = []
        await read_until(bus, member, lambda: len(seen) >= 100, seen.append)
        assert sorted(ids(seen)) == [event.id for event in some_events(100)]


async def test_a_member_reads_ahead_only_so_far_and_still_tells_the_whole_lag(prefix: str) -> None:
    """Whoever does not keep up holds little in memory, and the figure that an alert is made of stays true."""
    async with a_bus(prefix) as bus:
        member = await joined(bus)
        await bus.publish([an_event(f"e{i}", f"k{i}", text="x" * 500) for i in range(12_000)])
        await until(lambda: member.waiting() == 12_000, bus)
        assert member.membership.share.ahead < 3_000
        batch = await member.poll(100)
        await member.commit(batch)
        assert member.waiting() == 12_000 - len(batch.delivered)


async def test_a_group_that_slept_past_the_retention_goes_on_with_what_is_there(prefix: str) -> None:
    """What was removed unread is told in the log, and nothing else is skipped."""
    from aiokafka import TopicPartition
    from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

    (server,) = kafka.environment(kafka.BOOTSTRAP)
    async with a_bus(prefix, partitions=1) as bus:
        member = await joined(bus)
        await bus.publish([an_event(f"e{i}", "k") for i in range(10)])
        await member.commit(await polled(bus, member, 5))
    admin = AIOKafkaAdminClient(bootstrap_servers=server)
    await admin.start()
    where = TopicPartition(f"{prefix}{topics.RULE_TRIGGERS}", 0)
    await admin.delete_records({where: RecordsToDelete(before_offset=8)})
    await admin.close()
    async with a_bus(prefix, partitions=1) as bus:
        batch = await polled(bus, await joined(bus))
        assert ids(batch.delivered) == ["e8", "e9"]
