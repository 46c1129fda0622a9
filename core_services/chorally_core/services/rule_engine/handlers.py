"""Judges what happened by the tenant's rules, and asks for what they want done.

Consumes ``rule-triggers`` and ``queue-triggers``, produces ``tickets``, ``messages``, ``logs`` and ``queue-triggers``.
Which rules fired, and why, is kept; that the services asked do it once, and what becomes of it, is theirs. Nothing here
knows the time: what happened says when.
"""

from collections.abc import Iterable
from typing import Any

from chorally_core.events import Event, TriggerEvaluate, topics
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found, Handler
from chorally_core.ports.turns import RULE_ENGINE, handed_on, has_turn
from chorally_core.services.rule_engine import projecting
from chorally_core.services.rule_engine.engine import Engine
from chorally_core.services.rule_engine.firing import fired
from chorally_core.services.rule_engine.happened import answers, happened, person_id
from chorally_core.services.rule_engine.later.watching import Watch
from chorally_core.services.rule_engine.model import TIMED, Person, Ruleset, timed_event
from chorally_core.services.rule_engine.names import GROUP, SERVICE
from chorally_core.services.rule_engine.planning import Means
from chorally_core.services.rule_engine.sharing.handlers import HANDLERS as SHARING

DEPTH = 8
"""Rules that may follow from each other; what is deeper fires none."""


class Evaluate(Handler[TriggerEvaluate]):
    """Fires the rules whose conditions hold, and keeps what facts tell of people and tickets."""

    topic = topics.RULE_TRIGGERS
    event = "evaluate"

    def __init__(self, engine: Engine) -> None:
        """Judge with an engine's rules."""
        self._engine = engine

    def reads(self, event: Event[TriggerEvaluate]) -> Iterable[Key]:
        """Return the list of the tenant's rules, and the person where there are any."""
        listed = Key.by_id(Ruleset, event.tenant)
        if not self._engine.has_rules(event.tenant):
            return (listed,)
        return (listed, Key.by_id(Person, person_id(event)), *self._engine.asks(event.tenant))

    def follows(self, event: Event[TriggerEvaluate], found: Found) -> Iterable[Key]:
        """Return the person, and the rules if they have changed since they were compiled."""
        ruleset = found.get(Ruleset, event.tenant)
        if ruleset is None:
            return ()
        if projecting.keeps(event.data.kind):
            return projecting.needs(event)
        return (Key.by_id(Person, person_id(event)), *self._engine.wants(ruleset, found))

    def decide(self, event: Event[TriggerEvaluate], found: Found) -> Change:
        """Fire each rule once, when it is the engine's turn; the same event again fires none."""
        if not has_turn(event.data, RULE_ENGINE):
            return NOTHING
        known = found.get(Person, person_id(event))
        if known is not None and event.id in known.judged:
            return NOTHING
        return handed_on(event, RULE_ENGINE, self._watched(event, found, self._judged(event, found)))

    def _judged(self, event: Event[TriggerEvaluate], found: Found) -> Change:
        name = person_id(event)
        ruleset = found.get(Ruleset, event.tenant)
        if ruleset is None:
            return NOTHING
        if projecting.keeps(event.data.kind):
            return projecting.kept(event, found)
        rules = self._engine.rules(ruleset, found, _named(event.data))
        if rules is None or event.depth >= DEPTH or not answers(event):
            return NOTHING
        known = found.get(Person, name) or Person(id=name, tenant=event.tenant)
        person = known.with_ticket(event.data.ticket_id)
        facts = happened(rules.facts, event, person, self._engine.hours(event.tenant, found))
        means = Means(found, self._engine.plugged, self._engine.offers)
        return fired(rules, event, facts, known, person, means)

    def _watched(self, event: Event[TriggerEvaluate], found: Found, change: Change) -> Change:
        """The decision, with what it tells of a ticket passed on, where rules wait for something."""
        ruleset, trigger = found.get(Ruleset, event.tenant), event.data
        if ruleset is None or trigger.ticket_id is None or not self._engine.watches(ruleset):
            return change
        if projecting.keeps(trigger.kind) or trigger.kind in TIMED:
            return change
        watch = event.causes(trigger, topic=topics.QUEUE_TRIGGERS, issuer=SERVICE, name="watch")
        return Change(change.writes, (*change.events, watch), change.remove, change.mended)


class EvaluateDue(Evaluate):
    """Fires the rules that answer what time has brought."""

    topic = topics.QUEUE_TRIGGERS


def _named(trigger: TriggerEvaluate) -> str:
    """The event as rules are compiled for it."""
    after_s = trigger.snapshot.get("after_s")
    return trigger.kind if after_s is None else timed_event(trigger.kind, after_s)


def handlers(engine: Engine | None = None) -> tuple[Handler[Any], ...]:
    """Return the service's handlers, with an engine of their own unless one is given."""
    engine = engine or Engine()
    return (Evaluate(engine), EvaluateDue(engine), Watch(), *SHARING, projecting.KeepOutcome())


__all__ = ["DEPTH", "GROUP", "SERVICE", "Evaluate", "EvaluateDue", "handlers", "person_id"]
