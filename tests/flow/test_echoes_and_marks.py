"""Echoes and marks: joined to what they are about, whichever comes first."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.io.model import Held
from chorally_core.services.message.model import Message

import chorally_sdk as sdk
from tests.support.hooks import SECRET, a_hook, receive
from tests.support.odd_wall import odd, with_connector
from tests.support.wall import WallPlatform
from tests.support.world import World, a_world

NOTE = {"id": "n1", "signer": {"id": "ada", "name": "Ada"}, "text": "hello", "at": "2026-11-23T08:00:00+00:00"}


@pytest.fixture
def platform() -> WallPlatform:
    """A wall without notes."""
    return WallPlatform()


@pytest.fixture
def connector() -> type[sdk.Connector]:
    """The wall as it usually is."""
    return odd()


@pytest.fixture
async def world(
    tmp_path: Path, platform: WallPlatform, connector: type[sdk.Connector], in_order: bool
) -> AsyncIterator[World]:
    """A core with one wall connected and one note on it."""
    transports = {"wall": platform.transport()}
    async with a_world(tmp_path, {"wall": connector}, transports=transports, in_order=in_order) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        await receive(world, NOTE)
        yield world


async def _answer(world: World, text: str = "hi", name: str = "answer-1") -> None:
    (ticket,) = await world.tickets()
    await world.reply(ticket, text, name)
    await world.settle()


def _echo(external_id: str, text: str = "hi", **more: object) -> dict[str, object]:
    at = "2026-11-23T09:00:00+00:00"
    return {"id": external_id, "signer": None, "text": text, "at": at, "ours": True, "parent": "n1", **more}


async def test_a_mark_that_is_faster_than_the_receipt_does_not_lose_its_id(
    world: World, connector: Any, platform: WallPlatform
) -> None:
    """A mark with our reference settles the answer during its call; the echo that follows is joined by its id."""

    async def marked(message: sdk.OutboundMessage) -> None:
        await world.io.journal.receive("wall", "", a_hook(world, {"mark": "delivered", "ref": message.client_ref}))
        await world.pump.drain()

    connector.meanwhile = marked
    await _answer(world)
    connector.meanwhile = None
    await receive(world, _echo("a1"))

    delivery = await world.delivery()
    assert (delivery.state, delivery.external_id) == ("delivered", "a1")
    assert [m.id for m in await world.messages() if m.direction == "outbound"] == ["answer-1"]


@with_connector(external_id="n1/reply")
async def test_an_echo_under_an_id_that_another_answer_bears_disturbs_no_hook(
    world: World, platform: WallPlatform
) -> None:
    """The reference of the one and the id of the other: the hook is read, and the answer settled."""
    await _answer(world)
    platform.next = ["lost"]
    await _answer(world, "better", "answer-2")
    await receive(world, _echo("n1/reply", "better", ref=(await world.delivery("answer-2")).client_ref))

    assert (await world.delivery("answer-2")).state == "sent"
    assert (await world.get(Message, "answer-2")).status == "sent"


async def test_what_was_held_is_taken_up_in_its_order(world: World, platform: WallPlatform) -> None:
    """Answers written elsewhere while one of ours was in doubt keep their order."""
    platform.next = ["lost"]
    await _answer(world)
    for i in range(8):
        await receive(world, _echo(f"phone-{i}", f"text {i}"))
    assert len(await world.all(Held)) == 8
    world.clock.forward(seconds=10)
    await world.settle()

    said = [m.body for m in await world.messages() if m.origin == "external_echo"]
    assert said == [f"text {i}" for i in range(8)]


async def test_what_cannot_be_taken_up_holds_up_no_other(world: World, platform: WallPlatform) -> None:
    """One that no key opens stays, the rest is published."""
    platform.next = ["lost"]
    await _answer(world)
    await receive(world, _echo("phone", "from my phone"))
    (held,) = await world.all(Held)
    broken = Held(
        id="0", tenant="acme", account_id=held.account_id, event_kind="message", sealed="?", received_at=world.clock.at
        - timedelta(days=1),
    )  # fmt: skip
    await world.ledger.commit(Work([Step.of([broken])]))
    world.clock.forward(seconds=10)
    await world.settle()

    assert [m.body for m in await world.messages() if m.origin == "external_echo"] == ["from my phone"]
    assert [held.id for held in await world.all(Held)] == ["0"]


async def test_marks_of_one_hook_only_go_forward(world: World) -> None:
    """Two marks in one batch, the later state first."""
    await _answer(world)
    await receive(world, {"mark": "delivered", "id": "a1"}, {"mark": "sent", "id": "a1"}, _echo("a1"))

    assert (await world.delivery()).state == "delivered"
    assert (await world.get(Message, "answer-1")).status == "delivered"


async def test_an_echo_behind_a_mark_of_the_same_hook_changes_nothing_back(
    world: World, platform: WallPlatform
) -> None:
    """Unknown outcome, then the mark that it was read and its echo at once."""
    platform.next = ["lost"]
    await _answer(world)
    ref = (await world.delivery()).client_ref
    await receive(world, {"mark": "read", "ref": ref}, _echo("a1", ref=ref))

    delivery = await world.delivery()
    assert (delivery.state, delivery.external_id) == ("read", "a1")
