"""The handler of the how-to: by itself, and as one more group of the real flow."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chorally_core.events import Event, LogAdd, topics
from chorally_core.ports.documents import Document, Key
from chorally_core.ports.handlers import Found
from chorally_core.runner import Runner
from chorally_core.services.log.model import LogEntry

from docs.examples.handler.greeting import GROUP, HANDLERS, CountTicket, Regular
from tests.support.hooks import SECRET, receive
from tests.support.wall import Wall, WallPlatform
from tests.support.world import START, World, a_world


def opened(ticket: str) -> Event[LogAdd]:
    """Return the fact that Ada opened a ticket."""
    fact = LogAdd(kind="ticket_opened", subject_type="ticket", subject_id=ticket, author_id="ada")
    return Event(
        topic=topics.LOGS, issuer="message-service", name="add", data=fact, id=f"event-{ticket}", tenant="acme",
        key="acme/ada", occurred_at=START,
    )  # fmt: skip


def given(*documents: Document) -> Found:
    """Return documents as a handler finds them."""
    return Found({Key.by_id(type(document), document.id): document for document in documents}, lambda *_: 0)


def test_the_third_ticket_makes_a_regular() -> None:
    """It is told once, as a fact that names the author."""
    change = CountTicket().decide(opened("t3"), given(Regular(id="ada", tenant="acme", tickets=("t1", "t2"))))

    (counted,), (told,) = change.writes, change.events
    assert counted == Regular(id="ada", tenant="acme", tickets=("t1", "t2", "t3"))
    assert (told.data.kind, told.data.author_id) == ("author_became_regular", "ada")


def test_the_same_event_again_changes_nothing() -> None:
    """Delivery is at least once, effects are once."""
    known = Regular(id="ada", tenant="acme", tickets=("t1", "t2"))
    assert CountTicket().decide(opened("t2"), given(known)).writes == ()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A core with one wall connected and the example's group behind the log."""
    async with a_world(tmp_path, {"wall": Wall}, transports={"wall": WallPlatform().transport()}) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall", ticket_per="thread")
        yield world


async def test_it_runs_as_a_group_of_its_own(world: World) -> None:
    """Three threads of one author are three tickets here, and the fact reaches the history."""
    runner = Runner(GROUP, HANDLERS, world.ledger, now=world.clock)
    for number in range(3):
        note = {"id": f"n{number}", "signer": {"id": "ada", "name": "Ada"}, "text": "hello"}
        await receive(world, {**note, "thread": f"thread-{number}", "at": "2026-11-23T08:00:00+00:00"})
    while await runner.step():
        pass
    await world.settle()

    whats = [entry.what for entry in await world.all(LogEntry)]
    assert whats.count("author_became_regular") == 1
