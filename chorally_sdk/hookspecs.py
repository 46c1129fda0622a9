"""The hooks through which plugins register."""

import pluggy

from chorally_sdk.connector.base import Connector

PROJECT = "chorally"
ENTRY_POINTS = "chorally.connectors"
"""Entry-point group under which packages name the module that holds their hooks."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec(firstresult=True)
def chorally_connector() -> type[Connector]:  # type: ignore[empty-body]
    """Return the connector class of this package."""
