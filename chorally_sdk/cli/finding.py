"""Finds the connector that a command is about: one that is installed, or a checkout."""

import importlib
import pkgutil
import sys
import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from chorally_sdk.cli.telling import Told
from chorally_sdk.connector.base import Connector
from chorally_sdk.hookspecs import ENTRY_POINTS
from chorally_sdk.plugins import SDK, Plugin, discover
from chorally_sdk.sandbox.levers import Levers
from chorally_sdk.testing.package import Package
from chorally_sdk.testing.running import Platform, is_connected, platform_of

_PLACES = ("sandbox.levers", "testing.levers", "sandbox", "testing")
"""Modules of a connector's package in which its stand-in is looked for, when ``sandbox()`` gives none."""


@dataclass(frozen=True)
class Found:
    """A connector, and where it comes from."""

    connector: type[Connector]
    package: Package | None
    checkout: Path | None = None

    @property
    def platform(self) -> str:
        """The platform's name."""
        return self.connector.manifest.platform


def find(target: str) -> Found:
    """Return the connector that a person names: a platform, or the folder of a checkout.

    Raises:
        Told: There is none, or it cannot be used.
    """
    folder = Path(target).resolve()
    if (folder / "pyproject.toml").is_file():
        return _checkout(folder)
    if folder.is_dir() and ("/" in target or target in {".", ".."}):
        raise Told(f"{target} has no pyproject.toml; name the folder of a connector, or an installed platform")
    try:
        connector = discover().get(target)
    except LookupError as error:
        raise Told(f"{str(error).strip(chr(39))}; or name the folder of a checkout") from error
    return Found(connector, Package.of(connector))


def stand_in(found: Found, named: str = "") -> Platform | None:
    """Return what makes the stand-in of the platform; None where there is none.

    Args:
        found: Its ``sandbox()``, or else the one subclass of ``Levers`` in ``sandbox`` or ``testing`` of its package.
        named: ``module:Class``, in place of that.

    Raises:
        Told: There is no such class.
    """
    if named:
        module, _, name = named.partition(":")
        try:
            made = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise Told(f"--stand-in {named}: {error}; give it as module:Class") from error
        return _checked(made, named)
    if own := platform_of(found.connector):
        return own
    package = found.connector.__module__.partition(".")[0]
    for place in _PLACES:
        known = _levers_in(f"{package}.{place}", package)
        if len(known) == 1:
            return known[0]
    return None


def _levers_in(name: str, package: str) -> list[type[Levers]]:
    try:
        if pkgutil.resolve_name(package) is None or importlib.util.find_spec(name) is None:
            return []
    except ModuleNotFoundError:
        return []
    kinds = [value for value in vars(importlib.import_module(name)).values() if isinstance(value, type)]
    ours = [kind for kind in kinds if issubclass(kind, Levers) and kind.__module__.partition(".")[0] == package]
    return [kind for kind in ours if is_connected(kind)]


def _checked(made: Any, named: str) -> Platform:
    if not (isinstance(made, type) and issubclass(made, Levers)):
        raise Told(f"--stand-in {named} is no subclass of chorally_sdk.sandbox.Levers")
    return made


def _checkout(folder: Path) -> Found:
    project: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text("utf-8")).get("project", {})
    entries = project.get("entry-points", {}).get(ENTRY_POINTS, {})
    if len(entries) != 1:
        raise Told(f'{folder}/pyproject.toml needs one entry under [project.entry-points."{ENTRY_POINTS}"]')
    ((name, value),) = entries.items()
    for place in (folder / "src", folder):
        if place.is_dir():
            sys.path.insert(0, str(place))
    version = str(project.get("version", "0"))
    needs = next((each for each in project.get("dependencies", []) if _is_sdk(each)), "")
    entry = metadata.EntryPoint(name, value, ENTRY_POINTS)
    loaded = Plugin(name, str(project.get("name", "")), version, entry, needs, metadata.version(SDK)).loaded
    if isinstance(loaded, str):
        raise Told(f"the connector in {folder} cannot be used: {loaded}")
    file = Path(str(importlib.import_module(entry.module).__file__)).resolve()
    if not file.is_relative_to(folder):
        raise Told(f"{entry.module} is imported from {file.parent}, not from {folder}; uninstall it, or work there")
    return Found(loaded, _package(project, folder, entry, loaded, file.parent), folder)


def _package(
    project: dict[str, Any], folder: Path, entry: metadata.EntryPoint, connector: type[Connector], code: Path
) -> Package:
    licence = project.get("license", "")
    readme = folder / str(project.get("readme", "README.md"))
    return Package(
        name=str(project.get("name", "")),
        version=str(project.get("version", "0")),
        requires=tuple(project.get("dependencies", [])),
        licence=licence if isinstance(licence, str) else str(licence.get("text", "")),
        readme=readme.read_text("utf-8") if readme.is_file() else "",
        entry=entry.name,
        loads=connector,
        module=entry.module,
        folder=code,
    )


def _is_sdk(requirement: str) -> bool:
    return canonicalize_name(Requirement(requirement).name) == SDK
