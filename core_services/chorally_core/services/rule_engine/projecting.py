"""What the engine keeps of facts that no rule answers: who somebody is, who works where, what became of a request."""

from collections.abc import Iterable
from typing import Any

import msgspec

from chorally_core.events import Event, RuleOutcome, TriggerEvaluate, topics
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found, Handler
from chorally_core.services.rule_engine.happened import person_id
from chorally_core.services.rule_engine.model import Execution, Person
from chorally_core.services.rule_engine.names import SERVICE, execution_id
from chorally_core.services.rule_engine.planning import CHANGING, SAYING
from chorally_core.services.rule_engine.sharing.handlers import crew_told
from chorally_core.services.rule_engine.sharing.model import Crew

_BLOCKS = {"author_blocked": True, "author_unblocked": False}
_AFTERWARDS = {
    "ticket_change_overtaken": ("overtaken", CHANGING), "ticket_change_refused": ("refused", CHANGING),
    "automatic_message_refused": ("refused", SAYING), "moderation_refused": ("refused", ("moderate",)),
}  # fmt: skip
_OVERTAKEN = "somebody changed the ticket after it was judged"


def keeps(kind: str) -> bool:
    """Whether a kind of fact is only kept, and judged by no rule."""
    return kind.startswith(("author_", "user_")) or kind in _AFTERWARDS


def needs(event: Event[TriggerEvaluate]) -> Iterable[Key]:
    """Return what keeping a fact needs."""
    if event.data.kind.startswith("author_"):
        return (Key.by_id(Person, person_id(event)),)
    return (Key.by_id(Crew, event.tenant),) if event.data.kind.startswith("user_") else ()


def kept(event: Event[TriggerEvaluate], found: Found) -> Change:
    """Return what is known after a fact; told again it changes nothing."""
    if event.data.kind.startswith("user_"):
        return crew_told(event, found.get(Crew, event.tenant))
    if event.data.kind in _AFTERWARDS:
        return Change((), tuple(_afterwards(event)))
    return _who(event, found.get(Person, person_id(event)))


def _who(event: Event[TriggerEvaluate], known: Person | None) -> Change:
    """What is known of the person after a fact about them."""
    trigger = event.data
    person = known or Person(id=person_id(event), tenant=event.tenant)
    if trigger.kind in _BLOCKS:
        blocked = _BLOCKS[trigger.kind]
        return NOTHING if person.blocked == blocked else Change((msgspec.structs.replace(person, blocked=blocked),))
    if known is not None and trigger.version <= known.author_version:
        return NOTHING
    return Change((person.told(trigger.version, trigger.snapshot),))


def _afterwards(event: Event[TriggerEvaluate]) -> Iterable[Event[Any]]:
    """What the executions are told that asked for what was not done, each for itself."""
    trigger, asked_by = event.data, event.data.snapshot.get("asked_by")
    if trigger.actor_kind != "rule" or not asked_by:
        return
    result, actions = _AFTERWARDS[trigger.kind]
    reason = trigger.snapshot.get("reason", _OVERTAKEN if result == "overtaken" else "")
    for rule_id in trigger.actor_id.split(","):
        data = RuleOutcome(
            execution_id=execution_id(event.occurred_at, asked_by, rule_id),
            actions=tuple(actions),
            result="overtaken" if result == "overtaken" else "refused",
            reason=reason,
        )
        key = f"{event.tenant}/outcome/{rule_id}"
        yield event.causes(data, topic=topics.QUEUE_TRIGGERS, issuer=SERVICE, name="outcome", key=key, of=rule_id)


class KeepOutcome(Handler[RuleOutcome]):
    """Records in an execution what was asked for and not done."""

    topic = topics.QUEUE_TRIGGERS
    event = "outcome"

    def reads(self, event: Event[RuleOutcome]) -> Iterable[Key]:
        """Return the execution."""
        return (Key.by_id(Execution, event.data.execution_id),)

    def decide(self, event: Event[RuleOutcome], found: Found) -> Change:
        """Change the outcomes that it concerns; told again it changes nothing."""
        d = event.data
        execution = found.get(Execution, d.execution_id)
        if execution is None or execution.tenant != event.tenant:
            return NOTHING
        outcomes = tuple(
            msgspec.structs.replace(outcome, result=d.result, detail=d.reason[:500])
            if outcome.action in d.actions and outcome.result == "asked"
            else outcome
            for outcome in execution.outcomes
        )
        if outcomes == execution.outcomes:
            return NOTHING
        return Change((msgspec.structs.replace(execution, outcomes=outcomes),))
