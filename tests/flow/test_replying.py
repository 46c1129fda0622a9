"""Answers go out once, and what became of them comes back."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chorally_core.services.io.model import Held
from chorally_core.services.log.model import LogEntry
from chorally_core.services.message.model import Message

from tests.support.hooks import SECRET, receive
from tests.support.wall import Wall, WallPlatform
from tests.support.world import World, a_world

NOTE = {"id": "n1", "signer": {"id": "ada", "name": "Ada"}, "text": "hello", "at": "2026-11-23T08:00:00+00:00"}


@pytest.fixture
def platform() -> WallPlatform:
    """A wall without notes."""
    return WallPlatform()


@pytest.fixture
async def world(tmp_path: Path, platform: WallPlatform, in_order: bool) -> AsyncIterator[World]:
    """A core with one wall connected and one note on it."""
    async with a_world(tmp_path, {"wall": Wall}, transports={"wall": platform.transport()}, in_order=in_order) as world:
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


async def test_an_answer_is_published_and_its_id_comes_back(world: World, platform: WallPlatform) -> None:
    """The whole reply flow: one visible answer, a reconciled message, facts, a ticket that waits."""
    await _answer(world)

    assert [a["text"] for a in platform.answers] == ["hi"]
    message = await world.get(Message, "answer-1")
    assert (message.status, message.external_id, message.attempts) == ("sent", "a1", 1)
    (ticket,) = await world.tickets()
    assert (ticket.status, ticket.message_count, ticket.waiting_since) == ("waiting", 2, None)
    assert ticket.first_response_at is not None
    whats = [entry.what for entry in await world.all(LogEntry)]
    assert {"reply_written", "message_sent"} <= set(whats)


@pytest.mark.parametrize("with_ref", [True, False])
async def test_an_echo_after_the_answer_is_joined(world: World, platform: WallPlatform, with_ref: bool) -> None:
    """The echo of our own answer makes no second message, whether it carries our reference or only its id."""
    await _answer(world)
    more = {"ref": (await world.delivery()).client_ref} if with_ref else {}
    await receive(world, _echo("a1", **more))

    assert [m.id for m in await world.messages() if m.direction == "outbound"] == ["answer-1"]


async def test_an_echo_before_the_answer_is_held_and_then_joined(world: World, platform: WallPlatform) -> None:
    """An echo that overtakes the platform's own answer waits for it (G2)."""
    platform.next = ["lost"]
    await _answer(world)
    assert (await world.delivery()).state == "unconfirmed"
    await receive(world, _echo("a1"))
    assert len(await world.all(Held)) == 1
    assert (await world.get(Message, "answer-1")).status == "unconfirmed"

    world.clock.forward(seconds=10)
    await world.settle()
    assert (await world.delivery()).state == "sent"
    assert await world.all(Held) == []
    assert [m.external_id for m in await world.messages() if m.direction == "outbound"] == ["a1"]
    assert len(platform.answers) == 1


async def test_an_echo_with_our_reference_settles_what_was_unknown(world: World, platform: WallPlatform) -> None:
    """The echo itself is proof: no search and no second call are needed."""
    platform.next = ["lost"]
    await _answer(world)
    calls = len(platform.calls)
    await receive(world, _echo("a1", ref=(await world.delivery()).client_ref))

    delivery = await world.delivery()
    assert (delivery.state, delivery.external_id) == ("sent", "a1")
    assert (await world.get(Message, "answer-1")).status == "sent"
    assert len(platform.calls) == calls


async def test_a_lost_answer_after_its_effect_is_found_and_not_repeated(world: World, platform: WallPlatform) -> None:
    """A time-out after the effect: unconfirmed, then found, visible once (G3)."""
    platform.next = ["lost"]
    await _answer(world)
    assert (await world.get(Message, "answer-1")).status == "unconfirmed"

    world.clock.forward(seconds=10)
    await world.settle()
    assert (await world.get(Message, "answer-1")).status == "sent"
    assert len(platform.answers) == 1


