"""``chorally service``."""

import sys
from collections.abc import Collection

from chorally_core.bootstrap import Parts, UnknownPart
from chorally_core.commands.running import Refused, run_parts
from chorally_core.settings import Settings

__all__ = ["Refused", "service"]


def service(settings: Settings, names: Collection[str], roles: Collection[str]) -> None:
    """Run some services, in some roles, until the process is asked to stop.

    Raises:
        Refused: A name is wrong, the address is taken, a setting cannot be used or is missing, or a back end
            cannot be reached.
    """
    try:
        parts = Parts.named(names, roles)
    except UnknownPart as error:
        raise Refused(str(error)) from error
    run_parts(settings, parts, lambda url: _tell(parts, url))


def _tell(parts: Parts, url: str) -> None:
    sys.stdout.write(f"Chorally {parts} listens at {url}\n")
    sys.stdout.flush()
