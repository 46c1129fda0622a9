"""Writes the rules of a system into a file, in which comments and tests stay where they were."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from chorally_core.api.rule_engine_views import RuleAdd
from chorally_core.commands.rules_files.files import FIELDS
from chorally_core.commands.rules_files.places import plain, read, write

_DEFAULTS: Mapping[str, Any] = {
    name: field.get_default(call_default_factory=True)
    for name, field in RuleAdd.model_fields.items()
    if not field.is_required()
}
_ALWAYS = ("name", "events", "conditions", "actions")


def export(path: Path, rules: Sequence[Mapping[str, Any]]) -> None:
    """Write rules into a file; what stands there of the same rules is kept where it says the same.

    Raises:
        Mistakes: There is such a file, and it is none of rules.
    """
    content = read(path) if path.exists() else CommentedMap()
    before = [node for node in content.get("rules") or () if isinstance(node, CommentedMap)]
    names = [rule["name"] for rule in rules]
    listed = CommentedSeq()
    for rule in rules:
        known = next((node for node in before if _is(node, rule)), None)
        is_twice = names.count(rule["name"]) > 1
        listed.append(_written(rule, CommentedMap() if known is None else known, with_id=is_twice))
    old = content.get("rules")
    if (
        isinstance(old, CommentedSeq)
        and len(old) == len(listed)
        and all(a is b for a, b in zip(old, listed, strict=True))
    ):
        pass  # each was changed in its place, so that comments between them stay, too
    else:
        content["rules"] = listed
    write(path, content)


def _is(node: CommentedMap, rule: Mapping[str, Any]) -> bool:
    return bool(node["id"] == rule["id"] if "id" in node else node.get("name") == rule["name"])


def _written(rule: Mapping[str, Any], node: CommentedMap, *, with_id: bool) -> CommentedMap:
    """A rule as it stands in a file: what is as it mostly is is left out, unless it stood there."""
    if with_id:
        node["id"] = rule["id"]
    for name in FIELDS:
        value = rule.get(name)
        if name == "actions":
            value = [_brief(action) for action in value or ()]
        if name in node:
            said = plain(node[name])
            same = [_brief(action) for action in said] == value if name == "actions" else said == value
            if not same:
                node[name] = value
        elif name in _ALWAYS or value != _DEFAULTS.get(name):
            node[name] = value
    return node


def _brief(action: Mapping[str, Any]) -> dict[str, Any]:
    """An action without what nobody has said."""
    return {name: value for name, value in action.items() if name == "type" or value not in (None, {}, [], False)}
