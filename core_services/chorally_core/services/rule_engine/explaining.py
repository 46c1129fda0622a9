"""Says of each condition what it met, as JSON that can be stored and shown."""

from datetime import UTC, datetime
from typing import Any

from chorally_core.services.rule_engine.catalogue import CATALOGUE
from chorally_core.services.rule_engine.conditions import All, AnyOf, Test
from chorally_core.services.rule_engine.fields import Type
from chorally_core.services.rule_engine.judging import Explained

_TEXT = 200  # characters of a value
_MEMBERS = 20


def told(explained: Explained) -> dict[str, Any]:
    """Return a test with ``met``, the value it met, or a group with its parts; each with ``holds``."""
    node = explained.node
    if isinstance(node, Test):
        met = _shown(CATALOGUE[node.field].type, explained.value)
        return {"field": node.field, "op": node.op, "value": _bounded(node.value), "met": met, "holds": explained.holds}
    group = "all" if isinstance(node, All) else "any" if isinstance(node, AnyOf) else "none"
    return {group: [told(part) for part in explained.parts], "holds": explained.holds}


def _shown(of: Type, value: Any) -> Any:
    if value is None or value != value:  # not known, or no number
        return None
    if of is Type.TIME:
        return datetime.fromtimestamp(value, UTC).isoformat()
    return _bounded(sorted(value) if isinstance(value, frozenset) else value)


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        return value[:_TEXT]
    return list(value)[:_MEMBERS] if isinstance(value, list | tuple) else value
