"""What a killed process stored and did not tell is told by another, and who reads it twice takes it for a repeat."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chorally_core.adapters.sqlite import SqliteBus, SqliteDocuments
from chorally_core.adapters.sqlite.database import Database
from chorally_core.events import LogAdd, topics
from chorally_core.events.event import Event
from chorally_core.ports.documents import Write
from chorally_core.ports.leases import AlwaysHeld
from chorally_core.runner import InOrder, Relay, Runner
from chorally_core.services.log import handlers as log
from chorally_core.services.log.model import LogEntry
from structlog.testing import capture_logs

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Clock:
    """Time that moves when it is told to."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        """Return the time."""
        return self.at


class Elsewhere:
    """A lease that another process holds."""

    async def hold(self, name: str) -> bool:
        """Return False."""
        return False


class Watched(SqliteDocuments):
    """Documents that count how often they are asked what lies untold."""

    asked = 0

    async def unsent(self, *args: Any) -> Any:
        """Return it."""
        self.asked += 1
        return await super().unsent(*args)


def a_fact(name: str) -> Event[LogAdd]:
    """Return a fact that its id tells apart."""
    data = LogAdd(kind="message_received", subject_type="message", subject_id=name)
    return Event(
        topic=topics.LOGS, issuer="message-service", name="add", data=data, id=name, tenant="acme", key="acme/ada",
        occurred_at=START,
    )  # fmt: skip


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
async def ledger(tmp_path: Path, clock: Clock) -> AsyncIterator[InOrder]:
    """Documents and events apart."""
    documents, bus = Database(tmp_path / "documents.db"), Database(tmp_path / "bus.db")
    yield InOrder(Watched(documents, clock), SqliteBus(bus))
    documents.close()
    bus.close()


async def left_by_a_killed_process(ledger: InOrder, *names: str) -> None:
    """Store a document with events, and tell nobody."""
    entry = LogEntry(
        id=f"document {names[0]}", tenant="acme", version=1, what="x", issuer="x", at=START, subject_type="x",
        subject_id="x",
    )  # fmt: skip
    await ledger.documents.write([Write(entry, 0, [a_fact(name) for name in names])])


async def told(ledger: InOrder) -> list[str]:
    """Return all facts in the order in which they were told."""
    consumer = ledger.bus.consumer("test", [topics.LOGS])
    return [delivered.event.id for delivered in (await consumer.poll(100)).delivered]  # type: ignore[union-attr]


async def test_what_has_lain_for_a_while_is_told_once_and_in_order(ledger: InOrder, clock: Clock) -> None:
    """What was stored just now is left to whoever stored it."""
    relay = Relay(ledger, AlwaysHeld())
    await left_by_a_killed_process(ledger, "f1", "f2")
    assert await relay.round() == 0
    clock.at += timedelta(seconds=5)
    assert await relay.round() == 2
    assert await relay.round() == 0
    assert (await told(ledger), relay.relayed) == (["f1", "f2"], 2)


async def test_one_process_at_a_time_looks(ledger: InOrder, clock: Clock) -> None:
    """Who does not hold the lease asks nothing of the store."""
    await left_by_a_killed_process(ledger, "f1")
    clock.at += timedelta(minutes=1)
    assert await Relay(ledger, Elsewhere()).round() == 0
    assert ledger.documents.asked == 0  # type: ignore[attr-defined]


async def test_a_look_at_nothing_is_one_question(ledger: InOrder) -> None:
    """It costs the same however many documents there are."""
    assert await Relay(ledger, AlwaysHeld()).round() == 0
    assert ledger.documents.asked == 1  # type: ignore[attr-defined]


class Away(Elsewhere):
    """Leases whose store cannot be reached for a while."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    async def hold(self, name: str) -> bool:
        """Fail, until the store is back."""
        self.looks -= 1
        if self.looks >= 0:
            raise ConnectionError("nobody answers")
        return True


async def test_a_failure_that_lasts_is_told_once_and_counted(ledger: InOrder) -> None:
    """Neither a line nor a traceback at each look, while a broker is away."""
    relay = Relay(ledger, Away(5))
    with capture_logs() as logs:
        for _ in range(7):
            await relay.look()
    assert [(entry["event"], entry.get("failures")) for entry in logs] == [
        ("relaying fails until further notice", None),
        ("relaying goes on", 5),
    ]


async def test_an_event_that_is_told_twice_has_its_effect_once(ledger: InOrder, clock: Clock) -> None:
    """A relay that is killed between telling and noting it down leaves a repeat, which changes nothing."""
    await left_by_a_killed_process(ledger, "f1", "f2")
    clock.at += timedelta(minutes=1)
    unsent = await ledger.documents.unsent(10)
    await ledger.bus.publish(unsent.events)
    await Relay(ledger, AlwaysHeld()).round()
    assert await told(ledger) == ["f1", "f2", "f1", "f2"]

    runner = Runner(log.GROUP, log.HANDLERS, ledger, now=clock)
    await runner.start()
    while await runner.step():
        pass
    triggers = ledger.bus.consumer("test", [topics.RULE_TRIGGERS])
    names = [delivered.event.id for delivered in (await triggers.poll(100)).delivered]  # type: ignore[union-attr]
    assert len(names) == len({*names}) == 2
