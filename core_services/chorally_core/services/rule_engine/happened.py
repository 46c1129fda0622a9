"""Turns what a trigger tells, and what is known of the person, into the facts that conditions look at."""

from typing import Any

from chorally_core.events import Event, TriggerEvaluate
from chorally_core.services.rule_engine.catalogue import CUSTOM, CUSTOM_NUMBER
from chorally_core.services.rule_engine.facts import CHANGED, NOW, WAS, Facts, fold
from chorally_core.services.rule_engine.model import Person

_MESSAGE = {
    "channel": "message.channel", "platform": "message.platform", "kind": "message.kind",
    "language": "message.language", "rating": "message.rating", "edited": "message.edited",
}  # fmt: skip
_TICKET = {
    "number": "ticket.number", "status": "ticket.status", "priority": "ticket.priority",
    "assignee_id": "ticket.assignee", "team_id": "ticket.team", "language": "ticket.language",
    "created": "ticket.created_at", "author_at": "ticket.last_author_message_at",
    "agent_at": "ticket.last_agent_message_at", "waiting": "ticket.waiting_since", "messages": "ticket.messages",
    "reopened": "ticket.reopened", "window": "ticket.window_closes_at",
}  # fmt: skip
_CHANGEABLE = {
    "status": "ticket.status", "priority": "ticket.priority", "assignee_id": "ticket.assignee",
    "team_id": "ticket.team", "tags": "ticket.tags", "subject": "ticket.subject",
}  # fmt: skip


def ticket_of(trigger: TriggerEvaluate) -> dict[str, Any]:
    """Return what a trigger tells of the ticket; empty where it belongs to none."""
    if trigger.message_id is None:
        return trigger.snapshot
    found: dict[str, Any] = trigger.snapshot.get("ticket", {})
    return found


def answers(event: Event[TriggerEvaluate]) -> bool:
    """Whether rules may answer it: what we said ourselves they do not."""
    trigger = event.data
    return trigger.message_id is None or trigger.snapshot.get("direction", "inbound") == "inbound"


def happened(of: type[Facts], event: Event[TriggerEvaluate], person: Person) -> Facts:
    """Return the facts; what is not told stays unknown.

    Args:
        of: The class that ``catalogue.facts_class`` gives.
        event: The trigger.
        person: Who wrote, as they are known by now.
    """
    trigger, ticket = event.data, ticket_of(event.data)
    facts = of()
    facts[NOW] = event.occurred_at.timestamp()
    facts["message.account"] = trigger.account_id
    facts["actor.kind"], facts["actor.id"] = trigger.actor_kind, trigger.actor_id
    if trigger.message_id is not None:
        _message(facts, trigger)
    if ticket:
        _ticket(facts, trigger, ticket)
    _author(facts, trigger, person, ticket)
    return facts


def _message(facts: Facts, trigger: TriggerEvaluate) -> None:
    told = trigger.snapshot
    for name, field in _MESSAGE.items():
        if (value := told.get(name)) is not None:
            facts[field] = value
    facts["message.text"] = fold(told.get("body", ""))
    if subject := told.get("subject"):
        facts["message.subject"] = fold(subject)
    if attachments := told.get("attachments"):
        facts["message.attachments"] = frozenset(attachments)
    facts["message.automatic"] = trigger.automatic
    facts.setdefault("message.edited", False)
    facts["message.first"] = trigger.kind == "message_received" and told.get("sequence") == 1


def _ticket(facts: Facts, trigger: TriggerEvaluate, told: dict[str, Any]) -> None:
    for name, field in _TICKET.items():
        if (value := told.get(name)) is not None:
            facts[field] = value
    facts["ticket.tags"] = frozenset(told.get("tags", ()))
    if subject := told.get("subject"):
        facts["ticket.subject"] = fold(subject)
    for name, value in told.get("custom", {}).items():
        _custom(facts, name, value)
    changes: dict[str, Any] = told.get("changes", {})
    if changes:
        was = told.get("was", {})
        own = changes.get("custom_fields", {})
        facts[CHANGED] = frozenset(
            (
                *(_CHANGEABLE[name] for name in changes if name in _CHANGEABLE),
                *(f"{prefix}{name}" for name in own for prefix in (CUSTOM, CUSTOM_NUMBER)),
            )
        )
        for name, value in was.items():
            if name in _CHANGEABLE and not isinstance(value, list):
                facts[_CHANGEABLE[name] + WAS] = value


def _custom(facts: Facts, name: str, value: Any) -> None:
    """A field of the tenant's own, as a keyword and, where it is one, as a number."""
    if isinstance(value, bool):
        value = "true" if value else "false"
    if isinstance(value, int | float):
        facts[f"{CUSTOM_NUMBER}{name}"] = value
        value = str(value)
    if isinstance(value, str):
        facts[f"{CUSTOM}{name}"] = value


def _author(facts: Facts, trigger: TriggerEvaluate, person: Person, ticket: dict[str, Any]) -> None:
    facts["author.id"] = trigger.author_id
    facts["author.name"] = fold(person.name or trigger.snapshot.get("author", ""))
    facts["author.blocked"] = person.blocked
    if person.handle:
        facts["author.handle"] = fold(person.handle)
    if person.followers is not None:
        facts["author.followers"] = person.followers
    if person.country:
        facts["author.country"] = person.country
    if person.language:
        facts["author.language"] = person.language
    facts["author.previous_tickets"] = person.tickets - (trigger.ticket_id in person.recent)
