"""Answers whose way is not straight: no account holds up another, and what became of a call is not forgotten."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.io.model import Delivery, Held
from chorally_core.services.message.model import Message

import chorally_sdk as sdk
from tests.support.hooks import SECRET, receive
from tests.support.odd_wall import limits, odd, with_connector
from tests.support.wall import Wall, WallPlatform
from tests.support.world import World, a_world

NOTE = {"id": "n1", "signer": {"id": "ada", "name": "Ada"}, "text": "hello", "at": "2026-11-23T08:00:00+00:00"}


class Searchless(sdk.Connector, sdk.Receives, sdk.Replies):
    """A wall that cannot be searched."""

    manifest = Wall.manifest
    state: ClassVar[Any] = "accepted"
    check, verify, parse = Wall.check, Wall.verify, Wall.parse

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Take an answer."""
        await self.http.post("/answers", json={"note": message.in_reply_to, "text": message.body})
        return sdk.Receipt(external_id=None, state=self.state)


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


@with_connector(external_id="n1/reply")
async def test_a_second_answer_that_takes_the_place_of_the_first_is_settled_too(
    world: World, platform: WallPlatform
) -> None:
    """Where a platform has one answer for each review, both have the same id, and none is made again and again."""
    await _answer(world)
    await _answer(world, "better", "answer-2")
    for _ in range(3):
        world.clock.forward(minutes=5)
        await world.settle()
    await receive(world, _echo("n1/reply", "better", ref=(await world.delivery("answer-2")).client_ref))

    assert [(await world.delivery(name)).state for name in ("answer-1", "answer-2")] == ["sent", "sent"]
    assert len(platform.answers) == 2
    assert [m.id for m in await world.messages() if m.direction == "outbound"] == ["answer-1", "answer-2"]


@with_connector(state="accepted", external_id=None)
async def test_what_was_only_accepted_is_looked_for(world: World, platform: WallPlatform) -> None:
    """Nobody tells of it, so it is searched, and never made again."""
    await _answer(world)
    assert (await world.delivery()).state == "accepted"
    await receive(world, _echo("elsewhere", "from my phone"))
    assert len(await world.all(Held)) == 1

    world.clock.forward(minutes=2)
    await world.settle()
    assert ((await world.delivery()).state, (await world.delivery()).external_id) == ("sent", "a1")
    assert (await world.all(Held), len(platform.answers)) == ([], 1)


@with_connector(state="accepted", external_id=None, manifest=limits(dedupe="native_key"))
async def test_what_was_accepted_and_never_appears_is_left_to_a_person(world: World, platform: WallPlatform) -> None:
    """The platform took it: it is not made again, and somebody is told."""
    await _answer(world)
    platform.answers.clear()
    for _ in range(10):
        world.clock.forward(minutes=30)
        await world.settle()

    delivery = await world.delivery()
    assert (delivery.state, delivery.needs_person, delivery.attempts) == ("unconfirmed", True, 1)
    assert platform.answers == []


@pytest.mark.parametrize("connector", [Searchless], ids=[""])
async def test_what_was_accepted_where_nobody_can_search_is_left_to_a_person_after_a_day(world: World) -> None:
    """A mark may come for a day."""
    await _answer(world)
    world.clock.forward(hours=23)
    await world.settle()
    assert (await world.delivery()).state == "accepted"

    world.clock.forward(hours=2)
    await world.settle()
    assert ((await world.delivery()).state, (await world.delivery()).needs_person) == ("unconfirmed", True)


@with_connector(manifest=limits(dedupe="native_key", dedupe_for=timedelta(hours=1)))
async def test_a_doubt_outlives_a_repeated_call_that_was_not_made(world: World, platform: WallPlatform) -> None:
    """Unknown, then refused for its token: after the key has expired it is searched, not made again (G3)."""
    platform.next = ["lost", "401"]
    await _answer(world)
    (account,) = world.io.directory.accounts.values()
    world.clock.forward(seconds=10)
    await world.settle()
    assert (await world.delivery()).state == "unconfirmed"
    assert world.io.directory.accounts[account.id].state == "reauthorization_required"

    world.clock.forward(days=3)
    account = world.io.directory.accounts[account.id]
    await world.io.accounts.change(account, credentials={"access_token": "new"})
    await world.settle()
    assert (await world.delivery()).state == "sent"
    assert len(platform.answers) == 1


@with_connector(manifest=limits(dedupe="native_key"))
async def test_a_refusal_of_the_repeated_call_proves_nothing_about_the_first(
    world: World, platform: WallPlatform
) -> None:
    """A platform may refuse a key that it has seen: a person looks."""
    platform.next = ["lost", "422"]
    await _answer(world)
    for _ in range(3):
        world.clock.forward(minutes=5)
        await world.settle()

    delivery = await world.delivery()
    assert (delivery.state, delivery.needs_person) == ("unconfirmed", True)
    assert len(platform.answers) == 1


@with_connector(manifest=limits(dedupe="native_key", settles=timedelta(0)))
async def test_a_platform_that_is_down_is_not_asked_without_pause(world: World, platform: WallPlatform) -> None:
    """Repeats under a native key are harmless, and still come less and less often."""
    platform.next = ["502"] * 100
    await _answer(world)
    for _ in range(60):
        world.clock.forward(seconds=1)
        await world.settle()

    assert len([call for call in platform.calls if call.startswith("POST")]) <= 8


