"""Messages are answered by the calendar, once, in turn with the rules, over both ways in which work becomes durable."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from chorally_core.events import topics
from chorally_core.services.log.model import LogEntry
from chorally_core.services.message.model import Message
from chorally_core.services.rule.model import Given

import chorally_sdk as sdk
from tests.support.calendars import add_calendar, add_reply, set_order
from tests.support.hooks import SECRET, a_hook, receive
from tests.support.rules import a_rule, add, fired
from tests.support.wall import Wall, WallPlatform, to_event
from tests.support.world import World, a_world

BACK = "We are back tomorrow at 9:00 AM."
RULE = {"type": "reply", "text": "By rule"}
TAG = {"type": "add_tags", "tags": ["seen"]}

_channel = Wall.manifest.channels[0]
_windowed = _channel.actions["reply"].model_copy(
    update={"window": timedelta(hours=24), "agent_window": timedelta(days=7)}
)


class Machine(Wall):
    """A wall on which a machine writes everything."""

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Mark what was written."""
        said = [to_event(item) for item in json.loads(hook.body)["items"]]
        return [event.model_copy(update={"automatic": True}) for event in said]


class Speaking(Wall):
    """A wall whose people are called by the language that they speak."""

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Tell the language of who wrote."""
        said = super().parse(hook)
        return [
            event.model_copy(update={"author": event.author.model_copy(update={"language": event.author.external_id})})
            if isinstance(event, sdk.Message) and event.author is not None
            else event
            for event in said
        ]


class Windowed(Wall):
    """A wall that takes answers for a day, and for a week those that people write."""

    manifest = Wall.manifest.model_copy(
        update={"channels": (_channel.model_copy(update={"actions": {**_channel.actions, "reply": _windowed}}),)}
    )


@pytest.fixture
def platform() -> WallPlatform:
    """A wall without notes."""
    return WallPlatform()


@pytest.fixture
def connector() -> type[sdk.Connector]:
    """What speaks to it."""
    return Wall


@pytest.fixture
async def world(
    tmp_path: Path, platform: WallPlatform, in_order: bool, connector: type[sdk.Connector]
) -> AsyncIterator[World]:
    """A core with one wall connected, at ten in the evening of a Monday in Rome."""
    transports = {"wall": platform.transport()}
    async with a_world(tmp_path, {"wall": connector}, transports=transports, in_order=in_order) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        world.clock.forward(hours=12)
        await world.settle()
        yield world


def _note(world: World, name: str, signer: str = "ada", **more: Any) -> dict[str, Any]:
    who = {"id": signer, "name": signer.title()}
    return {"id": name, "signer": who, "text": "hello", "at": world.clock().isoformat(), **more}


async def _says(world: World, name: str, signer: str = "ada", **more: Any) -> None:
    await receive(world, _note(world, name, signer, **more))


def _answers(platform: WallPlatform) -> list[tuple[str, str]]:
    return [(answer["note"], answer["text"]) for answer in platform.answers]


async def test_a_ticket_gets_one_reply_for_each_time_of_being_closed(world: World, platform: WallPlatform) -> None:
    """The first message of a night gets one, a second none; none by day; the next night again one."""
    await add_calendar(world)
    await add_reply(world)
    await _says(world, "n1")
    world.clock.forward(hours=1)
    await _says(world, "n2")
    assert _answers(platform) == [("n1", BACK)]

    world.clock.forward(hours=12)
    await _says(world, "n3")
    world.clock.forward(hours=12)
    await _says(world, "n4")
    await _says(world, "b1", "bob")
    assert _answers(platform) == [("n1", BACK), ("n4", BACK), ("b1", BACK)]
    replies = [message for message in await world.all(Message) if message.automatic]
    assert {(message.sender_kind, message.sender_id, message.status) for message in replies} == {
        ("rule", "closed", "sent")
    }


async def test_a_weekend_is_one_time_of_being_closed(world: World, platform: WallPlatform) -> None:
    """From Friday evening to Monday morning, whatever else holds of the days between."""
    nine_to_six = [{"opens": "09:00", "closes": "18:00"}]
    weekend = {
        "time_zone": "Europe/Rome",
        "weekly": {"fri": nine_to_six, "mon": nine_to_six},
        "festivities": [{"on": "11-29", "name": "Feast"}],
    }
    await add_calendar(world, hours=weekend)
    await add_reply(world, "closed", "Closed")
    await add_reply(world, "feast", "{{holiday.name}}", condition="holiday")
    world.clock.forward(days=4)
    await _says(world, "friday")
    world.clock.forward(days=1, hours=12)
    await _says(world, "sunday")
    await _says(world, "other", "bob")

    assert _answers(platform) == [("friday", "Closed"), ("other", "Feast")]


async def test_the_same_trigger_again_is_answered_no_more(world: World, platform: WallPlatform) -> None:
    """Redelivered triggers change nothing (G6), also where the rules come first."""
    await add(world, a_rule(world, "r1", TAG))
    await add_calendar(world)
    await add_reply(world)
    await _says(world, "n1")
    before = (await world.tickets(), await world.messages(), await world.all(Given))
    await world.ledger.bus.publish(await world.published(topics.RULE_TRIGGERS))
    await world.settle()

    assert (await world.tickets(), await world.messages(), await world.all(Given)) == before
    assert (_answers(platform), await fired(world)) == ([("n1", BACK)], ["r1"])


@pytest.mark.parametrize("connector", [Machine])
async def test_what_a_machine_wrote_is_not_answered(world: World, platform: WallPlatform) -> None:
    """Two machines would answer each other for ever."""
    await add_calendar(world)
    await add_reply(world)
    await _says(world, "n1")

    assert (_answers(platform), await world.all(Given)) == ([], [])


async def test_nothing_is_answered_of_imported_history(world: World, platform: WallPlatform) -> None:
    """What was said before the account was connected is kept, and answered by nobody."""
    await add_calendar(world)
    await add_reply(world)
    platform.note("n1", "ada", "long ago", at="2026-11-20T22:00:00+00:00")
    (account,) = world.io.directory.accounts.values()
    await world.pull(account, "import")

    assert len(await world.messages()) == 1
    assert (_answers(platform), await world.all(Given)) == ([], [])


@pytest.mark.parametrize("connector", [Windowed])
async def test_nothing_is_answered_once_the_window_is_closed(world: World, platform: WallPlatform) -> None:
    """What a platform takes for longer is for what people write only; nothing is even asked for."""
    await add_calendar(world)
    await add_reply(world)
    late = (world.clock() - timedelta(hours=25)).isoformat()
    await _says(world, "late", at=late)
    assert (_answers(platform), await world.all(Given)) == ([], [])
    assert [entry for entry in await world.all(LogEntry) if entry.what == "automatic_message_refused"] == []

    await _says(world, "fresh")
    assert _answers(platform) == [("fresh", BACK)]


async def test_rules_answer_first_and_the_calendar_what_they_leave(world: World, platform: WallPlatform) -> None:
    """Unless the tenant says otherwise: one reply for each message, and the rule's other actions in any case (G12)."""
    when = {"field": "message.text", "op": "contains", "value": "refund"}
    await add(world, a_rule(world, "r1", RULE, TAG, when=when))
    await add_calendar(world)
    await add_reply(world)
    await _says(world, "n1", text="a refund")
    await _says(world, "n2", "bob")

    assert sorted(_answers(platform)) == [("n1", "By rule"), ("n2", BACK)]
    assert [ticket.tags for ticket in await world.tickets()] == [("seen",), ()]
    assert [entry for entry in await world.all(LogEntry) if entry.what == "automatic_message_refused"] == []


