"""The made-up package of the made-up connector."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import chorally_sdk
from chorally_sdk.connector.base import Connector
from chorally_sdk.testing.package import Package

TYPED = Path(chorally_sdk.__file__).parent


@dataclass(frozen=True)
class MadeUp(Package):
    """A package that was never installed; ``loaded`` is what importing it loads."""

    loaded: tuple[str, ...] = ("chorally_guestbook", "httpx")

    def imported(self) -> Sequence[str]:
        """Return what was made up."""
        return self.loaded


def a_package(connector: type[Connector], **changes: object) -> MadeUp:
    """Return the package that a good connector is in."""
    good = {
        "name": "chorally-guestbook",
        "version": "1.2.0",
        "requires": ("chorally-sdk>=0.1,<0.2", "httpx"),
        "licence": "Apache-2.0",
        "readme": "# Guestbook\n\nReads a wall and answers what is written on it. " * 3,
        "entry": "guestbook",
        "loads": connector,
        "module": "chorally_guestbook",
        "folder": TYPED,
    }
    return MadeUp(**{**good, **changes})  # type: ignore[arg-type]
