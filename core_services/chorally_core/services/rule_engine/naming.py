"""Which rules look at a calendar, for whoever wants to remove it."""

from collections.abc import Iterator
from typing import Any

from chorally_core.ports.documents import Documents, Key
from chorally_core.services.rule_engine.catalogue import is_of_calendar
from chorally_core.services.rule_engine.model import Rule, Ruleset


async def rules_on_calendar(documents: Documents, tenant: str, calendar_id: str) -> list[str]:
    """Return the names of the tenant's rules, enabled or not, whose conditions name a calendar; in their order."""
    ruleset = await documents.get(Ruleset, tenant)
    keys = [Key.by_id(Rule, listed.stored) for listed in ruleset.rules] if ruleset is not None else []
    found = await documents.load(keys) if keys else {}
    rules = [rule for key in keys if isinstance(rule := found.get(key), Rule)]
    return [rule.name for rule in rules if calendar_id in set(_calendars(rule.conditions))]


def _calendars(node: Any) -> Iterator[str]:
    """The calendars that stored conditions name, also those of a rule that this release cannot judge."""
    if isinstance(node, dict):
        field = node.get("field")
        if isinstance(field, str) and is_of_calendar(field):
            yield field.partition("@")[2]
        for part in node.values():
            yield from _calendars(part)
    elif isinstance(node, list | tuple):
        for part in node:
            yield from _calendars(part)
