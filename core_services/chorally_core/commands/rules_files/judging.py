"""Judges rules without a system, by the engine that a system judges them with."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from chorally_core.commands.rules_files.files import FileCase
from chorally_core.events import Event, TriggerEvaluate
from chorally_core.ports.calendars import Calendar, Calendars, Hours
from chorally_core.ports.calendars import Listed as ListedCalendar
from chorally_core.ports.documents import Document
from chorally_core.ports.handlers import Found
from chorally_core.services.rule_engine.catalogue import facts_class
from chorally_core.services.rule_engine.conditions import tests_of
from chorally_core.services.rule_engine.engine import Engine, made_ready
from chorally_core.services.rule_engine.explaining import told
from chorally_core.services.rule_engine.handlers import Evaluate, person_id
from chorally_core.services.rule_engine.happened import happened
from chorally_core.services.rule_engine.model import Execution, Listed, Person, Rule, Ruleset


class Verdict(NamedTuple):
    """What came of a test."""

    case: FileCase
    fires: Sequence[str]
    actions: Sequence[str]
    why: Mapping[str, Mapping[str, Any]]
    """Of each rule that was expected and did not fire, or the other way round, what its conditions met."""

    @property
    def passed(self) -> bool:
        """Whether it is as expected."""
        expected = self.case.case.expected
        return list(self.fires) == expected.fires and expected.actions in (None, list(self.actions))


NO_HOURS: Mapping[str, Hours] = {}


def fired(
    rules: Sequence[Rule], event: Event[TriggerEvaluate], person: Person, hours: Mapping[str, Hours] = NO_HOURS
) -> list[Execution]:
    """Return the rules that fire on an event, in their order, with what they ask for; given hours of calendars."""
    stored = [msgspec.structs.replace(rule, id=f"{number}", tenant=event.tenant) for number, rule in enumerate(rules)]
    listed = tuple(Listed(rule.rule_id, rule.number, rule.id) for rule in stored)
    calendars = [_calendar(name, each, event) for name, each in hours.items()]
    documents: list[Document] = [
        Calendars(id=event.tenant, tenant=event.tenant, version=1, calendars=tuple(map(_in_place, calendars))),
        *calendars,
        Ruleset(id=event.tenant, tenant=event.tenant, version=1, rules=listed),
        msgspec.structs.replace(person, id=person_id(event), tenant=event.tenant),
        *stored,
    ]
    known: dict[tuple[type[Document], str, str], Document | None] = {
        (type(document), "id", document.id): document for document in documents
    }
    change = Evaluate(Engine()).decide(event, Found(known, lambda of, tenant: 0))
    return [document for document in change.writes if isinstance(document, Execution)]


def _calendar(name: str, hours: Hours, event: Event[TriggerEvaluate]) -> Calendar:
    """A calendar as the engine reads it."""
    at = event.occurred_at
    return Calendar(
        id=f"calendar {name}", tenant=event.tenant, calendar_id=name, number=1, name=name, hours=hours, created_at=at,
        created_by="", changed_at=at, changed_by="",
    )  # fmt: skip


def _in_place(calendar: Calendar) -> ListedCalendar:
    return ListedCalendar(calendar.calendar_id, calendar.number, calendar.id)


def explained(
    rule: Rule, event: Event[TriggerEvaluate], person: Person, hours: Mapping[str, Hours] = NO_HOURS
) -> dict[str, Any]:
    """Return what each condition of a rule meets."""
    ready = made_ready(rule)
    facts = happened(facts_class({test.field for test in tests_of(ready.tree.node)}), event, person, hours.get)
    return told(ready.tree.explained(facts))


def tried(rules: Sequence[Rule], case: FileCase, hours: Mapping[str, Hours] = NO_HOURS) -> Verdict:
    """Return what comes of a test, given the hours of calendars."""
    given = case.case.given
    event, person = given.trigger(), given.author.known()
    executions = fired(rules, event, person, hours)
    fires = [execution.rule_name for execution in executions]
    actions = [o.action for execution in executions for o in execution.outcomes if o.result in ("asked", "failed")]
    odd = set(fires) ^ set(case.case.expected.fires)
    why = {rule.name: explained(rule, event, person, hours) for rule in rules if rule.name in odd}
    return Verdict(case, fires, actions, why)


def lines(node: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Yield conditions as people read them, each with what it met."""
    mark = "+" if node["holds"] else "-"
    if "field" in node:
        value = "" if node.get("value") is None else f" {node['value']!r}"
        yield f"{indent}{mark} {node['field']} {node['op']}{value}   (it is {_met(node.get('met'))})"
        return
    group = next(name for name in ("all", "any", "none") if name in node)
    yield f"{indent}{mark} {group} of"
    for part in node[group]:
        yield from lines(part, f"{indent}  ")


def _met(value: Any) -> str:
    return "unknown" if value is None else repr(value)
