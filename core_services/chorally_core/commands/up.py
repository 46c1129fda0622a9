"""``chorally up``."""

import sys

from chorally_core.bootstrap import Parts
from chorally_core.commands.running import Refused, run_parts
from chorally_core.settings import Settings

__all__ = ["Refused", "up"]


def up(settings: Settings) -> None:
    """Run the whole system until the process is asked to stop.

    Raises:
        Refused: The folder or the address is taken, or a setting cannot be used.
    """
    run_parts(settings, Parts(), lambda url: _tell(settings, url))


def _tell(settings: Settings, url: str) -> None:
    lines = (
        f"Chorally serves {settings.data} at {url}",
        f"  API       {url}/docs",
        f"  a token   chorally token --data {settings.data} --tenant TENANT --role admin",
    )
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