async def test_the_calendar_answers_first_where_the_tenant_says_so(world: World, platform: WallPlatform) -> None:
    """The rule still does what else it does, and answers what the calendar leaves."""
    await add(world, a_rule(world, "r1", RULE, TAG))
    await add_calendar(world)
    await add_reply(world)
    await set_order(world, "rule", "rule-engine", "chatbot")
    await _says(world, "n1")
    await _says(world, "n2")

    assert _answers(platform) == [("n1", BACK), ("n2", "By rule")]
    assert [ticket.tags for ticket in await world.tickets()] == [("seen",)]
    assert [entry for entry in await world.all(LogEntry) if entry.what == "automatic_message_refused"] == []


async def test_what_a_rule_leaves_to_a_bot_the_calendar_leaves_too(world: World, platform: WallPlatform) -> None:
    """Else its reply would stand where the bot's belongs."""
    when = {"field": "message.text", "op": "contains", "value": "bot"}
    await add(world, a_rule(world, "r1", {"type": "hand_to_bot", "bot_id": "greeter"}, when=when))
    await add_calendar(world)
    await add_reply(world)
    await _says(world, "n1", text="a bot, please")
    await _says(world, "n2", "bob")

    assert _answers(platform) == [("n2", BACK)]


async def test_whose_turn_it_is_was_settled_when_the_message_was_told(world: World, platform: WallPlatform) -> None:
    """A first rule that comes while a message is under way takes no answer from it, and gives it no second one."""
    await add_calendar(world)
    await add_reply(world)
    await world.io.journal.receive("wall", "", a_hook(world, _note(world, "n1")))
    while not await world.published(topics.RULE_TRIGGERS):
        await world.io.intake.step()
        for name in ("author", "message", "log"):
            await world.runners[name].step()
    await add(world, a_rule(world, "r1", RULE))
    await world.settle()

    assert len(_answers(platform)) == 1