async def test_what_waits_for_one_account_does_not_fill_the_list_of_others(world: World, in_order: bool) -> None:
    """A thousand answers of an account whose token is refused, and one of another (G9)."""
    await world.account("wall", tenant="other")
    (mine,) = [account for account in world.io.directory.accounts.values() if account.tenant == "acme"]
    await world.io.accounts.refused(mine, sdk.Reauthorize("expired"))
    at = world.clock() - timedelta(hours=1)
    waiting = [_delivery(f"d{i}", "acme", mine.id, at) for i in range(1001)]
    other = _delivery("other", "other", "account-wall-other", world.clock())
    await world.ledger.commit(Work([Step.of([*waiting, other])]))
    await world.io.outbox.dispatch()
    await world.io.outbox.idle()

    assert (await world.delivery("other")).state == "sent"
    assert (await world.delivery("d1")).state == "queued"


def _delivery(name: str, tenant: str, account_id: str, at: Any) -> Delivery:
    return Delivery(
        id=name, tenant=tenant, account_id=account_id, platform="wall", channel="wall_note", key=f"{tenant}/x",
        client_ref=name, body=name, created_at=at, next_at=at,
    )  # fmt: skip


async def test_an_account_that_cannot_be_served_rests(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of our own is told, and not met again without pause."""
    made = []

    def broken(account: Any) -> Any:
        made.append(account)
        raise KeyError("no such connector")

    monkeypatch.setattr(world.io.directory, "connector", broken)
    (ticket,) = await world.tickets()
    await world.reply(ticket, "hi")
    await world.pump.drain()
    for _ in range(20):
        await world.io.outbox.dispatch()
        await world.io.outbox.idle()
    assert len(made) == 1

    monkeypatch.undo()
    world.clock.forward(seconds=11)
    await world.settle()
    assert (await world.delivery()).state == "sent"


@with_connector(measure=lambda *_: 1 // 0, manifest=limits(unit="own"))
async def test_an_answer_that_cannot_be_made_fails_and_lets_others_go(world: World) -> None:
    """What goes wrong before the call is a failure that the agent is told of."""
    await _answer(world)

    assert (await world.delivery()).state == "failed"
    assert "ZeroDivisionError" in (await world.get(Message, "answer-1")).error


async def test_answers_to_one_person_keep_their_order(world: World, platform: WallPlatform) -> None:
    """The second waits while the first is tried again (G5)."""
    platform.next = ["refused"]
    await _answer(world, "first", "answer-1")
    await _answer(world, "second", "answer-2")
    assert platform.answers == []

    for _ in range(3):
        world.clock.forward(seconds=10)
        await world.settle()
    assert [answer["text"] for answer in platform.answers] == ["first", "second"]


async def test_what_became_of_a_call_is_recorded_when_the_disk_has_room_again(
    world: World, platform: WallPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No restart is needed for an answer that was made and could not be recorded."""
    commit = world.ledger.commit

    async def full(work: Work) -> None:
        if any(isinstance(w.document, Delivery) and w.document.state == "sent" for s in work.steps for w in s.writes):
            raise OSError("the disk is full")
        await commit(work)

    monkeypatch.setattr(world.ledger, "commit", full)
    (ticket,) = await world.tickets()
    await world.reply(ticket, "hi")
    await world.pump.drain()
    await world.io.outbox.dispatch()
    await world.io.outbox.idle()
    assert (await world.delivery()).state == "sending"

    monkeypatch.undo()
    await world.io.outbox.dispatch()
    await world.settle()
    assert (await world.get(Message, "answer-1")).status == "sent"
    assert len(platform.answers) == 1


async def test_a_call_under_way_is_waited_for_at_the_end(world: World, connector: Any, platform: WallPlatform) -> None:
    """A process that is asked to stop lets the call end and records it, and begins no other."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(_: sdk.OutboundMessage) -> None:
        begun.set()
        await go_on.wait()

    connector.meanwhile = slowly
    (ticket,) = await world.tickets()
    await world.reply(ticket, "hi", "answer-1")
    await world.reply(ticket, "ho", "answer-2")
    await world.pump.drain()
    running = asyncio.create_task(world.io.outbox.run())
    await begun.wait()
    running.cancel()
    asyncio.get_running_loop().call_soon(go_on.set)
    await asyncio.gather(running, return_exceptions=True)
    connector.meanwhile = None

    assert ((await world.delivery()).state, (await world.delivery("answer-2")).state) == ("sent", "queued")


async def test_an_account_that_was_disconnected_meanwhile_stays_so(
    world: World, connector: Any, platform: WallPlatform
) -> None:
    """A call that was under way when it was disconnected, and is refused, asks nobody to authorise it again."""

    async def disconnect(_: sdk.OutboundMessage) -> None:
        (account,) = world.io.directory.accounts.values()
        await world.io.accounts.disconnect(account)
        raise sdk.Reauthorize("the token was withdrawn")

    connector.meanwhile = disconnect
    await _answer(world)
    connector.meanwhile = None

    (account,) = world.io.directory.accounts.values()
    assert account.state == "disconnected"
    assert world.io.directory.called("wall", "wall-1", None) == []