async def test_a_lost_answer_before_its_effect_is_proven_absent_and_made_once(
    world: World, platform: WallPlatform
) -> None:
    """A 5xx without effect: unconfirmed, searched, proven absent, claimed anew."""
    platform.next = ["502"]
    await _answer(world)
    assert (await world.delivery()).state == "unconfirmed"
    assert platform.answers == []

    world.clock.forward(seconds=10)
    await world.settle()
    assert (await world.get(Message, "answer-1")).status == "sent"
    assert len(platform.answers) == 1
    assert (await world.delivery()).attempts == 2


async def test_an_answer_that_was_held_up_often_is_still_searched_for(world: World, platform: WallPlatform) -> None:
    """Five throttled tries and then a lost answer: it is found like any other, not left to a person."""
    platform.next = ["429"] * 5 + ["lost"]
    await _answer(world)
    for _ in range(8):
        world.clock.forward(minutes=2)
        await world.settle()

    assert ((await world.delivery()).state, (await world.delivery()).attempts) == ("sent", 6)
    assert len(platform.answers) == 1


async def test_an_answer_that_never_appears_is_left_to_a_person_in_the_end(
    world: World, platform: WallPlatform
) -> None:
    """A platform that fails at every try is not tried for ever."""
    platform.next = ["502"] * 20
    await _answer(world)
    for _ in range(20):
        world.clock.forward(minutes=2)
        await world.settle()

    delivery = await world.delivery()
    assert (delivery.state, delivery.needs_person, delivery.attempts) == ("unconfirmed", True, 5)
    assert "tried 5 times" in delivery.error


async def test_a_search_that_the_platform_refuses_is_left_to_a_person(world: World, platform: WallPlatform) -> None:
    """What was answered is gone, so a search will never tell: nobody searches again and again."""
    platform.next = ["lost"]
    await _answer(world)
    platform.search = 404
    calls = len(platform.calls)
    for _ in range(3):
        world.clock.forward(hours=1)
        await world.settle()

    delivery = await world.delivery()
    assert (delivery.state, delivery.needs_person) == ("unconfirmed", True)
    assert len(platform.calls) == calls + 1


async def test_a_connection_that_was_refused_is_simply_tried_again(world: World, platform: WallPlatform) -> None:
    """Nothing was sent, so nothing is unknown."""
    platform.next = ["refused"]
    await _answer(world)
    assert (await world.delivery()).state == "queued"

    world.clock.forward(seconds=10)
    await world.settle()
    assert len(platform.answers) == 1


async def test_a_throttled_account_waits_as_told(world: World, platform: WallPlatform) -> None:
    """A 429 holds the account for as long as the platform says, and not longer."""
    platform.next = ["429"]
    await _answer(world)
    world.clock.forward(seconds=3)
    await world.settle()
    assert platform.answers == []

    world.clock.forward(seconds=10)
    await world.settle()
    assert len(platform.answers) == 1


async def test_what_the_platform_will_never_accept_fails_with_its_reason(world: World, platform: WallPlatform) -> None:
    """A refusal is shown to the agent and not repeated."""
    platform.next = ["422"]
    await _answer(world)

    message = await world.get(Message, "answer-1")
    assert message.status == "failed"
    assert "422" in message.error
    world.clock.forward(hours=1)
    await world.settle()
    assert platform.answers == []


async def test_a_text_that_is_too_long_is_refused_before_any_network(world: World, platform: WallPlatform) -> None:
    """The manifest's limit is enough to know."""
    calls = len(platform.calls)
    await _answer(world, "x" * 201)

    message = await world.get(Message, "answer-1")
    assert (message.status, len(platform.calls)) == ("failed", calls)
    assert "201 code points" in message.error


