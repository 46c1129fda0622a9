"""The contracts of `.importlinter` hold and leave nothing out."""

import configparser
import subprocess
import sys
from pathlib import Path

from tests.architecture.checkout import ROOT, tracked

OUTSIDE = frozenset({"examples", "cookiecutter-connector"})
"""Folders whose packages are no part of the workspace."""


def contracts() -> configparser.ConfigParser:
    """Return the contracts as written."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter", "utf-8")
    return parser


def test_the_contracts_are_kept() -> None:
    """Nobody imports what lies above or beside them."""
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_package_is_under_the_contracts() -> None:
    """A new connector cannot be forgotten: every importable package, examples and templates aside, is a root one."""
    marked = [path.parent for path in tracked() if path.name == "py.typed" and not OUTSIDE & set(path.parts)]
    packages = {folder.name for folder in marked if not (folder.parent / "__init__.py").exists()}
    assert packages == set(contracts()["importlinter"]["root_packages"].split())


def test_every_package_has_its_place_in_the_layers() -> None:
    """The topmost contract names each root package once."""
    layers = contracts()["importlinter:contract:packages"]["layers"].replace("|", " ").split()
    assert sorted(layers) == sorted(contracts()["importlinter"]["root_packages"].split())


def test_only_adapters_are_free_to_import_a_driver() -> None:
    """Each module of core but the adapters is among those that may not."""
    core = ROOT / "core_services" / "chorally_core"
    files = {path.relative_to(core).parts[0].removesuffix(".py") for path in tracked() if path.is_relative_to(core)}
    bound = {name.split(".")[1] for name in contracts()["importlinter:contract:drivers"]["source_modules"].split()}
    assert files - bound == {"adapters", "__init__", "py.typed"}
