"""What comes late, again, or in another order than it happened changes nothing that it should not."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from chorally_core.events import Event, TicketUpdate, topics

from tests.support.hooks import SECRET, receive
from tests.support.wall import Wall, WallPlatform
from tests.support.world import World, a_world


@pytest.fixture
def platform() -> WallPlatform:
    """A wall without notes."""
    return WallPlatform()


@pytest.fixture
async def world(tmp_path: Path, platform: WallPlatform) -> AsyncIterator[World]:
    """A core with one wall connected."""
    async with a_world(tmp_path, {"wall": Wall}, transports={"wall": platform.transport()}) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        await world.settle()
        yield world


def _note(name: str, signer: str, text: str, **more: object) -> dict[str, Any]:
    who = {"id": signer, "name": signer.title()}
    return {"id": name, "signer": who, "text": text, "at": "2026-11-23T08:00:00+00:00", **more}


async def test_an_edit_that_was_pulled_first_is_not_undone_by_the_first_text(
    world: World, platform: WallPlatform
) -> None:
    """A listing shows an edit without its time; then its webhook comes, and only then the late first one."""
    platform.note("n1", "ada", "hello")
    (account,) = world.io.directory.accounts.values()
    await world.pull(account)
    await receive(world, _note("n1", "ada", "hello", edited_at="2026-11-23T08:05:00+00:00"))
    await receive(world, _note("n1", "ada", "helo"))

    (message,) = await world.messages()
    assert (message.body, message.previous_versions) == ("hello", ())


async def test_an_edit_that_was_pulled_does_not_outdate_the_next_one(world: World, platform: WallPlatform) -> None:
    """When we saw an edit says nothing of the platform's times: its clock is another, and has whole seconds."""
    await receive(world, _note("n1", "ada", "helo"))
    platform.note("n1", "ada", "hello")
    (account,) = world.io.directory.accounts.values()
    await world.pull(account)
    await receive(world, _note("n1", "ada", "hello!", edited_at="2026-11-23T08:05:00+00:00"))
    await receive(world, _note("n1", "ada", "helo"))

    (message,) = await world.messages()
    assert (message.body, [e.body for e in message.previous_versions]) == ("hello!", ["helo", "hello"])


async def test_edits_without_times_are_told_from_repetitions(world: World) -> None:
    """Where a platform gives no time, what an edit replaced is old, and what was never seen is new."""
    for text in ("helo", "hello", "helo", "hello!", "hello"):
        await receive(world, _note("n1", "ada", text))

    (message,) = await world.messages()
    assert (message.body, [e.body for e in message.previous_versions]) == ("hello!", ["helo", "hello"])


async def test_hidings_are_applied_in_the_order_in_which_they_happened(world: World) -> None:
    """A note that was hidden, shown and hidden again is hidden, in whatever order that is told."""
    await receive(world, _note("n1", "ada", "hello"))
    for state, minute in (("hidden", 1), ("hidden", 3), ("visible", 2)):
        await receive(world, {"mark": state, "id": "n1", "at": f"2026-11-23T08:0{minute}:00+00:00"})

    assert [m.hidden for m in await world.messages()] == [True]


async def test_a_message_is_counted_once_however_often_its_ticket_was_changed(world: World) -> None:
    """Many changes by rules do not make the ticket forget which messages it counts."""
    await receive(world, _note("n1", "ada", "hello"))
    for number in range(20):
        (ticket,) = await world.tickets()
        data = TicketUpdate(ticket_id=ticket.id, judged_version=ticket.version, changes={"tags": [f"tag {number}"]})
        change = Event(
            topic=topics.TICKETS, issuer="rule-service", name="update", data=data, id=f"change-{number}",
            tenant="acme", key=f"acme/{ticket.conversation_key}", occurred_at=world.clock(),
        )  # fmt: skip
        await world.ledger.bus.publish([change])
        await world.settle()
    world.io.inbound.given_up(everything=True)
    await receive(world, _note("n1", "ada", "hello"))

    (ticket,) = await world.tickets()
    assert (ticket.tags, ticket.message_count, [m.sequence for m in await world.messages()]) == (("tag 19",), 1, [1])


async def test_what_is_written_anew_under_the_id_of_what_was_deleted_is_seen(world: World) -> None:
    """As the one answer to a review is; what comes late of the first changes nothing, nor does its deletion again."""
    first, second = _note("n1", "ada", "first"), _note("n1", "ada", "second") | {"at": "2026-11-23T12:00:00+00:00"}
    deletion = {"mark": "deleted", "id": "n1", "at": "2026-11-23T10:00:00+00:00"}
    for told in (first, deletion, first):
        await receive(world, told)
    (message,) = await world.messages()
    assert (message.body, message.deleted_at is None) == ("", False)

    for told in (second, deletion, first):
        await receive(world, told)
    (message,) = await world.messages()
    assert (message.body, message.deleted_at) == ("second", None)

    await receive(world, deletion | {"at": "2026-11-23T13:00:00+00:00"})
    (message,) = await world.messages()
    assert message.deleted_at is not None
