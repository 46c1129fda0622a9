"""Rules fire on what comes in, once, in bounds, and over both ways in which work becomes durable."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from chorally_core.events import topics
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import Change, Found
from chorally_core.runner import DeadLetter, Stage
from chorally_core.services.log.model import LogEntry
from chorally_core.services.message import commands
from chorally_core.services.message.changes import Actor
from chorally_core.services.message.model import Ticket
from chorally_core.services.rule_engine.model import Execution, Person, Rule
from chorally_core.services.rule_engine.planning import A_MINUTE

import chorally_sdk as sdk
from tests.support.hooks import SECRET, a_hook, receive
from tests.support.rules import a_rule, add, fired
from tests.support.wall import Wall, WallPlatform, to_event
from tests.support.world import World, a_world


class Machine(Wall):
    """A wall on which a machine writes everything."""

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Mark what was written."""
        said = [to_event(item) for item in json.loads(hook.body)["items"]]
        return [event.model_copy(update={"automatic": True}) for event in said]


REPLY = {"type": "reply", "text": "Hello {{author.name}}"}
TAG = {"type": "add_tags", "tags": ["seen"]}


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


def _note(name: str, signer: str = "ada", text: str = "hello", **more: Any) -> dict[str, Any]:
    who = {"id": signer, "name": signer.title()}
    return {"id": name, "signer": who, "text": text, "at": "2026-11-23T08:00:00+00:00", **more}


def _tag(*tags: str) -> dict[str, Any]:
    return {"type": "add_tags", "tags": list(tags)}


async def _told(world: World, what: str) -> list[LogEntry]:
    return [entry for entry in await world.all(LogEntry) if entry.what == what]


async def _results(world: World) -> list[tuple[str, str]]:
    executions = sorted(await world.all(Execution), key=lambda e: e.id)
    return [(outcome.action, outcome.result) for execution in executions for outcome in execution.outcomes]


async def test_everything_that_a_rule_may_ask_for_is_done(world: World, platform: WallPlatform) -> None:
    """One message leads to a changed ticket, an answer, a note, a moderation and an event, all caused by the rule."""
    until = {"type": "snooze", "span": "PT4H"}
    rule = a_rule(
        world, "r1", REPLY, TAG, {"type": "set_priority", "priority": "high"}, {"type": "assign", "agent_id": "bob"},
        {"type": "set_team", "team_id": "t1"}, {"type": "set_custom_field", "name": "kind", "value": "refund"},
        {"type": "note", "text": "{{rule.name}} saw #{{ticket.number}}"}, until, {"type": "moderate", "verb": "like"},
        {"type": "emit_event", "name": "seen", "data": {"a": 1}},
    )  # fmt: skip
    await add(world, rule)
    await receive(world, _note("n1"))

    (ticket,) = await world.tickets()
    assert (ticket.tags, ticket.priority, ticket.assignee_id, ticket.team_id) == (("seen",), "high", "bob", "t1")
    assert ticket.custom_fields == {"kind": "refund"}
    assert ticket.snoozed_until == ticket.created_at + timedelta(hours=4)
    assert (ticket.status, ticket.message_count) == ("open", 3)
    assert [m.body for m in await world.messages() if m.direction == "internal"] == ["r1 saw #1"]
    assert [answer["text"] for answer in platform.answers] == ["Hello Ada"]
    (told,) = await _told(world, "rule_event")
    assert (told.snapshot, told.actor_kind, told.actor_id) == ({"name": "seen", "data": {"a": 1}}, "rule", "r1")
    (asked,) = await _told(world, "moderation_asked")
    assert (asked.snapshot["verb"], asked.actor_id, asked.depth) == ("like", "r1", 1)
    assert {result for _, result in await _results(world)} == {"asked"}


async def test_two_rules_that_feed_each_other_end(world: World) -> None:
    """Each fires once in a chain of causes, however they undo each other's work (G12)."""
    low = {"field": "ticket.priority", "op": "changed_to", "value": "low"}
    high = {"field": "ticket.priority", "op": "changed_to", "value": "high"}
    change: dict[str, Any] = {"events": ("ticket_changed",)}
    await add(world, a_rule(world, "up", {"type": "set_priority", "priority": "high"}, when=low, **change))
    await add(world, a_rule(world, "down", {"type": "set_priority", "priority": "low"}, when=high, **change))
    await add(world, a_rule(world, "begin", {"type": "set_priority", "priority": "high"}))
    await receive(world, _note("n1"))

    assert await fired(world) == ["begin", "down", "up"]
    assert [ticket.priority for ticket in await world.tickets()] == ["high"]
    assert sorted(entry.depth for entry in await _told(world, "ticket_changed")) == [1, 2, 3]