async def test_a_refused_token_stops_the_account_and_loses_no_answer(world: World, platform: WallPlatform) -> None:
    """After a 401 the account asks for a person, once; the answer waits and goes out after reconnecting."""
    platform.next = ["401"]
    await _answer(world)
    (account,) = world.io.directory.accounts.values()
    assert account.state == "reauthorization_required"
    assert platform.answers == []

    await world.io.accounts.change(account, credentials={"access_token": "new"})
    world.clock.forward(seconds=10)
    await world.settle()
    assert [a["text"] for a in platform.answers] == ["hi"]
    whats = [entry.what for entry in await world.all(LogEntry)]
    assert whats.count("account_reauthorization_required") == 1


async def test_a_kill_between_claim_and_record_leaves_one_visible_answer(
    world: World, platform: WallPlatform, tmp_path: Path
) -> None:
    """A process that dies during the call leaves ``sending``; the next one searches before it speaks (G3)."""
    platform.next = ["lost"]
    record, world.io.outbox._record = world.io.outbox._record, _die
    await _answer(world)
    assert (await world.delivery()).state == "sending"
    world.io.outbox._record = record
    world.kill()

    same = {"clock": world.clock, "in_order": world.apart is not None}
    async with a_world(tmp_path, {"wall": Wall}, transports={"wall": platform.transport()}, **same) as again:
        assert (await again.delivery()).state == "unconfirmed"
        again.clock.forward(seconds=10)
        await again.settle()
        assert (await again.get(Message, "answer-1")).status == "sent"
        assert len(platform.answers) == 1


async def _die(*_: object, **__: object) -> None:
    raise SystemError("killed")


async def test_two_equal_answers_are_not_taken_for_each_other(world: World, platform: WallPlatform) -> None:
    """A second answer of equal text waits until the first is settled, and is made once."""
    platform.next = ["lost"]
    await _answer(world)
    await _answer(world, "hi", "answer-2")
    assert len(platform.answers) == 1

    for _ in range(4):
        world.clock.forward(seconds=10)
        await world.settle()
    states = [(await world.delivery(name)).external_id for name in ("answer-1", "answer-2")]
    assert states == ["a1", "a2"]
    assert len(platform.answers) == 2


async def test_an_answer_made_elsewhere_joins_the_ticket(world: World) -> None:
    """A note of our own that nobody here wrote is an outbound message of its parent's ticket."""
    await receive(world, _echo("elsewhere", "from my phone"))

    first, second = await world.messages()
    assert (second.direction, second.origin, second.ticket_id) == ("outbound", "external_echo", first.ticket_id)
    (ticket,) = await world.tickets()
    assert ticket.status == "waiting"


async def test_delivery_states_only_go_forward(world: World) -> None:
    """A mark that is late changes nothing; the platform's word that it failed is heard before it was delivered."""
    await _answer(world)
    await receive(world, {"mark": "read", "id": "a1"})
    await receive(world, {"mark": "delivered", "id": "a1"})

    assert (await world.get(Message, "answer-1")).status == "read"


async def test_answers_to_one_account_do_not_wait_for_another(tmp_path: Path) -> None:
    """A throttled tenant holds up nobody else (G9)."""
    slow, quick = WallPlatform(), WallPlatform()

    class Second(Wall):
        manifest = Wall.manifest.model_copy(
            update={
                "platform": "wall2",
                "channels": tuple(c.model_copy(update={"name": "wall2_note"}) for c in Wall.manifest.channels),
            }
        )

    connectors = {"wall": Wall, "wall2": Second}
    transports = {"wall": slow.transport(), "wall2": quick.transport()}
    async with a_world(tmp_path, connectors, transports=transports) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        await receive(world, NOTE)
        slow.next = ["429"]
        await _answer(world)
        assert [account.state for account in world.io.directory.accounts.values()] == ["connected"]
        await world.account("wall2", tenant="other")
        assert slow.answers == []
        assert quick.calls == ["GET /wall"]
