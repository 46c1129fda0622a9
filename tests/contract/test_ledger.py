"""What any ledger does: a piece of work is done as a whole, or can be done again."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from chorally_core.events import topics
from chorally_core.ports.bus import Batch
from chorally_core.ports.documents import Conflict, Write
from chorally_core.ports.ledger import Step, Work
from chorally_core.runner import InOrder

from tests.contract.conftest import Opened, a_cluster, a_ledger
from tests.contract.test_bus import a_reply, an_event
from tests.contract.test_documents import Card
from tests.support.patience import patiently

CHANNEL = "wall_note"
_REAL = [pytest.param(name, marks=pytest.mark.real) for name in ("mongo", "cluster")]


@pytest.fixture(params=["sqlite", "in order", *_REAL])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opened]:
    """Every ledger, that of several processes too, whose events take a while to come."""
    if request.param != "cluster":
        yield a_ledger(request.param, tmp_path)
        return
    async with a_cluster() as cluster:
        yield cluster


async def _read(opened: Any, consumer: Any, count: int) -> Any:
    """Poll until so many came, all in one batch."""
    found: list[Any] = []
    token = None
    async with patiently():
        while len(found) < count:
            batch = await consumer.poll(10)
            found += batch.delivered
            token = batch.token if batch.delivered else token
            await opened.bus.wait(0.0 if batch.delivered else 0.2)
    return Batch(found, token)


async def _told(opened: Any, count: int, group: str = "h") -> list[str]:
    """Read everything that was told of decisions, which is so much, and a mark behind it."""
    consumer = opened.bus.consumer(group, [topics.RULE_TRIGGERS])
    await opened.bus.publish([an_event("mark")])
    names = [delivered.event.id for delivered in (await _read(opened, consumer, count + 1)).delivered]
    assert names[-1] == "mark"
    return [name for name in names if name != "mark"]


def _new(name: str, **fields: Any) -> Card:
    return Card(id=name, tenant="acme", **{"owner": None, **fields})


async def test_work_stores_documents_events_and_the_position(ledger: Opened) -> None:
    """After a commit and a restart all three are there."""
    async with ledger() as opened:
        consumer = opened.bus.consumer("g", [CHANNEL])
        await opened.bus.publish([a_reply(CHANNEL, 1)])
        batch = await _read(opened, consumer, 1)
        effect = an_event("effect")
        await opened.commit(Work([Step.of([_new("c1")], [effect])], (consumer, batch)))
    async with ledger() as opened:
        assert (await opened.documents.get(Card, "c1")).version == 1
        await opened.bus.publish([a_reply(CHANNEL, 2)])
        again = await _read(opened, opened.bus.consumer("g", [CHANNEL]), 1)
        assert [delivered.event.id for delivered in again.delivered] == ["2"]
        assert await _told(opened, 1) == ["effect"]


async def test_several_changes_of_a_document_in_one_piece_of_work_leave_the_last(ledger: Opened) -> None:
    """Steps of one work build on each other."""
    async with ledger() as opened:
        card = _new("c1")
        first = Step.of([card])
        second = Step.of([msgspec.structs.replace(card, text="two")])
        third = Step.of([msgspec.structs.replace(second.writes[0].document, text="three")])
        await opened.commit(Work([first, second, third]))
        stored = await opened.documents.get(Card, "c1")
        assert (stored.text, stored.version) == ("three", 3)


async def test_a_conflict_leaves_the_position_where_it_was(ledger: Opened) -> None:
    """Work that meets a newer version is done again: what it read is read again, what it said is not said twice."""
    async with ledger() as opened:
        consumer = opened.bus.consumer("g", [CHANNEL])
        await opened.bus.publish([a_reply(CHANNEL, 1)])
        card = _new("c1")
        await opened.commit(Work([Step.of([card])]))
        stale = msgspec.structs.replace(card, version=7)
        batch = await _read(opened, consumer, 1)
        effect = an_event("effect")
        with pytest.raises(Conflict):
            await opened.commit(Work([Step.of([stale], [effect])], (consumer, batch)))
        await consumer.rewind()
        assert len((await _read(opened, consumer, 1)).delivered) == 1
        assert await _told(opened, 0) == []


async def test_what_is_used_up_is_removed_with_the_work(ledger: Opened) -> None:
    """A document that the work consumed is gone when the work is done."""
    async with ledger() as opened:
        card = _new("c1")
        await opened.commit(Work([Step.of([card])]))
        await opened.commit(Work([Step.of([_new("c2")], (), [card])]))
        assert await opened.documents.get(Card, "c1") is None
        assert await opened.documents.get(Card, "c2") is not None


async def test_a_turn_that_fails_can_be_taken_again(ledger: Opened) -> None:
    """After an error within a turn, the same work done again gives one result; an event may be told twice."""
    async with ledger() as opened:
        with contextlib.suppress(RuntimeError):
            async with opened.turn():
                await opened.commit(Work([Step.of([_new("c1")], [an_event("e1")])]))
                raise RuntimeError("power failed")
        async with opened.turn():
            await opened.commit(Work([Step.of([_new("c1")], [an_event("e1")])]))
        assert {*await _told(opened, 1)} == {"e1"}


async def test_what_a_killed_process_stored_and_did_not_tell_is_told_by_the_next(ledger: Opened) -> None:
    """Events that lie with their documents are relayed before anything else, once."""
    async with ledger() as opened:
        outbox = (an_event("e1"), an_event("e2")) if isinstance(opened, InOrder) else ()
        await opened.documents.write([Write(_new("c1", version=1), 0, outbox)])
    async with ledger() as opened:
        await opened.recover()
        await opened.recover()
        expected = ["e1", "e2"] if isinstance(opened, InOrder) else []
        assert await _told(opened, len(expected)) == expected


async def test_events_that_no_document_carries_are_told_before_the_position_is_kept(ledger: Opened) -> None:
    """A step with events only, beside one with a document, loses nothing."""
    async with ledger() as opened:
        await opened.commit(Work([Step.of((), [an_event("e1")]), Step.of([_new("c1")], [an_event("e2")])]))
        assert sorted(await _told(opened, 2)) == ["e1", "e2"]


async def test_a_conflict_tells_what_was_stored_before_it(ledger: Opened) -> None:
    """Of two documents the second is stale: whatever was stored is told, and nothing of the stale one."""
    async with ledger() as opened:
        card = _new("c2")
        await opened.commit(Work([Step.of([card])]))
        steps = [Step.of([_new("c1")], [an_event("e1")]), Step.of([_new("c2", version=7)], [an_event("e2")])]
        with pytest.raises(Conflict):
            await opened.commit(Work(steps))
        stored = await opened.documents.get(Card, "c1") is not None
        assert await _told(opened, int(stored)) == (["e1"] if stored else [])


async def test_a_conflict_leaves_what_others_are_about_to_tell(ledger: Opened) -> None:
    """Only what the work itself stored is told; what lies elsewhere has its own process, or the relay."""
    async with ledger() as opened:
        if not isinstance(opened, InOrder):
            return
        await opened.documents.write([Write(_new("theirs", version=1), 0, (an_event("theirs"),))])
        steps = [Step.of([_new("c1")], [an_event("e1")]), Step.of([_new("c2", version=7)], [an_event("e2")])]
        with pytest.raises(Conflict):
            await opened.commit(Work(steps))
        stored = await opened.documents.get(Card, "c1") is not None
        assert await _told(opened, int(stored)) == (["e1"] if stored else [])
        assert await opened.recover() == 1
        assert (await _told(opened, int(stored) + 2, "later"))[-1] == "theirs"
