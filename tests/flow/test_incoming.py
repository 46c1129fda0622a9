"""Messages come in, become tickets, and the log tells of them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chorally_core.events import topics
from chorally_core.runner import DeadLetter
from chorally_core.services.author.model import Author
from chorally_core.services.log.model import LogEntry

from tests.support.hooks import SECRET, a_hook, receive
from tests.support.wall import Wall, WallPlatform
from tests.support.world import World, a_world


@pytest.fixture
def platform() -> WallPlatform:
    """A wall without notes."""
    return WallPlatform()


@pytest.fixture
async def world(tmp_path: Path, platform: WallPlatform, in_order: bool) -> AsyncIterator[World]:
    """A core with one wall connected."""
    async with a_world(tmp_path, {"wall": Wall}, transports={"wall": platform.transport()}, in_order=in_order) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        await world.settle()
        yield world


def _note(name: str, signer: str, text: str, **more: object) -> dict[str, object]:
    who = {"id": signer, "name": signer.title()}
    return {"id": name, "signer": who, "text": text, "at": "2026-11-23T08:00:00+00:00", **more}


async def test_a_first_note_opens_a_ticket_and_the_log_says_so(world: World) -> None:
    """One note gives an author, a ticket, a message, and facts about each."""
    await receive(world, _note("n1", "ada", "hello"))

    (ticket,) = await world.tickets()
    assert (ticket.number, ticket.status, ticket.message_count, ticket.author_name) == (1, "open", 1, "Ada")
    (message,) = await world.messages()
    assert (message.ticket_id, message.sequence, message.body) == (ticket.id, 1, "hello")
    (person,) = await world.all(Author)
    assert person.name == "Ada"
    whats = sorted(entry.what for entry in await world.all(LogEntry))
    assert whats == ["account_connected", "app_added", "author_added", "message_received", "ticket_opened"]


async def test_redelivered_hooks_and_pulls_leave_one_message(world: World, platform: WallPlatform) -> None:
    """The same note by two hooks and by pull is one message (G2)."""
    note = platform.note("n1", "ada", "hello")
    await receive(world, note)
    await receive(world, note)
    (account,) = world.io.directory.accounts.values()
    await world.pull(account)
    world.io.inbound.given_up(everything=True)
    await receive(world, note)

    assert len(await world.messages()) == 1
    assert [t.message_count for t in await world.tickets()] == [1]


async def test_fifty_first_notes_at_once_open_one_ticket(world: World) -> None:
    """An author has one unresolved ticket, also when everything arrives together (G4)."""
    await receive(world, *[_note(f"n{i}", "ada", f"text {i}") for i in range(50)])

    (ticket,) = await world.tickets()
    assert ticket.message_count == 50
    assert [m.sequence for m in await world.messages()] == list(range(1, 51))
    assert [m.body for m in await world.messages()] == [f"text {i}" for i in range(50)]


async def test_an_edit_is_kept_beside_what_was_said_before(world: World) -> None:
    """A note that comes again with another text changes the message; an older edit does not."""
    await receive(world, _note("n1", "ada", "helo"))
    await receive(world, _note("n1", "ada", "hello", edited_at="2026-11-23T08:05:00+00:00"))
    await receive(world, _note("n1", "ada", "hel", edited_at="2026-11-23T08:01:00+00:00"))

    (message,) = await world.messages()
    assert (message.body, [e.body for e in message.previous_versions]) == ("hello", ["helo"])


async def test_marks_hide_and_remove_a_message(world: World) -> None:
    """What happens to a note on the wall happens to the message."""
    await receive(world, _note("n1", "ada", "hello"), {"mark": "hidden", "id": "n1"})
    assert [m.hidden for m in await world.messages()] == [True]

    await receive(world, {"mark": "deleted", "id": "n1"})
    (message,) = await world.messages()
    assert message.deleted_at is not None
    assert message.body == ""


async def test_a_removal_that_comes_before_its_note_is_not_forgotten(world: World) -> None:
    """Platforms promise no order: what was taken back stays taken back, what was hidden stays hidden."""
    await receive(world, {"mark": "deleted", "id": "n1"}, {"mark": "hidden", "id": "n2"})
    await receive(world, _note("n1", "ada", "taken back"), _note("n2", "ada", "hidden"))

    first, second = await world.messages()
    assert (first.body, first.deleted_at is not None) == ("", True)
    assert (second.body, second.hidden) == ("hidden", True)


async def test_a_hook_with_a_wrong_signature_is_refused_and_not_kept(world: World) -> None:
    """Nothing of an unproven hook is stored."""
    verdict = await receive(world, _note("n1", "ada", "hello"), secret="other")

    assert verdict.kind == "reject"
    assert await world.messages() == []
    assert world.io.journal.waiting == 0


async def test_a_hook_that_cannot_be_read_is_a_dead_letter_and_disturbs_no_other(world: World) -> None:
    """A signed hook without items is set aside with its payload; the next one goes on."""
    await world.io.journal.receive("wall", "", a_hook(world, {"nonsense": 1}))
    await receive(world, _note("n1", "ada", "hello"))

    assert len(await world.messages()) == 1
    (dead,) = await world.published(topics.DEAD_LETTERS)
    assert "nonsense" in dead.data.payload


async def test_a_known_delivery_is_answered_and_not_read_again(world: World) -> None:
    """The platform's own delivery id is enough to know a repetition."""
    await receive(world, _note("n1", "ada", "one"), delivery="d1")
    verdict = await receive(world, _note("n2", "ada", "two"), delivery="d1")

    assert verdict.kind == "accept"
    assert [m.body for m in await world.messages()] == ["one"]


