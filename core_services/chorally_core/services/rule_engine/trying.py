"""Tries a rule on what happened before, without doing anything; also on what time would have brought."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from chorally_core.events import Event, TriggerEvaluate
from chorally_core.ports.calendars import Hours
from chorally_core.services.rule_engine.catalogue import facts_class
from chorally_core.services.rule_engine.conditions import tests_of
from chorally_core.services.rule_engine.engine import Ready
from chorally_core.services.rule_engine.explaining import told
from chorally_core.services.rule_engine.happened import answers, happened, person_id
from chorally_core.services.rule_engine.later.model import Deferred
from chorally_core.services.rule_engine.later.timing import due_event
from chorally_core.services.rule_engine.model import TIMED, Outcome, Person, Rule, Timer
from chorally_core.services.rule_engine.planning import Means, Plan

_EVER = datetime.min.replace(tzinfo=UTC)


class Match(NamedTuple):
    """An event on which the rule would have fired."""

    event: Event[TriggerEvaluate]
    conditions: Mapping[str, Any]
    outcomes: Sequence[Outcome]


class Tried(NamedTuple):
    """What came of it."""

    judged: int
    matches: Sequence[Match]


class Past(NamedTuple):
    """What happened, and what is known now; what it was then is not kept."""

    events: Sequence[Event[TriggerEvaluate]]
    """The earliest first."""
    until: datetime
    """When the past ends."""
    people: Mapping[str, Person]
    """By their ids."""
    hours: Callable[[str], Hours | None]
    """The tenant's calendars by their ids."""


def tried(ready: Ready, past: Past, means: Means) -> Tried:
    """Return on which events the rule would have fired, and what it would have asked for, the newest first."""
    rule = ready.rule
    facts_of = facts_class({test.field for test in tests_of(ready.tree.node)})
    judged, matches = 0, list[Match]()
    for event in with_time(past.events, timers_of(rule), past.until):
        if event.data.kind not in rule.events or not answers(event):
            continue
        judged += 1
        name = person_id(event)
        person = past.people.get(name) or Person(id=name, tenant=event.tenant)
        facts = happened(facts_of, event, person, past.hours)
        if ready.tree.holds(facts):
            outcomes = Plan(event, person, taken=0, means=means).carry_out(rule, ready.actions)
            matches.append(Match(event, told(ready.tree.explained(facts)), outcomes))
    return Tried(judged, matches[::-1])


def timers_of(rule: Rule) -> tuple[Timer, ...]:
    """Return what a rule waits for, as if it had done so ever since."""
    return tuple(Timer(event, rule.after_s or 0, _EVER) for event in rule.events if event in TIMED)


def with_time(
    events: Iterable[Event[TriggerEvaluate]], timers: Sequence[Timer], until: datetime
) -> Iterator[Event[TriggerEvaluate]]:
    """Yield what happened, and in between what was due of each ticket when nothing more was told of it."""
    if not timers:
        yield from events
        return
    tickets: dict[str, Deferred] = {}
    for event in events:
        name = event.data.ticket_id
        if name is not None and (known := tickets.pop(name, None)) is not None:
            dues = known.fallen_due(timers, event.occurred_at)
            yield from (due_event(known, due, due.at) for due in dues)
            tickets[name] = known.having_told(dues)
        yield event
        if name is not None and not event.data.kind.startswith("author_"):
            now = Deferred.told(event, tickets.pop(name, None))
            if now is not None:
                tickets[name] = msgspec.structs.replace(now, due_at=None)
    for known in tickets.values():
        yield from (due_event(known, due, due.at) for due in known.fallen_due(timers, until))
