"""Built packages, and a place where they are installed."""

import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.packaging.place import PROJECTS, Place, name_of, run


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The wheel of each package, built from its source distribution, which lies beside it."""
    folders = {project: tmp_path_factory.mktemp("dist") for project in PROJECTS}

    def build(project: Path) -> tuple[str, Path]:
        run(
            sys.executable, "-m", "build", "--no-isolation", "--outdir", folders[project], project, cwd=folders[project]
        )
        (wheel,) = folders[project].glob("*.whl")
        return name_of(project), wheel

    with ThreadPoolExecutor(2) as several:
        return dict(several.map(build, PROJECTS))


@pytest.fixture(scope="session")
def place(wheels: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place with every package; tests leave it as it is."""
    place = Place.made(tmp_path_factory.mktemp("place"))
    place.install(*wheels.values())
    return place
