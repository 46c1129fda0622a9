"""An event that the bus never takes is set aside, and what other processes left behind is told all the same."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from chorally_core.adapters.sqlite import SqliteBus, SqliteDocuments
from chorally_core.adapters.sqlite.database import Database
from chorally_core.events import LogAdd, topics
from chorally_core.events.event import Event
from chorally_core.ports.documents import Query, Write
from chorally_core.ports.parking import DeadLetter
from chorally_core.runner import InOrder
from chorally_core.services.log.model import LogEntry

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Small(SqliteBus):
    """A bus that takes small events only, and none of a call where one is large."""

    is_away = False

    async def publish(self, events: Sequence[Event[Any]]) -> None:
        """Append them."""
        if self.is_away:
            raise OSError("the bus is away")
        if any(len(str(event.data.snapshot)) > 1000 for event in events if isinstance(event.data, LogAdd)):
            raise ValueError("an event is too large")
        await super().publish(events)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[InOrder]:
    """Documents and events apart."""
    documents, bus = Database(tmp_path / "documents.db"), Database(tmp_path / "bus.db")
    yield InOrder(SqliteDocuments(documents), Small(bus))
    documents.close()
    bus.close()


async def _left_behind(ledger: InOrder, name: str, text: str = "") -> None:
    data = LogAdd(kind="ticket_changed", subject_type="ticket", subject_id=name, snapshot={"said": text})
    fact = Event(
        topic=topics.LOGS, issuer="message-service", name="add", data=data, id=name, tenant="acme", key="acme/ada",
        occurred_at=START,
    )  # fmt: skip
    entry = LogEntry(
        id=f"document {name}", tenant="acme", version=1, what="x", issuer="x", at=START, subject_type="x",
        subject_id="x",
    )  # fmt: skip
    await ledger.documents.write([Write(entry, 0, [fact])])


async def test_an_event_that_the_bus_never_takes_becomes_a_dead_letter(ledger: InOrder) -> None:
    """Those around it are told, and nothing lies there any more."""
    await _left_behind(ledger, "f1")
    await _left_behind(ledger, "f2", "long" * 1000)
    await _left_behind(ledger, "f3")

    await ledger.recover()

    consumer = ledger.bus.consumer("test", [topics.LOGS])
    told = [delivered.event.id for delivered in (await consumer.poll(100)).delivered]  # type: ignore[union-attr]
    [letter] = await ledger.documents.find(Query(DeadLetter, None))
    assert sorted(told) == ["f1", "f3"]
    assert (letter.source, letter.tenant, "longlong" in letter.value) == ("logs", "acme", True)
    assert (await ledger.documents.unsent(10)).events == []


async def test_a_bus_that_is_away_sets_nothing_aside(ledger: InOrder) -> None:
    """Everything is told once it is there again."""
    await _left_behind(ledger, "f1")
    ledger.bus.is_away = True  # type: ignore[attr-defined]
    with pytest.raises(OSError, match="away"):
        await ledger.recover()

    ledger.bus.is_away = False  # type: ignore[attr-defined]
    assert await ledger.recover() == 1
    assert await ledger.documents.find(Query(DeadLetter, None)) == []
