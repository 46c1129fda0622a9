"""Rules answer what time brings: once, on the ticket as it is then, over both ways in which work becomes durable."""

from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from chorally_core.bootstrap.tickets import tickets_of
from chorally_core.events import topics
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import Change, Found
from chorally_core.services.message import commands
from chorally_core.services.message.changes import Actor
from chorally_core.services.message.model import Ticket
from chorally_core.services.rule_engine.later import watching
from chorally_core.services.rule_engine.later.model import Deferred
from chorally_core.services.rule_engine.later.timing import tell_due
from chorally_core.services.rule_engine.model import Execution, Ruleset

from tests.support.hooks import SECRET, receive
from tests.support.rules import a_rule, add, fired
from tests.support.wall import Wall, WallPlatform
from tests.support.world import World, a_world

TAG = {"type": "add_tags", "tags": ["late"]}
HOUR = 3600.0


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


def note(world: World, name: str, signer: str = "ada", text: str = "hello") -> dict[str, Any]:
    """Return a note that is written now."""
    return {"id": name, "signer": {"id": signer, "name": signer.title()}, "text": text,
            "at": world.clock().isoformat()}  # fmt: skip


def timed(world: World, event: str, *actions: dict[str, Any], name: str = "r1", hours: float = 1, **more: Any) -> Any:
    """Return a rule on what time brings."""
    given = actions or (TAG,)
    return a_rule(world, name, *given, events=(event,), after_s=hours * HOUR, **more)


async def later(world: World, **by: float) -> None:
    """Let time pass, and what it brings happen."""
    world.clock.forward(**by)
    await tell_due(world.ledger.documents, world.actions, world.clock)
    await world.settle()


async def change(world: World, **changes: Any) -> None:
    """Have an agent change the only ticket."""
    (ticket,) = await world.tickets()

    def decide(found: Found) -> Change:
        now = found.get(Ticket, ticket.id)
        assert now is not None
        return commands.change(now, changes, actor=Actor("agent", "ann"), at=world.clock(), cause=repr(changes))

    await world.actions.act([Key.by_id(Ticket, ticket.id)], decide)
    await world.settle()


async def test_an_idle_ticket_is_told_once_and_again_after_somebody_did_something(world: World) -> None:
    """Neither the rule's own tag nor the next round makes it fire again; the next message does."""
    await add(world, timed(world, "ticket_idle", TAG, {"type": "note", "text": "idle"}))
    await receive(world, note(world, "n1"))
    await later(world, minutes=59)
    assert await fired(world) == []

    await later(world, minutes=2)
    await later(world, hours=5)
    assert await fired(world) == ["r1"]
    assert [ticket.tags for ticket in await world.tickets()] == [("late",)]

    await receive(world, note(world, "n2"))
    await later(world, hours=2)
    assert await fired(world) == ["r1", "r1"]


async def test_who_was_answered_does_not_wait(world: World) -> None:
    """An answer ends the waiting; the next message begins it anew."""
    await add(world, timed(world, "ticket_waiting"))
    await receive(world, note(world, "n1"))
    (ticket,) = await world.tickets()
    await world.reply(ticket, "hi")
    await world.settle()
    await later(world, hours=3)
    assert await fired(world) == []

    await receive(world, note(world, "n2"))
    await later(world, minutes=61)
    assert await fired(world) == ["r1"]
    (execution,) = await world.all(Execution)
    assert execution.event == "ticket_waiting"


async def test_an_answer_that_stands_alone_is_followed_up_unless_the_author_writes(world: World) -> None:
    """Counted from our answer; a reply by a rule is none, so that none follows itself up."""
    reply = {"type": "reply", "text": "Did that help?"}
    await add(world, timed(world, "follow_up", reply, hours=24))
    await receive(world, note(world, "n1"))
    (ticket,) = await world.tickets()
    await world.reply(ticket, "try again")
    await world.settle()
    await later(world, hours=25)
    await later(world, hours=50)
    assert await fired(world) == ["r1"]

    await receive(world, note(world, "n2"))
    await later(world, hours=50)
    assert await fired(world) == ["r1"]


async def test_a_window_that_closes_is_told_before_it_does(tmp_path: Path, in_order: bool) -> None:
    """So long before; where nobody was there to tell it in time, it is told no more."""
    (channel,) = Wall.manifest.channels
    limits = channel.actions["reply"].model_copy(update={"window": timedelta(hours=24)})
    windowed = channel.model_copy(update={"actions": {**channel.actions, "reply": limits}})
    manifest = Wall.manifest.model_copy(update={"channels": (windowed,)})
    wall = type("Windowed", (Wall,), {"manifest": manifest})
    platform = WallPlatform()
    given: dict[str, Any] = {"transports": {"wall": platform.transport()}, "in_order": in_order}
    async with a_world(tmp_path, {"wall": wall}, **given) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        await world.settle()
        await add(world, timed(world, "window_closing", {"type": "reply", "text": "We are on it"}, hours=2))
        await receive(world, note(world, "n1"))
        await later(world, hours=21)
        assert await fired(world) == []
        await later(world, hours=1.5)
        assert [answer["text"] for answer in platform.answers] == ["We are on it"]

        await receive(world, note(world, "n2"))
        await later(world, hours=30)
        assert await fired(world) == ["r1"]