async def test_one_source_alone_hands_nothing_on(world: World) -> None:
    """Whoever has rules only, or a calendar only, has one trigger for each message."""
    await add_calendar(world)
    await add_reply(world)
    await _says(world, "n1")
    alone = await world.published(topics.RULE_TRIGGERS)
    assert [event.data.turns for event in alone if event.data.kind == "message_received"] == [()]

    await add(world, a_rule(world, "r1", TAG))
    await _says(world, "n2")
    both = [event for event in await world.published(topics.RULE_TRIGGERS) if event.data.turns]
    assert [event.data.turns for event in both] == [("rule-engine", "rule"), ("rule",)]
    assert both[1].caused_by == both[0].id


async def test_a_tenant_s_calendar_answers_nobody_of_another_s(world: World, platform: WallPlatform) -> None:
    """Calendars, replies and the order hold for their own tenant only (G7)."""
    await add_calendar(world, tenant="other")
    await add_reply(world, tenant="other")
    await set_order(world, "rule", "rule-engine", "chatbot", tenant="other")
    await _says(world, "n1")

    assert (_answers(platform), await world.all(Given)) == ([], [])


async def test_what_is_changed_holds_from_the_next_message_on(world: World, platform: WallPlatform) -> None:
    """A process that has read the earlier version reads the new one; a calendar that has changed opens no new time."""
    await add_calendar(world)
    await add_reply(world, text="One")
    await _says(world, "n1")
    await add_reply(world, text="Two", number=2)
    longer = {"time_zone": "Europe/Rome", "weekly": {"tue": [{"opens": "10:00", "closes": "12:00"}]}}
    await add_calendar(world, hours=longer, number=2)
    await _says(world, "n2")
    await _says(world, "b1", "bob")
    await add_reply(world, number=3, enabled=False)
    await _says(world, "c1", "cleo")

    assert _answers(platform) == [("n1", "One"), ("b1", "Two")]


@pytest.mark.parametrize("connector", [Speaking])
async def test_an_author_is_answered_in_their_language(world: World, platform: WallPlatform) -> None:
    """As far as the platform tells it; else in the reply's own."""
    await add_calendar(world)
    await add_reply(world, texts={"en": "Good night", "it": "Buonanotte {{author.name}}, {{calendar.opens}}"})
    await _says(world, "n1", "en")
    await _says(world, "b1", "it-IT")
    await _says(world, "c1", "ja")

    told = [("n1", "Good night"), ("b1", "Buonanotte It-It, domani alle 09:00"), ("c1", "Good night")]
    assert _answers(platform) == told
