"""Brings what an older connector left behind to today's version, one version at a time."""

from collections.abc import Callable

from chorally_sdk.connector.base import Connector
from chorally_sdk.errors import Unsupported
from chorally_sdk.model.base import Cursor, Json


def cursor_of_today(connector: Connector, cursor: Cursor, version: int) -> Cursor | None:
    """Return a stored cursor as today's connector reads it; None where the stream must start over.

    It starts over where the cursor is of a newer connector, one that was installed for a while.

    Args:
        connector: Its ``upgrade`` is asked once for each version.
        cursor: As it was stored.
        version: The ``cursor_version`` it was stored under.
    """
    today = connector.manifest.cursor_version
    return None if version > today else _stepwise(connector.upgrade, cursor, version, today)


def settings_of_today(connector: type[Connector], settings: Json, version: int, *, of_app: bool = False) -> Json:
    """Return stored settings as today's connector declares them; whether they fit is its model's to say.

    Args:
        connector: Its ``upgrade_settings`` or ``upgrade_app_settings`` is asked once for each version.
        settings: As they were stored, the secret ones opened.
        version: The ``settings_version`` they were stored under.
        of_app: They are the app's, not an account's.

    Raises:
        Unsupported: They are of a newer connector than the one installed.
    """
    today = connector.manifest.settings_version
    if version > today:
        raise Unsupported(
            f"these settings are of version {version}, the connector {connector.manifest.platform!r} knows {today}; "
            "upgrade it, or enter them again"
        )
    return _stepwise(connector.upgrade_app_settings if of_app else connector.upgrade_settings, settings, version, today)


def _stepwise(upgrade: Callable[[Json, int], Json], stored: Json, version: int, today: int) -> Json:
    for step in range(version, today):
        stored = upgrade(stored, step)
    return stored
