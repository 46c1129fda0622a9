"""What any event bus does."""

import asyncio
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from chorally_core.events import Event, TriggerEvaluate, topics
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.conftest import Opened
from tests.support.patience import patiently, until

_runs = count()
AT = datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=UTC)


def an_event(name: str, key: str = "acme/ada", topic: str = topics.RULE_TRIGGERS) -> Event[Any]:
    """Return an event whose data tells it apart."""
    return Event(
        topic=topic,
        issuer="log-service",
        name="evaluate",
        data=TriggerEvaluate(log_id=name, kind="message_received", snapshot={"text": "così — 👍"}),
        id=name,
        tenant="acme",
        key=key,
        occurred_at=AT,
        caused_by="cause",
        depth=2,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )


async def _names(bus: Any, consumer: Any, count: int, *, commit: bool = True, most: int = 3_000) -> list[str]:
    """Read so many, in as many batches as they come."""
    names: list[str] = []
    async with patiently():
        while len(names) < count:
            batch = await consumer.poll(min(count - len(names), most))
            if not batch.delivered:
                await bus.wait(0.2)
                continue
            if commit:
                await consumer.commit(batch)
            names += [_id(delivered.event) for delivered in batch.delivered]
    return names


def _id(found: Any) -> str:
    """The id of what was read, also where this version does not know the event."""
    return str(found.id if isinstance(found, Event) else found.raw.headers["id"])


async def _nothing_waits(bus: Any, consumer: Any) -> None:
    """Show that there is nothing before what is published now."""
    await bus.publish([an_event("mark")])
    assert await _names(bus, consumer, 1) == ["mark"]


async def test_what_is_published_is_read_as_it_was_after_a_restart(bus: Opened) -> None:
    """Value and headers survive the way through the log, to the microsecond and every character."""
    async with bus() as opened:
        await opened.publish([an_event("e1")])
    async with bus() as opened:
        consumer = opened.consumer("g", [topics.RULE_TRIGGERS])
        async with patiently():
            while not (batch := await consumer.poll(10)).delivered:
                await opened.wait(0.2)
        assert [delivered.event for delivered in batch.delivered] == [an_event("e1")]


async def test_a_group_reads_in_order_and_goes_on_where_it_committed(bus: Opened) -> None:
    """Committed events do not come again, uncommitted ones do, also after a restart."""
    async with bus() as opened:
        consumer = opened.consumer("g", [topics.RULE_TRIGGERS])
        await opened.publish([an_event(f"e{i}") for i in range(5)])
        assert await _names(opened, consumer, 3) == ["e0", "e1", "e2"]
        assert await _names(opened, consumer, 2, commit=False) == ["e3", "e4"]
    async with bus() as opened:
        consumer = opened.consumer("g", [topics.RULE_TRIGGERS])
        assert await _names(opened, consumer, 2) == ["e3", "e4"]
        assert not (await consumer.poll(10)).delivered
        await _nothing_waits(opened, consumer)


async def test_positions_sort_in_the_order_of_a_key(bus: Opened) -> None:
    """What waits behind a failed event is taken up by position, so it must be that of the log."""
    async with bus() as opened:
        consumer = opened.consumer("g", [topics.RULE_TRIGGERS])
        await opened.publish([an_event(f"e{i}") for i in range(120)])
        found: dict[str, str] = {}
        async with patiently():
            while len(found) < 120:
                batch = await consumer.poll(50)
                found |= {delivered.position: delivered.event.id for delivered in batch.delivered}
                await consumer.commit(batch)
                await opened.wait(0.0 if batch.delivered else 0.2)
        assert [found[position] for position in sorted(found)] == [f"e{i}" for i in range(120)]


async def test_a_rewound_group_reads_again_what_it_did_not_commit(bus: Opened) -> None:
    """After a rewind everything behind the last commit comes again, in order."""
    async with bus() as opened:
        consumer = opened.consumer("g", [topics.RULE_TRIGGERS])
        await opened.publish([an_event(f"e{i}") for i in range(4)])
        await _names(opened, consumer, 1)
        await _names(opened, consumer, 2, commit=False)
        await consumer.rewind()
        await opened.publish([an_event("e4")])
        assert await _names(opened, consumer, 4) == ["e1", "e2", "e3", "e4"]
        await _nothing_waits(opened, consumer)


async def test_groups_do_not_disturb_each_other(bus: Opened) -> None:
    """Each group reads everything, at its own pace, a late one from the beginning."""
    async with bus() as opened:
        first = opened.consumer("first", [topics.RULE_TRIGGERS])
        await opened.publish([an_event("e1")])
        assert await _names(opened, first, 1) == ["e1"]
        await opened.publish([an_event("e2")])
        second = opened.consumer("second", [topics.RULE_TRIGGERS])
        assert await _names(opened, second, 2) == ["e1", "e2"]
        assert await _names(opened, first, 1) == ["e2"]


async def test_topics_are_apart(bus: Opened) -> None:
    """A reader of one topic sees nothing of another; a reader of both sees each in order."""
    async with bus() as opened:
        await opened.publish([an_event("a1"), an_event("b1", topic=topics.QUEUE_TRIGGERS), an_event("a2")])
        one = opened.consumer("one", [topics.RULE_TRIGGERS])
        assert await _names(opened, one, 2) == ["a1", "a2"]
        await _nothing_waits(opened, one)
        both = opened.consumer("both", [topics.RULE_TRIGGERS, topics.QUEUE_TRIGGERS])
        names = await _names(opened, both, 4)
        assert [name for name in names if name != "b1"] == ["a1", "a2", "mark"]


