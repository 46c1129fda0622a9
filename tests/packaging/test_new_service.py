"""What `chorally new-service` makes is complete, clean, typed, passes its own tests, and is served once installed."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from chorally_core.cli import app
from chorally_core.commands.new_service import NotMade, make, package_of, planned
from typer.testing import CliRunner

LONG = "cards-of-everybody-who-comes-in"[:30]
NAMES = ("qa", LONG)
"""One of the shortest names, and one of the longest: what is made is formatted with either."""


class Installed:
    """A package that was made, and beside it what an installation would have left."""

    def __init__(self, name: str, into: Path) -> None:
        self.name = name
        self.folder = make(name, "", into)
        module = package_of(name).replace("-", "_")
        about = into / "site" / f"{module}-0.1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {package_of(name)}\nVersion: 0.1.0\n", "utf-8")
        (about / "entry_points.txt").write_text(f"[chorally.services]\n{name} = {module}.service:SERVICE\n", "utf-8")
        paths = os.pathsep.join([str(self.folder), str(into / "site"), os.environ.get("PYTHONPATH", "")])
        clean = {key: value for key, value in os.environ.items() if not key.startswith("CHORALLY_")}
        self.environment = clean | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}

    def run(self, *command: str) -> str:
        """Return what a module says; a failing one fails the test with all that it said."""
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_a_package_is_clean_and_formatted(name: str, tmp_path: Path) -> None:
    """By the settings of its own pyproject.toml."""
    made = Installed(name, tmp_path)
    made.run("ruff", "check", "--no-cache", "-q")
    made.run("ruff", "format", "--no-cache", "-q", "--diff")


@pytest.mark.template
def test_its_tests_pass_and_it_is_typed(tmp_path: Path) -> None:
    """Over both ledgers, with kills; warnings are errors."""
    made = Installed("gift-cards", tmp_path)
    made.run("mypy", f"--cache-dir={tmp_path / 'mypy'}")
    assert " passed" in made.run("pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:schemathesis")


@pytest.mark.template
def test_it_is_served_beside_the_others(tmp_path: Path) -> None:
    """`chorally up` has its routes, and a token of the installation opens them."""
    made, data = Installed("gift-cards", tmp_path), str(tmp_path / "data")
    assert "/gift-cards/v1" in made.run("chorally_core.cli", "services")
    command = [sys.executable, "-m", "chorally_core.cli", "up", "--data", data, "--port", "0"]
    served = subprocess.Popen(command, env=made.environment, stdout=subprocess.PIPE, text=True)
    try:
        assert served.stdout is not None
        url = next(line for line in served.stdout if " at http" in line).split()[-1]
        token = made.run("chorally_core.cli", "token", "--data", data, "--tenant", "acme", "--role", "agent").strip()
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}) as http:
            added = http.post("/gift-cards/v1/cards", json={"title": "Hello"})
            assert added.status_code == 201, added.text
            assert http.get(added.headers["Location"]).json()["title"] == "Hello"
            assert "gift-cards" in http.get("/docs").text
            assert "/cards/{card_id}" in http.get("/gift-cards/v1/openapi.json").json()["paths"]
    finally:
        served.terminate()
        served.communicate(timeout=60)


def test_a_package_is_complete(tmp_path: Path) -> None:
    """Declaration, model, commands, handlers, routes, erasure, tests, README, CI; nothing is left to be filled in."""
    made = make("gift-cards", "Cards for gifts", tmp_path)
    found = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    assert found == set(planned("gift-cards"))
    package = "chorally_gift_cards_service"
    parts = ("__init__", "service", "model", "commands", "handlers", "api", "views", "erasure")
    wanted = {"README.md", "CHANGELOG.md", "pyproject.toml", ".gitignore", ".github/workflows/ci.yml"}
    assert wanted | {f"{package}/{part}.py" for part in parts} | {f"{package}/py.typed"} <= found
    assert 'title="Cards for gifts"' in (made / package / "api.py").read_text("utf-8")
    for path in made.rglob("*.py"):
        text = path.read_text("utf-8")
        assert "TODO" not in text
        assert "$" not in text


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("message", "reserved"),
        ("export", "reserved"),
        ("tickets", "name of a topic"),
        ("facebook", "name of a connector"),
        ("google-business", "name of a connector"),
        ("Gift", "is no name of a service"),
        ("../x", "is no name of a service"),
        ("a" * 31, "is no name of a service"),
    ],
)
def test_a_name_that_cannot_be_is_refused(name: str, why: str, tmp_path: Path) -> None:
    """With what to do, and nothing is written."""
    done = CliRunner().invoke(app, ["new-service", name, "--output", str(tmp_path)])
    assert done.exit_code == 2
    assert why in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_title_that_would_break_the_code_is_refused() -> None:
    """It stands in texts and docstrings."""
    for title in ('say "hi"', "a\\b", "two\nlines", "{x}", " x", "x" * 61):
        with pytest.raises(NotMade, match="title"):
            planned("gift-cards", title)


def test_what_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    """Also a file in the place of the folder."""
    place = tmp_path / package_of("gift-cards")
    place.mkdir()
    (place / "mine.txt").write_text("mine", "utf-8")
    done = CliRunner().invoke(app, ["new-service", "gift-cards", "--output", str(tmp_path)])
    assert done.exit_code == 2
    assert "is there already; name another --output" in done.stderr
    assert [path.name for path in place.iterdir()] == ["mine.txt"]
    done = CliRunner().invoke(app, ["new-service", "gift-cards", "--output", str(place / "mine.txt")])
    assert done.exit_code == 2
    assert "is there already" in done.stderr


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    """It says each file."""
    done = CliRunner().invoke(app, ["new-service", "gift-cards", "--output", str(tmp_path), "--dry-run"])
    assert done.exit_code == 0
    assert str(tmp_path / "chorally-gift-cards-service" / "pyproject.toml") in done.stdout.splitlines()
    assert not list(tmp_path.iterdir())
