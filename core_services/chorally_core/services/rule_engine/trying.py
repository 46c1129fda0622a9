"""Tries a rule on what happened before, without doing anything."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from chorally_core.events import Event, TriggerEvaluate
from chorally_core.services.rule_engine.catalogue import facts_class
from chorally_core.services.rule_engine.conditions import tests_of
from chorally_core.services.rule_engine.engine import Ready
from chorally_core.services.rule_engine.explaining import told
from chorally_core.services.rule_engine.handlers import person_id
from chorally_core.services.rule_engine.happened import answers, happened
from chorally_core.services.rule_engine.model import Outcome, Person
from chorally_core.services.rule_engine.planning import Plan


class Match(NamedTuple):
    """An event on which the rule would have fired."""

    event: Event[TriggerEvaluate]
    conditions: Mapping[str, Any]
    outcomes: Sequence[Outcome]


class Tried(NamedTuple):
    """What came of it."""

    judged: int
    matches: Sequence[Match]


def tried(ready: Ready, events: Iterable[Event[TriggerEvaluate]], people: Mapping[str, Person]) -> Tried:
    """Return on which events the rule would have fired, and what it would have asked for.

    Args:
        ready: The rule.
        events: What happened.
        people: What is known of authors now, by their id; what it was then is not kept.
    """
    facts_of = facts_class({test.field for test in tests_of(ready.tree.node)})
    judged, matches = 0, []
    for event in events:
        if event.data.kind not in ready.rule.events or not answers(event):
            continue
        judged += 1
        name = person_id(event)
        person = people.get(name) or Person(id=name, tenant=event.tenant)
        facts = happened(facts_of, event, person)
        if ready.tree.holds(facts):
            outcomes = Plan(event, person, taken=0).carry_out(ready.rule, ready.actions)
            matches.append(Match(event, told(ready.tree.explained(facts)), outcomes))
    return Tried(judged, matches)
