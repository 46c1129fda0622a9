"""The hooks through which plugins register."""

from collections.abc import Sequence

import pluggy

from chorally_sdk.connector.base import Connector
from chorally_sdk.rules import RuleAction

PROJECT = "chorally"
ENTRY_POINTS = "chorally.connectors"
"""Entry-point group under which packages name the module that holds their hooks."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec(firstresult=True)
def chorally_connector() -> type[Connector]:  # type: ignore[empty-body]
    """Return the connector class of this package."""


@hookspec
def chorally_rule_actions() -> Sequence[RuleAction]:  # type: ignore[empty-body]
    """Return the actions that this package adds to those of rules."""
