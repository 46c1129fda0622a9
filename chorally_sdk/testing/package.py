"""What the installed package of a connector says of itself."""

import importlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Self

from packaging.requirements import Requirement

from chorally_sdk.connector.base import Connector
from chorally_sdk.hookspecs import ENTRY_POINTS
from chorally_sdk.plugins import SDK, discover

HEAVY = frozenset({"pytest", "starlette", "fastapi", "uvicorn", "flask", "aiohttp.web", "pandas", "numpy", "_pytest"})
"""What serves tests and sandboxes, and is of no use to a host that only loads a connector."""

_TOLD = (
    "import sys, json; before = set(sys.modules); import {module}; print(json.dumps(sorted(set(sys.modules) - before)))"
)


@dataclass(frozen=True)
class Package:
    """An installed distribution, as far as checks look at it."""

    name: str
    version: str
    requires: tuple[str, ...] = ()
    licence: str = ""
    readme: str = ""
    entry: str = ""
    """Name of its entry point."""
    loads: type[Connector] | None = None
    """What the entry point leads to."""
    module: str = ""
    folder: Path | None = None

    @classmethod
    def of(cls, connector: type[Connector]) -> "Self | None":
        """Return the package that brings a connector; None where none does."""
        for dist in metadata.distributions():
            for entry in dist.entry_points.select(group=ENTRY_POINTS):
                if connector.__module__.partition(".")[0] == entry.module.partition(".")[0]:
                    return cls._read(dist, entry)
        return None

    @classmethod
    def _read(cls, dist: metadata.Distribution, entry: metadata.EntryPoint) -> Self:
        about = dist.metadata.json
        file = importlib.import_module(entry.module).__file__
        try:
            loads = discover().get(entry.name)
        except LookupError:
            loads = None
        return cls(
            name=str(about["name"]),
            version=dist.version,
            requires=tuple(dist.requires or ()),
            licence=str(about.get("license_expression") or about.get("license") or ""),
            readme=str(about.get("description") or ""),
            entry=entry.name,
            loads=loads,
            module=entry.module,
            folder=Path(file).parent if file else None,
        )

    @property
    def sdk(self) -> Requirement | None:
        """Its requirement on the SDK."""
        parsed = (Requirement(text) for text in self.requires)
        return next((need for need in parsed if need.name == SDK and not need.marker), None)

    @property
    def is_typed(self) -> bool:
        """Whether it carries the marker of PEP 561."""
        return self.folder is not None and (self.folder / "py.typed").exists()

    def imported(self) -> Sequence[str]:
        """Return the modules that importing it loads, in a process of its own."""
        command = [sys.executable, "-I", "-c", _paths() + _TOLD.format(module=self.module)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own words
        return list(json.loads(done.stdout.splitlines()[-1]))


def _paths() -> str:
    return f"import sys; sys.path[:] = {sys.path!r}; "
