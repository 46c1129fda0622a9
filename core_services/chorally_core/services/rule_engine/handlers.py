"""Judges what happened by the tenant's rules, and asks for what they want done.

Consumes ``rule-triggers``, produces ``tickets``, ``messages`` and ``logs``. Which rules fired, and why, is kept; that
the services asked do it once, and what becomes of it, is theirs. Nothing here knows the time: what happened says when.
"""

from collections.abc import Iterable, Sequence

import msgspec

from chorally_core.events import Event, TriggerEvaluate, topics
from chorally_core.events.ids import begins_with, derived
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found, Handler
from chorally_core.ports.turns import RULE_ENGINE, handed_on, has_turn
from chorally_core.services.rule_engine.engine import Engine, Ready
from chorally_core.services.rule_engine.explaining import told
from chorally_core.services.rule_engine.facts import Facts
from chorally_core.services.rule_engine.happened import answers, happened
from chorally_core.services.rule_engine.model import Acted, Execution, Outcome, Person, Ruleset
from chorally_core.services.rule_engine.planning import SERVICE, Plan, within_a_minute

GROUP = "rule-engine"
DEPTH = 8
"""Rules that may follow from each other; what is deeper fires none."""

_BLOCKS = {"author_blocked": True, "author_unblocked": False}


def person_id(event: Event[TriggerEvaluate]) -> str:
    """Return the id of the record of whoever is concerned: the author, or the ticket where nobody tells one."""
    return event.data.author_id or event.data.ticket_id or event.data.log_id


class Evaluate(Handler[TriggerEvaluate]):
    """Fires the rules whose conditions hold, and keeps what is known of authors."""

    topic = topics.RULE_TRIGGERS
    event = "evaluate"

    def __init__(self, engine: Engine) -> None:
        """Judge with an engine's rules."""
        self._engine = engine

    def reads(self, event: Event[TriggerEvaluate]) -> Iterable[Key]:
        """Return the list of the tenant's rules, and the person where there are any."""
        listed = Key.by_id(Ruleset, event.tenant)
        return (listed, Key.by_id(Person, person_id(event))) if self._engine.has_rules(event.tenant) else (listed,)

    def follows(self, event: Event[TriggerEvaluate], found: Found) -> Iterable[Key]:
        """Return the person, and the rules if they have changed since they were compiled."""
        ruleset = found.get(Ruleset, event.tenant)
        if ruleset is None:
            return ()
        if event.data.kind.startswith("author_"):
            return (Key.by_id(Person, person_id(event)),)
        return (Key.by_id(Person, person_id(event)), *self._engine.wants(ruleset))

    def decide(self, event: Event[TriggerEvaluate], found: Found) -> Change:
        """Fire each rule once, when it is the engine's turn; the same event again fires none."""
        if not has_turn(event.data, RULE_ENGINE):
            return NOTHING
        known = found.get(Person, person_id(event))
        if known is not None and event.id in known.judged:
            return NOTHING
        return handed_on(event, RULE_ENGINE, self._judged(event, found))

    def _judged(self, event: Event[TriggerEvaluate], found: Found) -> Change:
        name = person_id(event)
        ruleset = found.get(Ruleset, event.tenant)
        if ruleset is None:
            return NOTHING
        if event.data.kind.startswith("author_"):
            return _projected(event, found.get(Person, name))
        rules = self._engine.rules(ruleset, found, event.data.kind)
        if rules is None or event.depth >= DEPTH or not answers(event):
            return NOTHING
        known = found.get(Person, name) or Person(id=name, tenant=event.tenant)
        person = known.with_ticket(event.data.ticket_id)
        facts = happened(rules.facts, event, person)
        holding = [rules.ready[place] for place in sorted(rules.matcher(facts))]
        fired = _fired(holding, event, facts, person)
        if fired is not None:
            return fired
        if event.data.turns:
            return Change((person.having_judged(event.id, person.acted),))
        return NOTHING if person is known else Change((person,))


def _fired(holding: Sequence[Ready], event: Event[TriggerEvaluate], facts: Facts, person: Person) -> Change | None:
    """What the rules that hold lead to; None where none of them may fire."""
    trigger, at = event.data, event.occurred_at
    ticket_id = trigger.ticket_id or ""
    recent = tuple(acted for acted in person.acted if within_a_minute(at, acted.at))
    plan = Plan(event, person, taken=sum(acted.count for acted in recent if acted.ticket_id == ticket_id))
    executions: list[Execution] = []
    for ready in holding:
        rule = ready.rule
        if rule.rule_id in trigger.rules or (rule.mode == "first" and executions):
            continue
        executions.append(_execution(event, ready, facts, person, plan.carry_out(rule, ready.actions)))
        if rule.stop or plan.stopped:
            break
    if not executions:
        return None
    acted = (*recent, Acted(ticket_id, at, plan.count)) if plan.count else recent
    chain = (*trigger.rules, *(execution.rule_id for execution in executions))
    return Change((*executions, person.having_judged(event.id, acted)), plan.events(chain))


def _execution(
    event: Event[TriggerEvaluate], ready: Ready, facts: Facts, person: Person, outcomes: tuple[Outcome, ...]
) -> Execution:
    rule, trigger = ready.rule, event.data
    return Execution(
        id=f"{begins_with(event.occurred_at)}{derived(event.id, rule.rule_id)[:20]}",
        tenant=event.tenant,
        rule_id=rule.rule_id,
        rule_number=rule.number,
        rule_name=rule.name,
        event=trigger.kind,
        log_id=trigger.log_id,
        ticket_id=trigger.ticket_id,
        message_id=trigger.message_id,
        author_id=trigger.author_id,
        author_version=person.author_version,
        at=event.occurred_at,
        depth=event.depth,
        conditions=told(ready.tree.explained(facts)),
        outcomes=outcomes,
    )


def _projected(event: Event[TriggerEvaluate], known: Person | None) -> Change:
    """What is known of the person after a fact about them."""
    trigger = event.data
    person = known or Person(id=person_id(event), tenant=event.tenant)
    if trigger.kind in _BLOCKS:
        blocked = _BLOCKS[trigger.kind]
        return NOTHING if person.blocked == blocked else Change((msgspec.structs.replace(person, blocked=blocked),))
    if known is not None and trigger.version <= known.author_version:
        return NOTHING
    return Change((person.told(trigger.version, trigger.snapshot),))


def handlers() -> tuple[Evaluate, ...]:
    """Return the service's handlers, with an engine of their own."""
    return (Evaluate(Engine()),)


__all__ = ["DEPTH", "GROUP", "SERVICE", "Evaluate", "handlers", "person_id"]
