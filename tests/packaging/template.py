"""Repositories made by the template, and what they are tried with: the tools of the running interpreter."""

import itertools
import os
import random
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chorally_sdk.cli import making

Choice = tuple[str, str]
"""A style of auth, and the abilities with spaces between."""

AUTHS = making.AUTHS
READS = ("", "pull", "webhooks", "webhooks subscribe", "pull webhooks", "pull webhooks subscribe")
ANSWERS = ("", "reply", "reply find")
MORE = ("publish", "moderate", "handshake", "fetch", "download", "prepare", "templates", "discover")

PAIRS: tuple[Choice, ...] = (
    ("token", "moderate"),
    ("token", "pull webhooks reply publish moderate fetch"),
    ("token", "pull webhooks subscribe reply find publish handshake download prepare templates"),
    ("api_key", "reply publish templates"),
    ("api_key", "webhooks reply find handshake fetch"),
    ("api_key", "pull webhooks subscribe publish moderate handshake download prepare"),
    ("oauth", "reply find publish moderate prepare templates discover"),
    ("oauth", "webhooks handshake fetch discover"),
    ("oauth", "pull webhooks subscribe reply moderate fetch download prepare discover"),
    ("client_credentials", "pull publish moderate fetch download"),
    ("client_credentials", "pull webhooks reply moderate handshake download prepare templates"),
    ("client_credentials", "webhooks subscribe reply find publish handshake fetch templates"),
)
"""Choices in which every two of different kinds meet that go together.

But one: a consent that opens several accounts is tried in all three, and one that opens a single account in none;
with the latter the kinds of hooks would make a thirteenth. ``sample`` finds it.
"""


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


def every_choice() -> Iterator[Choice]:
    """Yield all choices that go together."""
    for auth, reads, answers in itertools.product(AUTHS, READS, ANSWERS):
        for count in range(len(MORE) + 1):
            for more in itertools.combinations(MORE, count):
                abilities = " ".join(filter(None, (reads, answers, *more)))
                if _goes_together(auth, set(abilities.split())):
                    yield auth, abilities


def sample(count: int, seed: int) -> list[Choice]:
    """Return so many of all choices; the same for the same seed."""
    return random.Random(seed).sample(list(every_choice()), count)  # noqa: S311 - no secret


def _goes_together(auth: str, abilities: set[str]) -> bool:
    needs = (set(needs) for ability, needs in making.NEEDS.items() if ability in abilities)
    return all(abilities & each for each in needs) and ("discover" not in abilities or auth == "oauth")


def made(choice: Choice, into: Path, platform: str = "wall") -> Made:
    """Make a repository and leave beside it what an installation would."""
    auth, abilities = choice
    folder = making.make(making.wanted(platform, "", abilities.split(), auth), into)
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
