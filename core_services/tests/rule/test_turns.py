"""Whose turn it is to answer a message, and how it is handed on."""

from datetime import UTC, datetime
from typing import Any

import pytest
from chorally_core.events import Event, LogAdd, MessageAdd, TriggerEvaluate, topics
from chorally_core.ports.documents import Document, Key
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.refused import Refused
from chorally_core.ports.turns import SOURCES, Order, Source, asked_further, handed_on, has_turn, source, turns
from chorally_core.services.log.handlers import KeepFact
from chorally_core.services.rule import commands
from chorally_core.services.rule.commands import By

AT = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
CALENDAR, RULES, BOT = source("acme", "rule"), source("acme", "rule-engine"), source("acme", "chatbot")


def found(*documents: Document) -> Found:
    """Return documents as a handler finds them."""
    return Found({Key.by_id(type(document), document.id): document for document in documents}, lambda *_: 0)


def a_trigger(*left: str, by: str = "") -> Event[TriggerEvaluate]:
    """Return the trigger of a message, with the turns that are left."""
    data = TriggerEvaluate(log_id="l", kind="message_received", message_id="m", turns=left, answered_by=by)
    return Event(
        topic=topics.RULE_TRIGGERS, issuer="log-service", name="evaluate", data=data, id="e", tenant="acme",
        key="acme/ada", occurred_at=AT, depth=2,
    )  # fmt: skip


def a_reply(event: Event[Any], **more: Any) -> Event[Any]:
    """Return the request for an automatic reply."""
    given: dict[str, Any] = {"direction": "outbound", "automatic": True, **more}
    data = MessageAdd(
        id="r", account_id="a", platform="wall", channel="wall_note", conversation_key="ada", external_id="",
        external_conversation_id="", external_created_at=AT, received_at=AT, **given,
    )  # fmt: skip
    return event.causes(data, topic=topics.MESSAGES, issuer="rule-service", name="add")


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        ([], ()), ([RULES], ()), ([CALENDAR], ()), ([BOT], ()),
        ([RULES, CALENDAR], ("rule-engine", "rule")), ([BOT, RULES], ("chatbot", "rule-engine")),
        ([BOT, RULES, CALENDAR], SOURCES),
        ([CALENDAR, RULES, Order(id="acme", tenant="acme", sources=("rule", "chatbot", "rule-engine"))],
         ("rule", "rule-engine")),
    ],
)  # fmt: skip
def test_there_are_turns_where_two_sources_answer(documents: list[Document], expected: tuple[str, ...]) -> None:
    """In the tenant's order; one alone waits for nobody."""
    assert turns("acme", found(*documents)) == expected


def test_who_has_rules_only_is_asked_nothing_further() -> None:
    """The log looks for an order only where somebody answers besides the rule engine."""
    assert asked_further("acme", found(RULES)) == ()
    assert len(asked_further("acme", found(CALENDAR))) == 2


def test_only_the_first_has_its_turn_and_everybody_where_there_are_none() -> None:
    """A trigger that names another is left alone."""
    assert has_turn(a_trigger("rule", "rule-engine").data, "rule")
    assert not has_turn(a_trigger("rule", "rule-engine").data, "rule-engine")
    assert has_turn(a_trigger().data, "rule-engine")


def test_a_trigger_is_handed_on_with_whether_it_was_answered() -> None:
    """To the next, at the same depth; what was told before stays; the last hands on to nobody."""
    event = a_trigger("rule", "rule-engine")
    (passed,) = handed_on(event, "rule", NOTHING).events
    assert (passed.data.turns, passed.data.answered_by, passed.depth) == (("rule-engine",), "", 2)
    assert (passed.topic, passed.name, passed.issuer, passed.key) == (
        "rule-triggers",
        "evaluate",
        "rule-service",
        "acme/ada",
    )

    asked, answered = handed_on(event, "rule", Change((), (a_reply(event),))).events
    assert (asked.topic, answered.data.answered_by, answered.id) == ("messages", "rule", passed.id)
    note = a_reply(event, direction="internal")
    assert handed_on(event, "rule", Change((), (note,))).events[1].data.answered_by == ""
    (told,) = handed_on(a_trigger("rule-engine", "rule", by="chatbot"), "rule-engine", NOTHING).events
    assert told.data.answered_by == "chatbot"
    assert handed_on(a_trigger("rule"), "rule", NOTHING) is NOTHING
    assert handed_on(a_trigger(), "rule", NOTHING) is NOTHING


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("message_received", {}, ("rule-engine", "rule")), ("message_received", {"automatic": True}, ()),
        ("message_edited", {}, ()), ("ticket_changed", {}, ()), ("author_added", {}, ()),
    ],
)  # fmt: skip
def test_the_log_says_whose_turn_it_is(kind: str, more: dict[str, Any], expected: tuple[str, ...]) -> None:
    """Of messages that somebody may answer; everything else is for everybody at once."""
    fact = Event(
        topic=topics.LOGS, issuer="message-service", name="add", id="f", tenant="acme", key="acme/ada", occurred_at=AT,
        data=LogAdd(kind=kind, subject_type="message", subject_id="m", **more),
    )  # fmt: skip
    there = found(CALENDAR, RULES)
    keeps = KeepFact()
    named = {key.value for key in (*keeps.reads(fact), *keeps.follows(fact, there))}
    (trigger,) = keeps.decide(fact, there).events

    assert trigger.data.turns == expected
    assert ({CALENDAR.id, RULES.id, BOT.id, "acme"} <= named) is bool(expected)
    assert Source.key_of("other", "rule").value not in named


@pytest.mark.parametrize(
    "sources", [("rule", "rule-engine"), ("rule", "rule", "chatbot"), ("rule", "rule-engine", "me")]
)
def test_an_order_names_each_source_once(sources: tuple[str, ...]) -> None:
    """Whoever is left out would never be asked."""
    by = By(("agent", "ada"), "c")
    with pytest.raises(Refused, match="name each of chatbot, rule-engine, rule once"):
        commands.set_order(found(), "acme", sources, by, AT, lambda version: None)