async def test_a_rule_does_not_fire_on_what_it_caused(world: World) -> None:
    """A rule on every change changes a ticket once for each change from outside."""
    rule = a_rule(world, "r1", {"type": "remove_tags", "tags": ["x"]}, {"type": "emit_event", "name": "ran"},
                  _tag("a", "b"), events=("message_received", "ticket_changed"))  # fmt: skip
    await add(world, rule)
    await receive(world, _note("n1"))

    assert await fired(world) == ["r1"]
    assert await _results(world) == [("remove_tags", "skipped"), ("emit_event", "asked"), ("add_tags", "asked")]


async def test_the_same_trigger_again_changes_nothing(world: World, platform: WallPlatform) -> None:
    """Redelivered triggers fire no rule again (G6)."""
    await add(world, a_rule(world, "r1", REPLY, TAG, {"type": "note", "text": "n"}))
    await receive(world, _note("n1"))
    before = (await world.tickets(), await world.messages(), await world.all(Execution), await world.all(Person))
    triggers = await world.published(topics.RULE_TRIGGERS)
    await world.ledger.bus.publish(triggers)
    await world.settle()

    after = (await world.tickets(), await world.messages(), await world.all(Execution), await world.all(Person))
    assert after == before
    assert len(platform.answers) == 1


async def test_what_a_rule_asks_for_is_done_once_however_often_it_is_said(world: World, platform: WallPlatform) -> None:
    """The requests themselves may come again too."""
    await add(world, a_rule(world, "r1", REPLY, TAG, {"type": "note", "text": "n"}))
    await receive(world, _note("n1"))
    before = (await world.tickets(), await world.messages())
    said = [*await world.published(topics.MESSAGES), *await world.published(topics.TICKETS)]
    await world.ledger.bus.publish(said)
    await world.settle()

    assert (await world.tickets(), await world.messages()) == before
    assert len(platform.answers) == 1
    assert await _told(world, "automatic_message_refused") == []


async def _judged(world: World, *notes: dict[str, Any]) -> None:
    """Let notes come in and be judged, with what the rules ask for still on its way."""
    await world.io.journal.receive("wall", "", a_hook(world, *notes))
    stages: list[Stage] = [
        world.io.intake,
        *(world.runners[name] for name in ("author", "message", "log", "rule-engine")),
    ]
    for stage in stages:
        async with world.ledger.turn():
            while await stage.step():
                pass


async def _change(world: World, ticket: Ticket, **changes: Any) -> None:
    """Have an agent change a ticket."""

    def decide(found: Found) -> Change:
        now = found.get(Ticket, ticket.id)
        assert now is not None
        return commands.change(now, changes, actor=Actor("agent", "ann"), at=world.clock(), cause="by ann")

    await world.actions.act([Key.by_id(Ticket, ticket.id)], decide)


async def test_a_change_that_an_agent_overtook_is_recorded_and_not_applied(world: World) -> None:
    """Between the judgement and its effect an agent gave the ticket another priority."""
    await add(world, a_rule(world, "r1", {"type": "set_priority", "priority": "low"}, TAG))
    await _judged(world, _note("n1"))
    (ticket,) = await world.tickets()
    await _change(world, ticket, priority="urgent")
    await world.settle()

    assert [(t.priority, t.tags) for t in await world.tickets()] == [("urgent", ())]
    (told,) = await _told(world, "ticket_change_overtaken")
    assert (told.actor_kind, told.actor_id) == ("rule", "r1")