async def test_a_group_that_lags_far_behind_loses_nothing(bus: Opened) -> None:
    """More than is kept in memory is read from the log, without a gap at the seam."""
    async with bus() as opened:
        consumer = opened.consumer("g", [topics.RULE_TRIGGERS])
        for start in range(0, 25_000, 5_000):
            await opened.publish([an_event(f"{start + i}") for i in range(5_000)])
        read = await _names(opened, consumer, 25_000)
        await opened.publish([an_event("last")])
        read += await _names(opened, consumer, 1)
        assert read == [str(i) for i in range(25_000)] + ["last"]


async def test_a_wait_ends_when_something_is_published(bus: Opened) -> None:
    """Consumers are woken, not polled."""
    async with bus() as opened:
        consumer = opened.consumer("g", [topics.RULE_TRIGGERS])
        await opened.publish([an_event("e1")])
        async with asyncio.timeout(30.0):
            await opened.wait(60.0)
            while not (await consumer.poll(1)).delivered:
                await opened.wait(60.0)


async def test_how_many_wait_is_told(bus: Opened) -> None:
    """The lag counts what was published and not read."""
    async with bus() as opened:
        consumer = opened.consumer("g", [topics.RULE_TRIGGERS])
        await opened.publish([an_event(f"e{i}") for i in range(5)])
        await until(lambda: consumer.waiting() == 5, opened)
        await _names(opened, consumer, 2)
        assert consumer.waiting() == 3


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(["publish", "poll", "commit", "rewind", "restart"]), max_size=30), data=st.data())
async def test_any_interleaving_gives_everything_in_order(bus: Opened, steps: list[str], data: st.DataObject) -> None:
    """Whatever the steps, what is committed is everything in order, without gap or repeat."""
    topic = f"wall_{next(_runs)}"
    async with bus() as opened:
        consumer = opened.consumer("g", [topic])
        published = 0
        done: list[str] = []
        pending: list[Any] = []
        for step in steps:
            if step == "publish":
                count = data.draw(st.integers(1, 5))
                await opened.publish([a_reply(topic, published + i) for i in range(count)])
                published += count
            elif step == "poll":
                waits = published > len(done) + sum(len(batch.delivered) for batch in pending)
                pending.append(await _polled(opened, consumer, data.draw(st.integers(1, 4)), waits))
            elif step == "commit" and pending:
                for batch in pending:
                    await consumer.commit(batch)
                    done += [delivered.event.id for delivered in batch.delivered]
                pending = []
            elif step == "rewind":
                await consumer.rewind()
                pending = []
            elif step == "restart":
                consumer = opened.consumer("g", [topic])
                pending = []
        await consumer.rewind()
        while len(done) < published:
            batch = await _polled(opened, consumer, 3, True)
            await consumer.commit(batch)
            done += [delivered.event.id for delivered in batch.delivered]
        assert done == [str(i) for i in range(published)]
        assert not (await consumer.poll(1)).delivered


async def _polled(bus: Any, consumer: Any, limit: int, waits: bool) -> Any:
    """Poll; where something waits, until some of it has come in."""
    async with patiently():
        while not (batch := await consumer.poll(limit)).delivered and waits:
            await bus.wait(0.2)
    return batch


def a_reply(topic: str, number: int) -> Event[Any]:
    """Return a command to a channel."""
    from chorally_core.events import Reply

    data = Reply(message_id=str(number), account_id="a", channel=topic, body="hi")
    return Event(
        topic=topic, issuer="message-service", name="reply", data=data, id=str(number), tenant="acme", key="k",
        occurred_at=AT,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"not json", "JSON"),
        (b'{"issuer": "x", "event": "add"}', "data"),
        (b'{"issuer": "message-service", "event": "add", "data": {"kind": 5}}', "int"),
        ('{"issuer": "x", "event": "add", "data": {"kind": "\udcff"}}'.encode("utf-8", "surrogateescape"), "utf-8"),
    ],
)
async def test_what_is_no_event_is_delivered_as_unreadable(value: bytes, why: str) -> None:
    """Rubbish on a topic is told apart from events, with what is wrong; it never raises."""
    from chorally_core.events import Raw, Unreadable, decode

    head = {"id": "1", "tenant": "acme", "occurred_at": AT.isoformat(), "schema": "1"}
    found = decode(Raw(topic=topics.LOGS, key="k", value=value, headers=head))
    assert isinstance(found, Unreadable)
    assert why.lower() in found.error.lower()


async def test_an_event_that_this_version_does_not_know_is_told_apart() -> None:
    """A name from a later release is unknown, not unreadable; unknown fields are ignored."""
    from chorally_core.events import Raw, Unknown, decode

    head = {"id": "1", "tenant": "acme", "occurred_at": AT.isoformat(), "schema": "1"}
    later = b'{"issuer": "x", "event": "tomorrow", "data": {"a": 1}}'
    assert isinstance(decode(Raw(topic=topics.LOGS, key="k", value=later, headers=head)), Unknown)
    more = b'{"issuer": "x", "event": "add", "data": {"kind": "k", "subject_type": "t", "subject_id": "i", "new": 1}}'
    found = decode(Raw(topic=topics.LOGS, key="k", value=more, headers=head))
    assert isinstance(found, Event)
