"""Actions that a package adds to those of rules, through the hook ``chorally_rule_actions``.

An action is pure: given its parameters and what happened it returns what to ask for, in terms of the actions that
every rule has, such as ``{"type": "add_tags", "tags": ["vip"]}``. So it is bounded, recorded and overtaken as those
are, can be tried on what happened before, and does nothing twice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True, kw_only=True)
class Happened:
    """What a rule fires on."""

    event: str
    """Such as ``message_received``, ``ticket_changed``, ``ticket_idle``."""
    at: datetime
    message: Mapping[str, Any]
    """What was said, such as its ``body``, ``channel`` and ``language``; empty where it is about no message."""
    ticket: Mapping[str, Any]
    """The ticket as it was judged, such as its ``status``, ``priority``, ``tags`` and ``custom``."""
    author: Mapping[str, Any]
    """Who wrote, as they are known: ``name``, ``handle``, ``language``, ``country``, ``followers``."""


Parameters = type[BaseModel]
"""The model of what an action takes."""


@dataclass(frozen=True, kw_only=True)
class RuleAction:
    """One more thing that rules may do."""

    type: str
    """Its name: that of the package, a dot, what it does; such as ``crm.greet``."""
    title: str
    description: str
    parameters: Parameters
    """What it takes; each field with a title, as people fill it in."""
    ask: Callable[[Any, Happened], Sequence[Mapping[str, Any]]]
    """Returns the actions to ask for, given the parameters as their model and what happened.

    Nothing but these decides: no clock, no chance, no call. What it raises is recorded, and the others go on.
    """
