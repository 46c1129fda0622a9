"""A trace goes on through Kafka: what carries it are the headers of the records."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from chorally_core.adapters.sqlite import SqliteDocuments
from chorally_core.adapters.sqlite.database import Database
from chorally_core.events import Event, MessageAdd, topics
from chorally_core.ports.documents import Query
from chorally_core.runner import InOrder, Runner
from chorally_core.services.log import handlers as log
from chorally_core.services.log.model import LogEntry
from chorally_core.services.message import handlers as message
from chorally_core.telemetry import traces

from tests.support.kafka import a_bus, a_prefix
from tests.support.patience import patiently
from tests.support.spans import spans

pytestmark = pytest.mark.real

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[InOrder]:
    """Documents in a file, events on Kafka."""
    database = Database(tmp_path / "chorally.db")
    async with a_prefix() as prefix, a_bus(prefix) as bus:
        yield InOrder(SqliteDocuments(database), bus)
    database.close()


def _said(traceparent: str) -> Event[MessageAdd]:
    data = MessageAdd(
        id="m1", account_id="a1", platform="wall", channel="wall_note", conversation_key="ada", external_id="n1",
        external_conversation_id="t1", external_created_at=AT, received_at=AT, author_id="ada",
    )  # fmt: skip
    return Event(
        topic=topics.MESSAGES, issuer="io-service", name="add", data=data, id="e1", tenant="acme", key="acme/ada",
        occurred_at=AT, traceparent=traceparent,
    )  # fmt: skip


async def test_what_one_process_publishes_is_handled_by_another_in_the_same_trace(ledger: InOrder) -> None:
    """From the publisher through two services, each of which reads from Kafka what the one before it wrote."""
    runners = [
        Runner(group, handlers, ledger, now=lambda: AT)
        for group, handlers in ((message.GROUP, message.HANDLERS), (log.GROUP, log.HANDLERS))
    ]
    with spans() as seen:
        with traces.begin("webhook") as here:
            await ledger.bus.publish([_said(here)])
        async with patiently():
            while len(await ledger.documents.find(Query(LogEntry, None))) < 2:
                worked = [await runner.step() for runner in runners]
                if not any(worked):
                    await ledger.bus.wait(0.2)

    ways = [seen.way_to(span) for span in seen.all()]
    handled = ["webhook", "message: messages add"]
    assert ["webhook", "publish"] in ways
    assert handled in ways
    assert ways.count([*handled, "log: logs add"]) == 2
    assert len({span.context.trace_id for span in seen.all() if span.context}) == 1
    assert [span.name for span in seen.all()].count("publish") >= 2