async def test_a_change_that_cannot_be_made_is_refused_and_holds_nothing_up(world: World) -> None:
    """Too many tags, or another ticket in the place of one that is to be opened again; the next message goes on."""
    many = [_tag(*(f"{group}-{number}" for number in range(20))) for group in ("a", "b", "c")]
    resolved = {"field": "ticket.status", "op": "changed_to", "value": "resolved"}
    await add(world, a_rule(world, "tags", *many, when={"field": "message.text", "op": "eq", "value": "many"}))
    again = {"type": "set_status", "status": "open"}
    await add(world, a_rule(world, "again", again, when=resolved, events=("ticket_changed",)))
    await receive(world, _note("n1", text="many"))
    (first,) = await world.tickets()
    await _change(world, first, status="resolved")
    await world.io.journal.receive("wall", "", a_hook(world, _note("n2")))
    await world.settle()
    await receive(world, _note("n3"))

    refused = await _told(world, "ticket_change_refused")
    assert sorted((entry.actor_id, entry.snapshot["reason"]) for entry in refused) == [
        ("again", "status: another ticket of the conversation is open"),
        ("tags", "tags: must be at most 50"),
    ]
    assert sum(ticket.message_count for ticket in await world.tickets()) == 3
    assert (world.runners["message"].parked, await world.all(DeadLetter)) == (0, [])


async def test_messages_that_only_add_to_a_ticket_overtake_nothing(world: World, platform: WallPlatform) -> None:
    """Of three messages in one batch the first is judged, and the ticket is changed although the others came."""
    first = {"field": "message.text", "op": "contains", "value": "refund"}
    await add(world, a_rule(world, "r1", REPLY, TAG, when=first))
    await receive(world, _note("n1", text="a refund"), _note("n2", text="please"), _note("n3", text="soon"))

    (ticket,) = await world.tickets()
    assert (ticket.tags, ticket.message_count) == (("seen",), 4)
    assert [answer["note"] for answer in platform.answers] == ["n1"]
    assert await _told(world, "ticket_change_overtaken") == []


async def test_a_message_gets_one_automatic_reply_whoever_asks_for_it(world: World, platform: WallPlatform) -> None:
    """Two rules, an edit of the message, and another maker: the first of them answers (G12)."""
    both = ("message_received", "message_edited")
    await add(world, a_rule(world, "r1", REPLY, events=both))
    await add(world, a_rule(world, "r2", {"type": "reply", "text": "me too"}, events=both))
    await receive(world, _note("n1", text="helo"))
    await receive(world, _note("n1", text="hello", edited_at="2026-11-23T08:05:00+00:00"))

    assert sorted(await fired(world)) == ["r1", "r1", "r2", "r2"]
    said = next(event for event in await world.published(topics.MESSAGES) if event.data.direction == "outbound")
    other = msgspec.structs.replace(said.data, actor_id="bot", body="I am a bot")
    await world.ledger.bus.publish([msgspec.structs.replace(said, id="another", data=other)])
    await world.settle()

    assert [answer["text"] for answer in platform.answers] == ["Hello Ada"]
    (refused,) = await _told(world, "automatic_message_refused")
    assert (refused.actor_id, refused.snapshot["reason"]) == ("bot", "the message has got an automatic reply")


async def test_what_a_machine_wrote_is_not_answered(tmp_path: Path, platform: WallPlatform, in_order: bool) -> None:
    """An out-of-office answer gets none of ours; its ticket is tagged all the same."""
    given: dict[str, Any] = {"transports": {"wall": platform.transport()}, "in_order": in_order}
    async with a_world(tmp_path, {"wall": Machine}, **given) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        await add(world, a_rule(world, "r1", REPLY, TAG))
        await receive(world, _note("n1"))

        assert platform.answers == []
        assert [ticket.tags for ticket in await world.tickets()] == [("seen",)]
        assert await _results(world) == [("reply", "skipped"), ("add_tags", "asked")]


async def test_nothing_fires_on_imported_history(world: World, platform: WallPlatform) -> None:
    """What is back-filled is neither judged nor answered (G12)."""
    await add(world, a_rule(world, "r1", REPLY, TAG))
    platform.note("n1", "ada", "last year")
    (account,) = world.io.directory.accounts.values()
    await world.pull(account, "import")

    assert (await fired(world), platform.answers) == ([], [])
    assert [ticket.tags for ticket in await world.tickets()] == [()]


