"""Turns what a trigger tells, and what is known of the person, into the facts that conditions look at."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from chorally_core.events import Event, TriggerEvaluate
from chorally_core.ports.calendars import Hours
from chorally_core.services.rule_engine.catalogue import HOURS
from chorally_core.services.rule_engine.facts import CHANGED, NOW, WAS, Facts, fold
from chorally_core.services.rule_engine.model import Person
from chorally_sdk.rules import Happened

_MESSAGE = {
    "channel": "message.channel", "platform": "message.platform", "kind": "message.kind", "post": "message.post",
    "language": "message.language", "rating": "message.rating", "edited": "message.edited",
}  # fmt: skip
_TICKET = {
    "number": "ticket.number", "status": "ticket.status", "priority": "ticket.priority",
    "assignee_id": "ticket.assignee", "team_id": "ticket.team", "language": "ticket.language",
    "created": "ticket.created_at", "author_at": "ticket.last_author_message_at",
    "agent_at": "ticket.last_agent_message_at", "waiting": "ticket.waiting_since", "messages": "ticket.messages",
    "window": "ticket.window_closes_at", "snoozed": "ticket.snoozed_until",
}  # fmt: skip
_CHANGEABLE = {
    "status": "ticket.status", "priority": "ticket.priority", "assignee_id": "ticket.assignee",
    "team_id": "ticket.team", "tags": "ticket.tags", "subject": "ticket.subject",
    "snoozed_until": "ticket.snoozed_until",
}  # fmt: skip


def ticket_of(trigger: TriggerEvaluate) -> dict[str, Any]:
    """Return what a trigger tells of the ticket; empty where it belongs to none."""
    if trigger.message_id is None:
        return trigger.snapshot
    found: dict[str, Any] = trigger.snapshot.get("ticket", {})
    return found


def person_id(event: Event[TriggerEvaluate]) -> str:
    """Return the id of the record of whoever is concerned: the author, or the ticket where nobody tells one."""
    return event.data.author_id or event.data.ticket_id or event.data.log_id


def answers(event: Event[TriggerEvaluate]) -> bool:
    """Whether rules may answer it: what we said ourselves they do not."""
    trigger = event.data
    return trigger.message_id is None or trigger.snapshot.get("direction", "inbound") == "inbound"


def shown(event: Event[TriggerEvaluate], person: Person) -> Happened:
    """Return what happened as the actions of plugins see it."""
    trigger = event.data
    about_message = trigger.message_id is not None
    message = {name: value for name, value in trigger.snapshot.items() if name != "ticket"} if about_message else {}
    author = {
        "name": person.name or trigger.snapshot.get("author", ""), "handle": person.handle,
        "language": person.language, "country": person.country, "followers": person.followers,
        "tags": list(person.tags), "custom": dict(person.custom),
    }  # fmt: skip
    return Happened(
        event=trigger.kind, at=event.occurred_at, message=message, ticket=dict(ticket_of(trigger)), author=author
    )


def happened(
    of: type[Facts],
    event: Event[TriggerEvaluate],
    person: Person,
    hours: Callable[[str], Hours | None] | None = None,
) -> Facts:
    """Return the facts; what is not told stays unknown.

    Args:
        of: The class that ``catalogue.facts_class`` gives.
        event: The trigger.
        person: Who wrote, as they are known by now.
        hours: Gives the hours of the tenant's calendars by their ids.
    """
    trigger, ticket = event.data, ticket_of(event.data)
    facts = of()
    facts[NOW] = event.occurred_at.timestamp()
    facts[HOURS] = hours
    facts["event.kind"] = trigger.kind
    facts["message.account"] = trigger.account_id
    facts["actor.kind"], facts["actor.id"] = trigger.actor_kind, trigger.actor_id
    if trigger.message_id is not None:
        _message(facts, trigger)
    else:
        facts["message.channel"], facts["message.platform"] = ticket.get("channel"), ticket.get("platform")
    if ticket:
        _ticket(facts, ticket)
    _author(facts, trigger, person)
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
    if custom := told.get("custom"):
        _custom(facts, "message", custom)
    facts["message.automatic"] = trigger.automatic
    facts.setdefault("message.edited", False)
    facts["message.first"] = trigger.kind == "message_received" and told.get("sequence") == 1


def _ticket(facts: Facts, told: dict[str, Any]) -> None:
    for name, field in _TICKET.items():
        if (value := told.get(name)) is not None:
            facts[field] = value
    facts["ticket.tags"] = frozenset(told.get("tags", ()))
    facts["ticket.reopened"] = told.get("reopened", 0)  # left out where it never was
    if subject := told.get("subject"):
        facts["ticket.subject"] = fold(subject)
    if custom := told.get("custom"):
        _custom(facts, "ticket", custom)
    if changes := told.get("changes"):
        _changes(facts, changes, told.get("was", {}))


def _changes(facts: Facts, changes: Mapping[str, Any], was: Mapping[str, Any]) -> None:
    """What has changed, and what it was before."""
    changed = [_CHANGEABLE[name] for name in changes if name in _CHANGEABLE]
    before = was.get("custom_fields") or {}
    for name, value in (changes.get("custom_fields") or {}).items():
        if before.get(name) != value:
            changed += [f"ticket.{how}.{name}" for how in ("custom", "custom_number", "custom_set")]
    facts[CHANGED] = frozenset(changed)
    _custom(facts, "ticket", before, behind=WAS)
    for name, value in was.items():
        if (field := _CHANGEABLE.get(name)) is None:
            continue
        if name == "tags":
            facts[field + WAS] = frozenset(value)
        elif name == "subject":
            facts[field + WAS] = fold(value)
        elif name == "snoozed_until":
            facts[field + WAS] = _instant(value)
        else:
            facts[field + WAS] = value
    if "status" in changes and was.get("status"):
        facts["ticket.previous_status"] = was["status"]


def _instant(value: Any) -> float:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.timestamp() if isinstance(value, datetime) else float("nan")


def _custom(facts: Facts, of: str, fields: Mapping[str, Any], behind: str = "") -> None:
    """Fields of the tenant's own: as a keyword, as a number where it is one, as a set where it is a list."""
    for name, value in fields.items():
        if isinstance(value, bool):
            value = "true" if value else "false"
        if isinstance(value, int | float):
            facts[f"{of}.custom_number.{name}{behind}"] = value
            value = str(value)
        if isinstance(value, str):
            facts[f"{of}.custom.{name}{behind}"] = value
        elif isinstance(value, list | tuple):
            facts[f"{of}.custom_set.{name}{behind}"] = frozenset(each for each in value if isinstance(each, str))


def _author(facts: Facts, trigger: TriggerEvaluate, person: Person) -> None:
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
    if person.tags:
        facts["author.tags"] = frozenset(person.tags)
    if person.custom:
        _custom(facts, "author", person.custom)
    facts["author.previous_tickets"] = person.tickets - (trigger.ticket_id in person.recent)