async def test_a_resolved_ticket_is_left_alone(world: World) -> None:
    """What was waited for is forgotten with it; reopened, it counts anew."""
    await add(world, timed(world, "ticket_idle"))
    await receive(world, note(world, "n1"))
    await change(world, status="resolved")
    assert await world.all(Deferred) == []
    await later(world, hours=5)
    assert await fired(world) == []

    await change(world, status="open")
    await later(world, minutes=61)
    assert await fired(world) == ["r1"]


async def test_a_rule_that_was_disabled_meanwhile_does_nothing(world: World) -> None:
    """Also where the time had come before anybody looked; enabled again, it does not make up for it."""
    rule = timed(world, "ticket_idle")
    await add(world, rule)
    await receive(world, note(world, "n1"))
    world.clock.forward(hours=2)
    await add(world, timed(world, "ticket_idle", number=2, enabled=False))
    assert not (await world.get(Ruleset, "acme")).watches
    await later(world, hours=1)
    assert await fired(world) == []

    await add(world, timed(world, "ticket_idle", number=3))
    await later(world, hours=5)
    assert await fired(world) == []


async def test_what_was_due_before_the_rule_fires_nothing(world: World) -> None:
    """A ticket that has been idle for long when the first rule on idleness is made stays as it is (G12)."""
    await receive(world, note(world, "old"))
    world.clock.forward(days=30)
    await receive(world, note(world, "new", "bob"))
    await add(world, timed(world, "ticket_idle"))
    pages = tickets_of(world.ledger.documents)
    for event in await pages("acme", ""):
        keys = [Key.by_id(Deferred, event.data.ticket_id or ""), Key.by_id(Ruleset, "acme")]
        await world.actions.act(keys, partial(watching.watched, event))
    await later(world, hours=2)

    assert await fired(world) == ["r1"]
    assert [ticket.tags for ticket in await world.tickets()] == [(), ("late",)]


async def test_two_rounds_at_once_and_what_is_told_again_have_their_effect_once(world: World) -> None:
    """Whoever tells it, the id is the same, and rules fire once (G6)."""
    await add(world, timed(world, "ticket_idle", TAG, {"type": "note", "text": "idle"}))
    await receive(world, note(world, "n1"))
    world.clock.forward(hours=2)
    for _ in range(2):
        await tell_due(world.ledger.documents, world.actions, world.clock)
    await world.settle()
    before = (await world.tickets(), await world.messages(), await world.all(Execution))
    said = await world.published(topics.QUEUE_TRIGGERS)
    assert [event.data.kind for event in said if event.name == "evaluate"] == ["ticket_idle"]
    await world.ledger.bus.publish(said)
    await world.settle()
    await later(world, hours=1)

    assert (await world.tickets(), await world.messages(), await world.all(Execution)) == before
    assert await fired(world) == ["r1"]


async def test_conditions_are_judged_on_the_ticket_as_it_is_then(world: World) -> None:
    """A ticket that got another priority meanwhile is judged with it; messages' channel and platform are known."""
    when = {"all": [{"field": "ticket.priority", "op": "eq", "value": "high"},
                    {"field": "message.channel", "op": "eq", "value": "wall_note"},
                    {"field": "ticket.created_at", "op": "older_than", "value": "PT1H"}]}  # fmt: skip
    await add(world, timed(world, "ticket_waiting", when=when, hours=2))
    await receive(world, note(world, "n1"))
    await change(world, priority="high")
    await later(world, hours=3)
    assert await fired(world) == ["r1"]


async def test_a_rule_answers_only_its_own_span(world: World) -> None:
    """Two rules on the same event with different spans each fire in their time."""
    await add(world, timed(world, "ticket_idle", {"type": "add_tags", "tags": ["one"]}, name="one", hours=1))
    await add(world, timed(world, "ticket_idle", {"type": "add_tags", "tags": ["two"]}, name="two", hours=2))
    await receive(world, note(world, "n1"))
    await later(world, minutes=90)
    assert await fired(world) == ["one"]
    await later(world, minutes=60)
    assert await fired(world) == ["one", "two"]


async def test_rules_on_time_that_feed_each_other_end(world: World) -> None:
    """What rules do is no activity: neither idleness nor a change by a rule begins anything anew (G12)."""
    await add(world, timed(world, "ticket_idle", {"type": "set_priority", "priority": "high"}, name="up"))
    down = {"type": "set_priority", "priority": "low"}
    high = {"field": "ticket.priority", "op": "changed_to", "value": "high"}
    await add(world, a_rule(world, "down", down, when=high, events=("ticket_changed",)))
    await receive(world, note(world, "n1"))
    for _ in range(5):
        await later(world, hours=2)

    assert await fired(world) == ["up", "down"]
