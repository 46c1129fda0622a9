"""Whatever rules look at, and whatever happens: the matcher finds what judging rule by rule finds.

Unlike ``test_matching`` this goes through every field that there is, and through events as they are told.
"""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chorally_core.events import Event, TriggerEvaluate, topics
from chorally_core.ports.calendars import Country, Hours, Interval
from chorally_core.services.rule_engine.catalogue import CALENDAR, CATALOGUE, CUSTOM_OF, CUSTOM_TYPES, facts_class
from chorally_core.services.rule_engine.compiling import compiled
from chorally_core.services.rule_engine.conditions import Conditions
from chorally_core.services.rule_engine.conditions import tests_of as compared
from chorally_core.services.rule_engine.field_list import FIELDS
from chorally_core.services.rule_engine.fields import Field, Type
from chorally_core.services.rule_engine.happened import happened
from chorally_core.services.rule_engine.judging import Tree, prepared
from chorally_core.services.rule_engine.model import EVENTS, TIMED, Person
from chorally_core.services.rule_engine.operators import OPERATORS, Operand

AT = datetime(2026, 11, 23, 22, 30, tzinfo=UTC)
WORDS = ("refund", "late", "straße", "ÇA", "#sale", "@acme", "https://shop.example/x")
NAMES = ("a", "b", "it", "open", "wall")
NUMBERS = (0, 1, 2, 3.5, -1)
OWN = [f"{of}.{how}.level" for of in CUSTOM_OF for how in CUSTOM_TYPES]
ALL = [
    *(field.name for field in FIELDS), *OWN, *(f"{name}@{of}" for name in CALENDAR for of in ("rome", "gone")),
    "time.hour@Asia/Tokyo", "time.weekday@Europe/Rome",
]  # fmt: skip
CHANGING = ["ticket.tags", "ticket.custom_set.level", "ticket.custom.level", "ticket.status", "ticket.subject"]
ROME = Hours("Europe/Rome", {"mon": (Interval(480, 1080),), "tue": (Interval(0, 1440),)}, (Country("IT"),))
ROUNDS, RULES, HAPPENED = 60, 40, 20
"""48,000 cases for each seed."""


def a_value(of: random.Random, field: Field) -> Any:
    """Return a value that the field may be compared with, and sometimes has."""
    match field.type:
        case Type.NUMBER:
            return of.choice(NUMBERS)
        case Type.BOOLEAN:
            return of.random() < 0.5
        case Type.TIME:
            return (AT - timedelta(hours=of.choice((-2, 0, 1, 5)))).isoformat()
        case Type.TEXT:
            return of.choice(WORDS)
        case _:
            return of.choice(field.values or NAMES)


def a_test(of: random.Random) -> dict[str, Any]:
    """Return a test of any field by any operator that fits."""
    field = CATALOGUE[of.choice(CHANGING if of.random() < 0.3 else ALL)]
    operator = of.choice([each for each in OPERATORS.values() if field.type in each.types])
    value: Any = None
    match operator.operand:
        case Operand.ONE:
            value = a_value(of, field)
        case Operand.MANY:
            value = [a_value(of, field) for _ in range(of.randint(1, 3))]
            if operator.name == "words":
                value = [of.choice(("refund", "late", "straße"))]
        case Operand.RANGE:
            value = sorted(of.choices(NUMBERS, k=2))
        case Operand.DURATION:
            value = of.choice((0, 3600, "PT5H"))
        case Operand.PATTERN:
            value = of.choice(("^r", "(a|b)+", "open", r"\bLATE\b"))
    return {"field": field.name, "op": operator.name, "value": value}


def conditions(of: random.Random, depth: int = 0) -> dict[str, Any]:
    """Return a test, or a group of some."""
    if depth == 2 or of.random() < 0.5:
        return a_test(of)
    group = of.choice(("all", "all", "any", "none"))
    return {group: [conditions(of, depth + 1) for _ in range(of.randint(0, 3))]}


def some(of: random.Random, told: dict[str, Any]) -> dict[str, Any]:
    """Return part of what could be told."""
    return {name: value for name, value in told.items() if of.random() < 0.6}


