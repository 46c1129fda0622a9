"""Two processes change one ticket: what one left half done takes the place that is next then."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from chorally_core.adapters.sqlite import SqliteDocuments
from chorally_core.ports.documents import Key, Unsent, Write
from chorally_core.ports.handlers import Change
from chorally_core.services.log.model import LogEntry
from chorally_core.services.message import commands
from chorally_core.services.message.changes import Actor
from chorally_core.services.message.model import Message, Ticket

from tests.support.hooks import SECRET, receive
from tests.support.wall import Wall, WallPlatform
from tests.support.world import World, a_world


class Interrupted(SqliteDocuments):
    """Documents of which each becomes durable by itself; before a chosen one another process gets on."""

    before: Any = None

    async def write(self, writes: Sequence[Write]) -> Unsent:
        """Store documents one after another."""
        events: list[Any] = []
        token: list[Any] = []
        for write in writes:
            if self.before is not None and isinstance(write.document, Ticket):
                interrupt, self.before = self.before, None
                await interrupt()
            unsent = await super().write([write])
            events += unsent.events
            token += unsent.token or []
        return Unsent(events, token)


def _note(name: str, text: str) -> dict[str, Any]:
    return {"id": name, "signer": {"id": "ada", "name": "Ada"}, "text": text, "at": "2026-11-23T08:00:00+00:00"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A core without transactions over several documents, with a ticket of one message."""
    options: Any = {"in_order": True, "documents": Interrupted, "transports": {"wall": WallPlatform().transport()}}
    async with a_world(tmp_path, {"wall": Wall}, **options) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        await receive(world, _note("n1", "hello"))
        await world.settle()
        yield world


def an_agent(world: World, ticket: Ticket, what: str, name: str) -> Any:
    """Return what an agent does to a ticket through another process."""

    async def act() -> None:
        def decide(found: Any) -> Change:
            now, at = found.get(Ticket, ticket.id), world.clock()
            actor = Actor("agent", "agent-1")
            if what == "resolves":
                return commands.change(now, {"status": "resolved"}, actor=actor, at=at, cause=name)
            return commands.note(now, body="seen", actor=actor, message_id=name, at=at, known=found.get(Message, name))

        await world.actions.act([Key.by_id(Ticket, ticket.id), Key.by_id(Message, name)], decide)

    return act


async def sequences(world: World) -> dict[int, list[tuple[int, str]]]:
    """Return the places of the messages in each ticket, by its number."""
    tickets = await world.tickets()
    messages = await world.messages()
    return {t.number: [(m.sequence, m.body) for m in messages if m.ticket_id == t.id] for t in tickets}


async def test_a_message_whose_place_was_taken_takes_the_next(world: World) -> None:
    """An agent's note came between a message and its ticket: each has its own place, and the ticket counts both."""
    (ticket,) = await world.tickets()
    world.ledger.documents.before = an_agent(world, ticket, "notes", "note-1")  # type: ignore[attr-defined]
    await receive(world, _note("n2", "again"), _note("n3", "and again"))
    await world.settle()
    assert await sequences(world) == {1: [(1, "hello"), (2, "seen"), (3, "again"), (4, "and again")]}
    assert [ticket.message_count for ticket in await world.tickets()] == [4]
    received = [entry.subject_id for entry in await world.all(LogEntry) if entry.what == "message_received"]
    assert len(received) == len({*received}) == 3


async def test_a_note_whose_place_was_taken_takes_the_next(world: World) -> None:
    """The same the other way round: two agents at once."""
    (ticket,) = await world.tickets()
    world.ledger.documents.before = an_agent(world, ticket, "notes", "note-1")  # type: ignore[attr-defined]
    await an_agent(world, ticket, "notes", "note-2")()
    assert [place for place, _ in (await sequences(world))[1]] == [1, 2, 3]


async def test_a_message_whose_ticket_was_resolved_meanwhile_opens_the_next(world: World) -> None:
    """It does not stay behind in a ticket that does not count it."""
    (ticket,) = await world.tickets()
    world.ledger.documents.before = an_agent(world, ticket, "resolves", "now")  # type: ignore[attr-defined]
    await receive(world, _note("n2", "again"))
    await world.settle()
    assert await sequences(world) == {1: [(1, "hello")], 2: [(1, "again")]}
    assert [(ticket.status, ticket.message_count) for ticket in await world.tickets()] == [("resolved", 1), ("open", 1)]
