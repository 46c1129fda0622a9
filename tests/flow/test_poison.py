"""What cannot be stored is set aside, and holds up nobody."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from chorally_core.events import Event, LogAdd
from chorally_core.ports.documents import Conflict
from chorally_core.ports.handlers import Change, Found
from chorally_core.ports.ledger import Work
from chorally_core.ports.parking import DeadLetter, Parked
from chorally_core.services.log.handlers import KeepFact
from chorally_core.services.log.model import LogEntry

import chorally_sdk as sdk
from tests.support.hooks import SECRET, a_hook, receive
from tests.support.wall import Wall, WallPlatform
from tests.support.world import World, a_world

LONE = "\ud800"
"""Half a character: Python carries it, no store does."""


def _note(name: str, text: str = "hello", signer: str = "ada", **more: Any) -> dict[str, Any]:
    who = {"id": signer, "name": signer.title()}
    return {"id": name, "signer": who, "text": text, "at": "2026-11-23T08:00:00+00:00", **more}


class OddWall(Wall):
    """Gives what no store takes, for notes that say so."""

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Read the notes, and mark the odd ones."""
        return [
            event.model_copy(update={"extra": {"odd": object()}})
            if isinstance(event, sdk.Message) and event.body == "odd"
            else event
            for event in super().parse(hook)
        ]


@pytest.fixture
async def world(tmp_path: Path, in_order: bool) -> AsyncIterator[World]:
    """A core with one odd wall connected."""
    transports = {"wall": WallPlatform().transport()}
    async with a_world(tmp_path, {"wall": OddWall}, transports=transports, in_order=in_order) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        await world.settle()
        yield world


class Poisoned(KeepFact):
    """Gives what cannot be stored for one fact, as long as it is told to."""

    def __init__(self, body: str) -> None:
        self.body = body
        self.ill = True

    def decide(self, event: Event[LogAdd], found: Found) -> Change:
        """Keep the fact, with half a character in it."""
        change = super().decide(event, found)
        if not self.ill or event.data.snapshot.get("body") != self.body or not change.writes:
            return change
        entry = change.writes[0]
        assert isinstance(entry, LogEntry)
        odd = LogEntry(
            id=entry.id, tenant=entry.tenant, what=entry.what, issuer=LONE, at=entry.at, subject_type="", subject_id=""
        )
        return Change((odd,), change.events)


def _poison(world: World, body: str) -> Poisoned:
    handler = Poisoned(body)
    runner = world.runners["log"]
    runner._handlers["logs", "add"] = handler
    return handler


async def test_a_hook_that_cannot_be_stored_is_a_dead_letter_and_disturbs_no_other(world: World) -> None:
    """The hooks before and behind it are read, in one batch with it or not."""
    for note in (_note("n1"), _note("n2", "odd"), _note("n3")):
        await world.io.journal.receive("wall", "", a_hook(world, note))
    await world.settle()
    await receive(world, _note("n4"))

    assert [m.external_id for m in await world.messages()] == ["n1", "n3", "n4"]
    (letter,) = await world.all(DeadLetter)
    assert "TypeError" in letter.error


async def test_an_event_that_cannot_be_stored_waits_and_its_group_goes_on(world: World) -> None:
    """Its key waits behind it until it can be stored; other keys do not."""
    handler = _poison(world, "odd one")
    await receive(world, _note("n1", "odd one"), _note("n2", "of another", "bob"))
    await receive(world, _note("n3", "behind it"), _note("n4", "of another, too", "bob"))

    bodies = [entry.snapshot.get("body") for entry in await world.all(LogEntry)]
    assert {"of another", "of another, too"} <= set(bodies)
    assert "behind it" not in bodies
    handler.ill = False
    world.clock.forward(minutes=10)
    await world.settle()

    received = [e.snapshot["body"] for e in await world.all(LogEntry) if e.what == "message_received"]
    assert sorted(received) == ["behind it", "odd one", "of another", "of another, too"]
    assert await world.all(Parked) == []


async def test_an_event_that_can_never_be_stored_becomes_a_dead_letter(world: World) -> None:
    """After bounded attempts its key resumes, and the group never stood still."""
    _poison(world, "odd one")
    await receive(world, _note("n1", "odd one"))
    await receive(world, _note("n2", "behind it"))
    for _ in range(6):
        world.clock.forward(minutes=10)
        await receive(world, _note("n3", "of another", "bob"))

    (letter,) = await world.all(DeadLetter)
    assert (letter.group, letter.attempts) == ("log", 5)
    bodies = [entry.snapshot.get("body") for entry in await world.all(LogEntry)]
    assert "behind it" in bodies
    assert await world.all(Parked) == []


async def test_what_was_parked_is_taken_up_in_order_however_much_it_is(world: World) -> None:
    """A lane longer than several batches keeps its order."""
    handler = _poison(world, "0")
    runner = world.runners["log"]
    runner._batch = 5
    await receive(world, _note("first", "0"))
    await receive(world, *(_note(f"n{i}", str(i)) for i in range(1, 23)))
    waiting = runner.parked
    handler.ill = False
    world.clock.forward(minutes=10)
    await world.settle()

    assert waiting == 23
    stored = [e for e in await world.all(LogEntry) if e.what == "message_received"]
    places = {entry.snapshot["body"]: place for place, entry in enumerate(await _by_arrival(world)) if entry in stored}
    assert sorted(places, key=lambda body: places[body]) == [str(i) for i in range(23)]
    assert runner.parked == 0


async def _by_arrival(world: World) -> list[LogEntry]:
    rows = world.database.writer.execute("select id from doc_log_entry order by rowid")
    order = [row[0] for row in rows]
    return sorted(await world.all(LogEntry), key=lambda entry: order.index(entry.id))


async def test_a_conflict_that_never_ends_holds_up_its_own_hook_only(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What meets the same conflict again and again is set aside."""
    commit = world.ledger.commit

    async def conflicting(work: Work) -> None:
        events = [event for step in work.steps for event in step.events]
        if any(event.name == "add" and getattr(event.data, "body", "") == "conflict" for event in events):
            raise Conflict("delivery", "another")
        await commit(work)

    monkeypatch.setattr(world.ledger, "commit", conflicting)
    for note in (_note("n1"), _note("n2", "conflict"), _note("n3")):
        await world.io.journal.receive("wall", "", a_hook(world, note))
    for _ in range(5):
        await world.settle()

    assert [m.external_id for m in await world.messages()] == ["n1", "n3"]
    assert "Conflict" in (await world.all(DeadLetter))[0].error
