"""What the rules that hold on one event lead to, and why others did not fire, where somebody wants to know."""

from collections.abc import Sequence

from chorally_core.events import Event, TriggerEvaluate
from chorally_core.ports.handlers import Change
from chorally_core.services.rule_engine.engine import Ready, Rules
from chorally_core.services.rule_engine.explaining import told
from chorally_core.services.rule_engine.facts import Facts
from chorally_core.services.rule_engine.model import Acted, Execution, Outcome, Person
from chorally_core.services.rule_engine.names import execution_id
from chorally_core.services.rule_engine.planning import Means, Plan, within_a_minute


def fired(
    rules: Rules, event: Event[TriggerEvaluate], facts: Facts, known: Person, person: Person, means: Means
) -> Change:
    """Return what the rules that hold lead to; nothing where none of them may fire and nobody asks why.

    Args:
        rules: Those that answer the event.
        event: The trigger.
        facts: What is judged.
        known: Who is concerned.
        person: The same, with the ticket counted.
        means: What actions need besides.
    """
    trigger, at = event.data, event.occurred_at
    ticket_id = trigger.ticket_id or ""
    recent = tuple(acted for acted in person.acted if within_a_minute(at, acted.at))
    taken = sum(acted.count for acted in recent if acted.ticket_id == ticket_id)
    plan = Plan(event, person, taken=taken, means=means)
    executions: list[Execution] = []
    for place in sorted(rules.matcher(facts)):
        rule = rules.ready[place].rule
        if rule.rule_id in trigger.rules or (rule.mode == "first" and executions):
            continue
        outcomes = plan.carry_out(rule, rules.ready[place].actions)
        executions.append(_execution(event, rules.ready[place], facts, person, outcomes))
        if rule.stop or plan.stopped:
            break
    chain = (*trigger.rules, *(execution.rule_id for execution in executions))
    traces = _traces(rules.traced, chain, event, facts, person) if rules.traced else ()
    if not executions:
        if trigger.turns:
            person = person.having_judged(event.id, person.acted)
        return Change((*traces, *(() if person is known else (person,))))
    acted = (*recent, Acted(ticket_id, at, plan.count)) if plan.count else recent
    return Change((*executions, *traces, person.having_judged(event.id, acted)), plan.events(chain))


def _traces(
    traced: Sequence[Ready], fired: Sequence[str], event: Event[TriggerEvaluate], facts: Facts, person: Person
) -> Sequence[Execution]:
    """Why those of these rules did not fire that did not."""
    return [
        _execution(event, ready, facts, person, None)
        for ready in traced
        if ready.rule.rule_id not in fired
        and ready.rule.trace_until is not None
        and event.occurred_at < ready.rule.trace_until
    ]


def _execution(
    event: Event[TriggerEvaluate], ready: Ready, facts: Facts, person: Person, outcomes: tuple[Outcome, ...] | None
) -> Execution:
    rule, trigger = ready.rule, event.data
    return Execution(
        id=execution_id(event.occurred_at, event.id, rule.rule_id),
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
        outcomes=outcomes or (),
        fired=False if outcomes is None else None,
    )
