"""MongoDB by itself: arrivals of slow and killed writers, migrations at once, a server that goes away."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest
from chorally_core.adapters.sqlite import SqliteBus
from chorally_core.adapters.sqlite.database import Database
from chorally_core.events import LogAdd, topics
from chorally_core.events.event import Event
from chorally_core.events.ids import derived
from chorally_core.ports.documents import ARRIVAL, Document, Query, Write
from chorally_core.ports.schemas import CannotMigrate
from chorally_core.runner import InOrder, Parked, Pump, Runner
from chorally_core.services.log import handlers as log
from chorally_core.services.log.model import LogEntry

from tests.contract.test_documents import Card, Line, a_card
from tests.real.faulty_line import a_faulty_line
from tests.support.patience import patiently

pytestmark = pytest.mark.real


@pytest.fixture
def url() -> str:
    """A database of this test's own."""
    server = os.environ.get("CHORALLY_MONGO_URL", "")
    if not server:
        if os.environ.get("CI"):
            pytest.fail("CHORALLY_MONGO_URL is not set; start the server before the real tests")
        pytest.skip("needs a server: CHORALLY_MONGO_URL")
    return urlunsplit(urlsplit(server)._replace(path=f"/own_{uuid4().hex[:12]}"))


@asynccontextmanager
async def a_store(url: str, *kinds: type[Document], **options: Any) -> AsyncIterator[Any]:
    """Documents as one process has them."""
    from chorally_core.adapters.mongo import MongoDocuments

    store = MongoDocuments(url, **options)
    try:
        await store.migrate(kinds)
        yield store
    finally:
        await store.close()


def lines(*names: str) -> list[Write]:
    """Return additions."""
    return [Write(Line(id=name, tenant="acme", version=1), 0) for name in names]


async def arrived(store: Any) -> list[str]:
    """Return everything that may be read."""
    return [line.id for line in await store.find(Query(Line, None, order=ARRIVAL))]


class Seconds:
    """A clock that moves when it is told to."""

    at = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.at


async def test_readers_wait_for_who_has_reserved_a_number_and_not_written_yet(url: str) -> None:
    """What was written behind it is there and not given yet, so that nobody misses the one that is late."""
    async with a_store(url, Line) as slow, a_store(url, Line) as quick:
        await quick.write(lines("first"))
        slow._shaped(Line)
        reserved = await slow._arrivals[Line].reserve(1)
        await quick.write(lines("second"))
        assert await arrived(quick) == await arrived(slow) == []
        await slow._arrivals[Line].close(reserved, [])
        assert await arrived(quick) == ["first", "second"]


async def test_a_killed_writer_is_waited_for_a_while(url: str) -> None:
    """By the reader's own clock; and whoever was only slow finds out, and arrives anew behind what was given."""
    clock = Seconds()
    async with a_store(url, Line) as slow, a_store(url, Line, monotonic=clock) as reader:
        slow._shaped(Line)
        reserved = await slow._arrivals[Line].reserve(1)
        await reader.write(lines("second"))
        assert await arrived(reader) == []
        clock.at = 14.9
        assert await arrived(reader) == []
        clock.at = 15.0
        assert await arrived(reader) == ["second"]

        late = {"tenant": "acme", "version": 1, "doc": {"id": "late", "tenant": "acme", "version": 1}, "x": {}}
        await slow._database["line"].insert_one({"_id": "late", **late, "arrived": reserved.numbers[0]})
        await slow._arrivals[Line].close(reserved, ["late"])
        assert await arrived(reader) == ["second", "late"]


async def test_two_migrate_at_once(url: str) -> None:
    """Both end well, and afterwards nothing is lacking and nothing is to do."""
    from chorally_core.adapters.mongo import MongoDocuments

    one, two = MongoDocuments(url), MongoDocuments(url)
    assert "card: unique index on doc.slot is missing" in await one.lacking([Card, Line])
    await asyncio.gather(one.migrate([Card, Line]), two.migrate([Card, Line]))
    assert (await one.lacking([Card, Line]), await two.migrate([Card, Line])) == ([], [])
    await one.close()
    await two.close()


async def test_what_stands_in_the_way_of_a_constraint_is_told(url: str) -> None:
    """Nothing is removed to make it fit: a person decides."""
    from chorally_core.adapters.mongo import MongoDocuments

    store = MongoDocuments(url)
    await store.write([Write(a_card("c1", slot="s"), 0), Write(a_card("c2", slot="s"), 0)])
    with pytest.raises(CannotMigrate, match=r"card: unique index on doc\.slot cannot be made: two documents have"):
        await store.migrate([Card])
    await store.close()


def a_fact(number: int) -> Event[LogAdd]:
    """Return a fact."""
    data = LogAdd(kind="message_received", subject_type="message", subject_id=f"m{number}")
    return Event(
        topic=topics.LOGS, issuer="message-service", name="add", data=data, id=derived("fact", str(number)),
        tenant="acme", key=f"acme/{number % 3}", occurred_at=datetime(2026, 11, 23, 9, 0, tzinfo=UTC),
    )  # fmt: skip


@pytest.mark.slow
async def test_work_goes_on_by_itself_when_the_server_comes_back(url: str, tmp_path: Path) -> None:
    """What was under way when the line was cut is done again, and everything is there once."""
    parts = urlsplit(url)
    async with a_faulty_line(parts.port or 27017) as line:
        far = urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.port}", f":{line.port}")))
        async with a_store(far, LogEntry, Parked, timeout_ms=1_000) as store, a_store(url, LogEntry) as near:
            database = Database(tmp_path / "bus.db")
            ledger = InOrder(store, SqliteBus(database))
            runner = Runner(log.GROUP, log.HANDLERS, ledger, now=lambda: datetime.now(UTC), batch=3)
            await runner.start()
            pump = asyncio.create_task(Pump(ledger, [runner], idle_s=0.2).run())
            count = 0
            for round_of in range(3):
                await ledger.bus.publish([a_fact(number) for number in range(count, count + 30)])
                count += 30
                if round_of:
                    line.refuse(True)
                    line.cut()
                    await asyncio.sleep(3)  # the server is away for so long
                    line.refuse(False)
                async with patiently():
                    while await near.count(Query(LogEntry, None)) < count:
                        await ledger.bus.wait(0.2)
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
            database.close()
