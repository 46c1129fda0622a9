"""The built packages hold what they should, and work away from the checkout."""

import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.packaging.place import PROJECTS, ROOT, Place, is_connector, name_of, run

NAMES = [name_of(project) for project in PROJECTS]
CONNECTORS = {project.name: name_of(project) for project in PROJECTS if is_connector(project)}
TEMPLATE = "chorally_sdk/cli/template/"
"""Where the wheel of the SDK has ``cookiecutter-connector``."""
WHERE = """
import importlib.metadata, json, chorally_core, chorally_sdk
print(json.dumps([chorally_sdk.__file__, chorally_core.__file__]))
"""
CHANNELS = """
import json
from chorally_sdk.plugins import discover
registry = discover()
print(json.dumps({n: sorted(c.name for c in k.manifest.channels) for n, k in registry.connectors().items()}))
"""

NEEDS = """
import json, sys
from importlib.metadata import PackageNotFoundError, requires, version
from packaging.requirements import Requirement
needs = [(name, Requirement(text)) for name in sys.argv[1:] for text in requires(name) or ()]
needs = [(name, need) for name, need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
def met(need):
    try:
        return need.specifier.contains(version(need.name), prereleases=True)
    except PackageNotFoundError:
        return False
unmet = [f"{name} needs {need}" for name, need in needs if not met(need)]
print(json.dumps({"seen": len(needs), "unmet": unmet}))
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_wheel_has_types_and_licence_and_no_tests(wheels: Mapping[str, Path], name: str) -> None:
    """A package is typed for those who use it, says its terms, and brings one folder of code."""
    files = set(zipfile.ZipFile(wheels[name]).namelist())
    folders = {file.split("/")[0] for file in files if ".dist-info/" not in file}
    assert len(folders) == 1
    assert f"{folders.pop()}/py.typed" in files
    assert any(file.endswith(".dist-info/licenses/LICENSE") for file in files)
    code = [file for file in files if not file.startswith(TEMPLATE)]
    code = [file for file in code if not file.endswith(".tmpl")]  # what `chorally new-service` writes
    assert not [file for file in code if "/tests/" in file or "/test_" in file or file.endswith("conftest.py")]


@pytest.mark.parametrize("name", NAMES)
def test_a_source_distribution_has_what_the_wheel_is_built_from(wheels: Mapping[str, Path], name: str) -> None:
    """Every module of the wheel is in it, with the licence, the readme and the project file."""
    (path,) = wheels[name].parent.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        files = {file.partition("/")[2] for file in archive.getnames()}
    modules = {file for file in zipfile.ZipFile(wheels[name]).namelist() if ".dist-info/" not in file}
    assert {file.replace(TEMPLATE, "cookiecutter-connector/") for file in modules} <= files
    assert {"LICENSE", "pyproject.toml"} <= files
    assert any(file.endswith("README.md") for file in files)


@pytest.mark.parametrize("project", PROJECTS, ids=name_of)
def test_every_package_has_the_same_licence(project: Path) -> None:
    """The copies in the packages are copies."""
    assert (project / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_what_is_installed_does_not_come_from_the_checkout(place: Place) -> None:
    """The place is what it claims to be, so that the other tests here show something."""
    files = json.loads(run(place.bin / "python", "-c", WHERE, cwd=place.folder))
    assert len(files) == 2
    for file in files:
        assert Path(file).is_relative_to(place.folder / "venv")


def test_the_command_says_what_it_can_do(place: Place) -> None:
    """The installed command starts and names its subcommands."""
    told = place.chorally("--help")
    assert all(word in told for word in ("up", "demo", "connectors", "services"))


def test_a_connector_is_made_away_from_the_checkout(place: Place, tmp_path: Path) -> None:
    """By the template in the wheel; what is made is checked from its folder, without an installation."""
    run(place.bin / "chorally-connector", "new", "wall", "--output", tmp_path, cwd=tmp_path)
    told = run(place.bin / "chorally-connector", "check", tmp_path / "chorally-wall", cwd=tmp_path)
    assert "wall 0.1.0: tier documented" in told
    assert " 0 failed" in told


def test_connectors_are_found_by_their_entry_points(place: Place) -> None:
    """Each connector of the workspace is listed as ready, with the channels that it declares."""
    channels = json.loads(run(place.bin / "python", "-c", CHANNELS, cwd=place.folder))
    assert set(channels) == set(CONNECTORS)
    rows = place.rows()
    for platform, package in CONNECTORS.items():
        assert "ready" in rows[package]
        assert all(channel in rows[package] for channel in channels[platform])


def test_all_packages_go_together(place: Place) -> None:
    """What each asks of the others, and of the libraries, is what is installed: no two ask for different things."""
    told = json.loads(run(place.bin / "python", "-c", NEEDS, *NAMES, cwd=place.folder))
    assert told["seen"] > len(NAMES)
    assert told["unmet"] == []


@pytest.mark.slow
def test_a_removed_connector_takes_its_channels_along_and_nothing_else(
    place: Place, wheels: Mapping[str, Path], tmp_path: Path
) -> None:
    """Each in its turn; the others keep theirs, and the command goes on working."""
    before = json.loads(run(place.bin / "python", "-c", CHANNELS, cwd=place.folder))
    other = Place.made(tmp_path)
    other.install(*wheels.values())
    for platform, package in CONNECTORS.items():
        assert before[platform]
        other.uninstall(package)
        after = json.loads(run(other.bin / "python", "-c", CHANNELS, cwd=other.folder))
        assert after == {name: channels for name, channels in before.items() if name != platform}
        if platform == next(reversed(CONNECTORS)):
            assert set(other.rows()) == set(CONNECTORS.values()) - {package}
        other.install(wheels[package])
    assert json.loads(run(other.bin / "python", "-c", CHANNELS, cwd=other.folder)) == before
