"""Finds the packages that add actions to those of rules, and keeps a broken one from disturbing the others."""

import importlib.metadata as metadata
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import pluggy
from pydantic import BaseModel

from chorally_sdk import hookspecs
from chorally_sdk.rules import RuleAction

ENTRY_POINTS = "chorally.rules"
"""Entry-point group under which packages name the module that holds the hook."""

_TYPE = re.compile(r"[a-z][a-z0-9_]{0,39}\.[a-z][a-z0-9_]{0,39}")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Broken:
    """A package whose actions cannot be used, and why."""

    name: str
    distribution: str
    reason: str


@dataclass
class RuleActions:
    """The actions of the installed packages."""

    actions: dict[str, RuleAction] = field(default_factory=dict)
    """By their type."""
    broken: list[Broken] = field(default_factory=list)


def discover_rule_actions(distributions: Iterable[metadata.Distribution] | None = None) -> RuleActions:
    """Return the actions that installed packages add; one that is broken is listed, and disturbs no other.

    Args:
        distributions: Packages to look at; those of the running interpreter where None.
    """
    found = RuleActions()
    for dist in metadata.distributions() if distributions is None else distributions:
        name = ""
        try:
            if ENTRY_POINTS not in (dist.read_text("entry_points.txt") or ""):
                continue
            package = dist.metadata["Name"]
            for entry in sorted(entry for entry in dist.entry_points if entry.group == ENTRY_POINTS):
                name = entry.name
                _add(found, name, package, entry)
        except Exception as error:
            _log.warning("a package says that it has actions of rules, but its metadata cannot be read (%r)", error)
    return found


def _add(found: RuleActions, name: str, package: str, entry: metadata.EntryPoint) -> None:
    try:
        added = _loaded(name, entry)
        if taken := sorted(action.type for action in added if action.type in found.actions):
            raise ValueError(f"another package has an action {taken[0]!r}")
        found.actions |= {action.type: action for action in added}
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a plugin does at import must not disturb the others
        reason = f"{type(error).__name__}: {error}"
        _log.warning("actions of rules of %s cannot be used: %s", package, reason)
        found.broken.append(Broken(name, package, reason))


def _loaded(name: str, entry: metadata.EntryPoint) -> list[RuleAction]:
    """The actions of one package, checked.

    Raises:
        Exception: It cannot be imported, or what it returns is no list of actions.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(entry.load(), name=name)
    added = [action for actions in manager.hook.chorally_rule_actions() for action in actions]
    for action in added:
        if not isinstance(action, RuleAction):
            raise TypeError(f"the hook chorally_rule_actions returned {action!r}, not a RuleAction")
        if not _TYPE.fullmatch(action.type) or not action.type.startswith(f"{name}."):
            raise ValueError(f"the type {action.type!r} must be {name}., and what it does in small letters")
        if not (isinstance(action.parameters, type) and issubclass(action.parameters, BaseModel)):
            raise TypeError(f"the parameters of {action.type!r} are no pydantic model")
        action.parameters.model_json_schema()
    if len({action.type for action in added}) < len(added):
        raise ValueError("two of its actions have one type")
    return added
