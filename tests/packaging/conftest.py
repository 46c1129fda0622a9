"""Built packages, and a place where they are installed."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.packaging.place import PROJECTS, Place, name_of, run


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The wheel of each package, built from its source distribution, which lies beside it."""
    built = {}
    for project in PROJECTS:
        folder = tmp_path_factory.mktemp("dist")
        run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, project, cwd=folder)
        (built[name_of(project)],) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def place(wheels: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place with every package; tests leave it as it is."""
    place = Place.made(tmp_path_factory.mktemp("place"))
    place.install(*wheels.values())
    return place