async def test_an_action_that_fails_leaves_the_others(world: World) -> None:
    """What cannot be done is recorded with its reason."""
    rule = a_rule(
        world, "r1", {"type": "moderate", "verb": "hide"}, {"type": "note", "text": "{{author.handle}}"}, TAG,
        events=("ticket_changed",),
    )  # fmt: skip
    await add(world, rule)
    await receive(world, _note("n1"))
    (ticket,) = await world.tickets()
    await _change(world, ticket, priority="high")
    await world.settle()

    (execution,) = await world.all(Execution)
    assert [(o.action, o.result, o.detail) for o in execution.outcomes] == [
        ("moderate", "failed", "the event is not about a message"),
        ("note", "failed", "nothing is left of the text, as its variables are empty"),
        ("add_tags", "asked", ""),
    ]
    assert [t.tags for t in await world.tickets()] == [("seen",)]


async def test_rules_fire_in_their_order_until_one_stops(world: World) -> None:
    """A rule of mode ``first`` fires only where none before it did; a rule that stops ends it."""
    await add(world, a_rule(world, "early", _tag("early"), when={"field": "message.text", "op": "eq", "value": "a"}))
    await add(world, a_rule(world, "else", _tag("else"), mode="first"))
    await add(world, a_rule(world, "last", _tag("last"), stop=True))
    await add(world, a_rule(world, "never", _tag("never")))
    await receive(world, _note("n1", "ada", "a"))
    await receive(world, _note("n2", "bob", "b"))

    assert [ticket.tags for ticket in await world.tickets()] == [("early", "last"), ("else", "last")]


async def test_actions_on_a_ticket_are_bounded_within_a_minute(world: World) -> None:
    """Beyond the bound they are held, and recorded so; a minute later they are taken again."""
    events = [{"type": "emit_event", "name": f"e{number}"} for number in range(10)]
    await add(world, a_rule(world, "r1", *events))
    for number in range(4):
        await receive(world, _note(f"n{number}"))
    assert len(await _told(world, "rule_event")) == A_MINUTE
    results = [result for _, result in await _results(world)]
    assert (results.count("asked"), results.count("held")) == (A_MINUTE, 10)

    world.clock.forward(minutes=2)
    await receive(world, _note("later"))
    assert len(await _told(world, "rule_event")) == A_MINUTE + 10


async def test_rules_know_who_writes_and_how_often(world: World) -> None:
    """What facts told of an author is judged, with the version it had; tickets of theirs are counted."""
    again = {"all": [{"field": "author.name", "op": "eq", "value": "ada"},
                     {"field": "author.previous_tickets", "op": "ge", "value": 1}]}  # fmt: skip
    await add(world, a_rule(world, "r1", _tag("again"), when=again))
    await receive(world, _note("n1"))
    (ticket,) = await world.tickets()
    await _change(world, ticket, status="resolved")
    await receive(world, _note("n2"), _note("n3", "bob"))

    assert [t.tags for t in await world.tickets()] == [(), ("again",), ()]
    (execution,) = await world.all(Execution)
    assert execution.author_version == 1


async def test_a_tenant_s_rules_see_nothing_of_another_s(world: World) -> None:
    """Rules fire for their own tenant only (G7)."""
    await add(world, a_rule(world, "r1", TAG, tenant="other"))
    await receive(world, _note("n1"))

    assert await fired(world) == []
    assert await world.all(Person) == []


async def test_a_rule_that_changes_in_another_process_holds_from_the_next_batch_on(world: World) -> None:
    """An engine that has compiled the earlier version reads the new one before it judges."""
    await add(world, a_rule(world, "r1", _tag("one")))
    await receive(world, _note("n1", "ada"))
    for number in (2, 3):
        await add(world, a_rule(world, "r1", _tag(f"v{number}"), number=number))
    await receive(world, _note("n2", "bob"))

    assert [ticket.tags for ticket in await world.tickets()] == [("one",), ("v3",)]
    assert sorted(rule.number for rule in await world.all(Rule)) == [2, 3], "what is replaced goes with the next change"


async def test_an_edit_is_judged_as_such_and_our_own_messages_are_not(world: World) -> None:
    """A rule on edits sees the new text; what we say ourselves fires nothing."""
    await add(world, a_rule(world, "r1", _tag("edited"), when={"field": "message.edited", "op": "is", "value": True},
                            events=("message_received", "message_edited")))  # fmt: skip
    await receive(world, _note("n1", text="helo"))
    await receive(world, _note("n1", text="hello", edited_at="2026-11-23T08:05:00+00:00"))
    (ticket,) = await world.tickets()
    await world.reply(ticket, "hi")
    await world.settle()

    assert ([t.tags for t in await world.tickets()], await fired(world)) == ([("edited",)], ["r1"])
