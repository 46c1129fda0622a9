"""Several members of a group share out its partitions: order holds for each key, nothing is lost, effects are once."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from chorally_core.events import Event
from chorally_core.ports.documents import Write
from chorally_core.runner import Parked, Runner
from chorally_core.runner.parking import parked
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.partitions import Cluster
from tests.support.tally import Count, Tally, an_event


def first_told(told: Iterable[Event[Any]]) -> dict[str, list[str]]:
    """Return the effects of each key in the order in which they were first told."""
    found: dict[str, list[str]] = {}
    for event in told:
        names = found.setdefault(event.key, [])
        if event.id not in names:
            names.append(event.id)
    return found


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    keys=st.lists(st.integers(0, 2), min_size=10, max_size=25),
    failing=st.dictionaries(st.integers(0, 39), st.integers(1, 3), max_size=5),
)
@example(
    seed=2_754_267_378, keys=[0, 0, 0, 1, 1, 2, 2, 2, 0, 0, 0, 0, 2, 2, 2, 1, 1, 2], failing={14: 1, 6: 3}
)  # a share that changed while its lanes were learned
async def test_whatever_happens_each_key_is_handled_in_order_and_once(
    seed: int, keys: list[int], failing: dict[int, int]
) -> None:
    """Two processes, partitions that move at any time, events that fail for a while, kills between any two writes."""
    events = [an_event(f"e{number:02}", f"key{key}") for number, key in enumerate(keys)]
    failures = Counter({f"e{number:02}": count for number, count in failing.items()})
    expected: dict[str, list[str]] = {}
    for event in events:
        expected.setdefault(event.key, []).append(event.id)
    with TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder), seed, lambda: [Count(failures)])
        cluster.log.append(events)
        async with asyncio.timeout(60):
            await asyncio.gather(cluster.process(), cluster.process())
        cluster.chance_of_death = 0.0
        await cluster.ledger().recover()
        assert {tally.id: list(tally.seen) for tally in await cluster.all(Tally)} == expected
        assert first_told(cluster.told) == {
            key: [f"effect {name}" for name in names] for key, names in expected.items()
        }
        cluster.database.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    """Processes that nobody kills."""
    cluster = Cluster(tmp_path, 1, lambda: [Count(FAILS)])
    cluster.chance_of_death = 0.0
    return cluster


FAILS = Counter({"bad": 1_000_000})


def a_runner(cluster: Cluster) -> Runner:
    """Return a member that has no partition yet."""
    return Runner("g", [Count(FAILS)], cluster.ledger(), now=cluster.now)


async def test_a_lane_goes_with_its_partition(cluster: Cluster) -> None:
    """Whoever has the partition keeps the key's order, and whoever had it leaves the lane alone."""
    one, two = a_runner(cluster), a_runner(cluster)
    cluster.log.append([an_event("bad", "k")])
    one.consumer.take_over([0, 1, 2])  # type: ignore[attr-defined]
    await one.start()
    assert await one.step() == 1
    assert (one.parked, two.parked) == (1, 0)

    one.consumer.take_over([])  # type: ignore[attr-defined]
    two.consumer.take_over([0, 1, 2])  # type: ignore[attr-defined]
    cluster.log.append([an_event("good", "k"), an_event("other", "another key")])
    await two.step()
    await one.step()
    assert (one.parked, two.parked) == (0, 2)
    assert [tally.id for tally in await cluster.all(Tally)] == ["another key"]


async def test_what_a_former_owner_parks_late_is_found_after_a_while(cluster: Cluster) -> None:
    """The new owner had looked before; it looks again by itself."""
    owner = a_runner(cluster)
    owner.consumer.take_over([0, 1, 2])  # type: ignore[attr-defined]
    await owner.start()
    late = parked(an_event("bad", "k"), "g", "00000-0", attempts=1, next_at=cluster.at, error="slow")
    await cluster.ledger().documents.write([Write(late, 0)])
    await owner.step()
    assert owner.parked == 0
    cluster.at += timedelta(seconds=30)
    await owner.step()
    assert owner.parked == 1


async def test_two_members_that_retry_one_lane_do_no_harm(cluster: Cluster) -> None:
    """The one that was slower finds it done."""
    FAILS["for a while"] = 1
    one, two = a_runner(cluster), a_runner(cluster)
    cluster.log.append([an_event("for a while", "k"), an_event("behind", "k")])
    for runner in (one, two):
        runner.consumer.take_over([0, 1, 2])  # type: ignore[attr-defined]
        await runner.start()
    await one.step()
    await two.start()
    cluster.now()
    await asyncio.gather(one.step(), two.step(), return_exceptions=True)
    for runner in (one, two):
        await runner.recover()
        await runner.step()
    assert await cluster.all(Parked) == []
    assert [tally.seen for tally in await cluster.all(Tally)] == [("for a while", "behind")]
    assert {event.id: 1 for event in cluster.told} == {"effect for a while": 1, "effect behind": 1}
