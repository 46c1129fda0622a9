"""Repositories made by the template, and what they are tried with: the tools of the running interpreter."""

import itertools
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chorally_sdk.cli import making

AUTHS = making.AUTHS
READS = ("", "pull", "webhooks", "webhooks subscribe", "pull webhooks", "pull webhooks subscribe")
ANSWERS = ("", "reply", "reply find")
MORE = ("", "publish", "moderate", "publish moderate")

PAIRS = (
    ("token", "", "", "moderate"),
    ("token", "webhooks", "reply", "publish"),
    ("token", "pull webhooks subscribe", "reply find", "publish"),
    ("api_key", "", "reply", "publish"),
    ("api_key", "webhooks", "reply find", ""),
    ("api_key", "pull webhooks subscribe", "", "publish moderate"),
    ("oauth", "", "reply find", "publish moderate"),
    ("oauth", "webhooks", "", ""),
    ("oauth", "pull webhooks subscribe", "reply", "moderate"),
    ("client_credentials", "pull", "", "publish moderate"),
    ("client_credentials", "pull webhooks", "reply", "moderate"),
    ("client_credentials", "webhooks subscribe", "reply find", "publish"),
)
"""Choices in which every two of different kinds meet."""


@dataclass(frozen=True)
class Made:
    """A repository that was made."""

    folder: Path
    platform: str
    installed: Path
    """Holds what an installation would have left: its metadata."""

    def run(self, *command: str) -> str:
        """Return what a module says; a failing one fails the test with all that it said."""
        paths = os.pathsep.join([str(self.folder), str(self.installed)])
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def every_choice() -> Iterator[tuple[str, str, str, str]]:
    """Yield all choices that go together."""
    return itertools.product(AUTHS, READS, ANSWERS, MORE)


def made(choice: tuple[str, str, str, str], into: Path, platform: str = "wall") -> Made:
    """Make a repository and leave beside it what an installation would."""
    auth, *abilities = choice
    folder = making.make(making.wanted(platform, "", " ".join(abilities).split(), auth), into)
    return Made(folder, platform, installed(folder, into))


def installed(folder: Path, into: Path) -> Path:
    """Return a folder with what an installation of a repository would have left: its metadata."""
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    site = into / "site"
    metadata = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir(parents=True)
    needs = "".join(f"Requires-Dist: {need}\n" for need in project["dependencies"])
    head = f"Metadata-Version: 2.4\nName: {project['name']}\nVersion: {project['version']}\n"
    head += f"License-Expression: {project['license']}\n"
    readme = (folder / project["readme"]).read_text("utf-8")
    (metadata / "METADATA").write_text(f"{head}{needs}\n{readme}", "utf-8")
    points = [f"{name} = {value}" for name, value in project["entry-points"]["chorally.connectors"].items()]
    (metadata / "entry_points.txt").write_text("\n".join(["[chorally.connectors]", *points]), "utf-8")
    return site