def a_ticket(of: random.Random) -> dict[str, Any]:
    """Return a ticket as facts tell it."""
    at = AT.timestamp()
    moments = ("created", "author_at", "agent_at", "waiting", "window", "snoozed")
    return some(of, {
        "version": 3, "number": of.choice((1, 2)), "status": of.choice(("open", "waiting", "resolved")),
        "priority": of.choice(("low", "normal", "high")), "messages": of.choice((1, 2)), "reopened": 1,
        "assignee_id": of.choice(NAMES), "team_id": of.choice(NAMES), "tags": of.sample(NAMES, 2),
        "subject": of.choice(WORDS), "language": of.choice(NAMES),
        "custom": {"level": of.choice((*NAMES, 1, 2, True, ["a", "b"]))},
        **{name: at - 3600 * of.choice((-2, 0, 1, 5)) for name in moments},
    })  # fmt: skip


def an_event(of: random.Random) -> Event[TriggerEvaluate]:
    """Return something that happened."""
    kind = of.choice((*EVENTS, *TIMED, *["ticket_changed"] * 3))
    ticket, message_id = a_ticket(of), None
    snapshot: dict[str, Any] = ticket
    if kind.startswith("message_"):
        message_id = "m1"
        snapshot = some(of, {
            "channel": "wall", "platform": "wall", "kind": of.choice(NAMES), "language": "it", "rating": 2,
            "body": " ".join(of.sample(WORDS, 3)), "subject": of.choice(WORDS), "attachments": ["image"], "post": "a",
            "edited": True, "sequence": 1, "custom": {"level": of.choice(NAMES)}, "ticket": ticket,
        })  # fmt: skip
    elif kind == "ticket_changed":
        was = a_ticket(of)
        names = ("status", "priority", "tags", "subject")
        changes = {name: ticket[name] for name in names if name in ticket}
        if "custom" in ticket:
            changes["custom_fields"] = ticket["custom"]
        before = {name: was[name] for name in names if name in was} | {"custom_fields": was.get("custom", {})}
        snapshot = {**ticket, "changes": changes, "was": before}
    told = TriggerEvaluate(
        log_id="l", kind=kind, ticket_id="t1", message_id=message_id, author_id=of.choice((None, "a")),
        account_id="a", snapshot=snapshot, automatic=of.random() < 0.2, actor_kind=of.choice(("author", "agent")),
    )  # fmt: skip
    return Event(
        topic=topics.RULE_TRIGGERS, issuer="log-service", name="evaluate", data=told, id="e", tenant="acme",
        key="acme/a", occurred_at=AT + timedelta(hours=of.choice((0, 6, 30))),
    )  # fmt: skip


def a_person(of: random.Random) -> Person:
    """Return who wrote, as they are known."""
    known: dict[str, Any] = some(of, {
        "name": of.choice(WORDS), "handle": of.choice(WORDS), "language": "it", "country": of.choice(NAMES),
        "followers": of.choice((1, 2)), "tags": ("a", "b"), "custom": {"level": of.choice(NAMES)}, "blocked": True,
        "tickets": 2,
    })  # fmt: skip
    return Person(id="a", tenant="acme", **known)


def trees(rules: Sequence[dict[str, Any]]) -> list[Tree]:
    """Return rules ready to be judged."""
    return [prepared(Conditions.model_validate({"root": rule}).root, CATALOGUE) for rule in rules]


@pytest.mark.parametrize("seed", [1, 22])
def test_every_field_is_matched_as_it_is_judged(seed: int) -> None:
    """48,000 pairs of a rule and an event; both kinds of answer come often enough to mean something."""
    of = random.Random(seed)  # noqa: S311  # no secret
    held = 0
    for _ in range(ROUNDS):
        rules = trees([conditions(of) for _ in range(RULES)])
        matcher = compiled(rules)
        facts_of = facts_class({test.field for rule in rules for test in compared(rule.node)})
        for _ in range(HAPPENED):
            event, person = an_event(of), a_person(of)
            expected = [
                place
                for place, rule in enumerate(rules)
                if rule.holds(happened(facts_of, event, person, {"rome": ROME}.get))
            ]
            assert sorted(matcher(happened(facts_of, event, person, {"rome": ROME}.get))) == expected
            held += len(expected)
    assert 0.1 < held / (ROUNDS * RULES * HAPPENED) < 0.9