async def test_a_note_about_a_wall_that_nobody_connected_is_counted_and_kept_aside(world: World) -> None:
    """It makes no message, and an administrator can see that it came."""
    await receive(world, _note("n1", "ada", "hello", wall="wall-9"))

    assert await world.messages() == []
    assert [unknown.external_id for unknown in await world.io.intake.unknown.of("")] == ["wall-9"]


async def test_imported_history_makes_tickets_and_triggers_no_rule(world: World, platform: WallPlatform) -> None:
    """Back-filled messages are counted and shown, and answered by nothing (G12)."""
    platform.note("n1", "ada", "last year")
    (account,) = world.io.directory.accounts.values()
    await world.pull(account, "import")

    (message,) = await world.messages()
    assert message.backfilled
    assert [t.data.kind for t in await world.published(topics.RULE_TRIGGERS)] == ["author_added"]

    await receive(world, _note("n2", "ada", "today"))
    told = [t.data.kind for t in await world.published(topics.RULE_TRIGGERS)]
    assert told == ["author_added", "message_received"]


async def test_everything_goes_on_after_a_restart(world: World, tmp_path: Path, platform: WallPlatform) -> None:
    """What was stored and not handled when the process ended is handled by the next one (G1)."""
    await world.io.journal.receive("wall", "", a_hook(world, _note("n1", "ada", "hello")))
    world.kill()

    same = {"clock": world.clock, "in_order": world.apart is not None}
    async with a_world(tmp_path, {"wall": Wall}, transports={"wall": platform.transport()}, **same) as again:
        await again.settle()
        assert [m.body for m in await again.messages()] == ["hello"]


async def test_a_handler_that_fails_parks_its_key_and_no_other(world: World) -> None:
    """A reconciliation of an unknown message waits; other keys go on; after five tries it is a dead letter."""
    from chorally_core.events import Event, MessageReconcile

    data = MessageReconcile(message_id="unknown", state="sent", at=world.clock())
    event = Event(
        topic=topics.MESSAGES, issuer="io-service", name="reconcile", data=data, id="e1", tenant="acme", key="acme/x",
        occurred_at=world.clock(),
    )  # fmt: skip
    await world.ledger.bus.publish([event])
    await receive(world, _note("n1", "ada", "hello"))
    assert world.runners["message"].parked == 1
    assert len(await world.messages()) == 1

    for _ in range(6):
        world.clock.forward(minutes=10)
        await world.settle()
    assert world.runners["message"].parked == 0
    (letter,) = await world.all(DeadLetter)
    assert (letter.source, letter.attempts) == ("messages", 5)
    assert "unknown" in letter.error
