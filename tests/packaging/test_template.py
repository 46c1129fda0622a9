"""What `chorally-connector new` makes passes its own tests, the kit, ruff and mypy, whatever is chosen.

`nox -s template` tries a set in which every two choices meet. All choices are some thousands: `nox -s template_all`
(``CHORALLY_TEMPLATE=all``) tries a sample of them, which takes an hour; ``CHORALLY_TEMPLATE_SEED`` gives another one.
"""

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.packaging.template import AUTHS, MORE, PAIRS, Choice, Made, every_choice, made, sample

SAMPLED = 288
IS_SAMPLED = os.environ.get("CHORALLY_TEMPLATE") == "all"
CHOICES = sample(SAMPLED, int(os.environ.get("CHORALLY_TEMPLATE_SEED", "1"))) if IS_SAMPLED else PAIRS


def named(choice: Choice) -> str:
    """A choice as a word."""
    return "-".join(choice).replace(" ", "+")


@pytest.fixture(scope="session")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> dict[Choice, Made]:
    """One repository for each choice, each of a platform of its own name."""
    into = tmp_path_factory.mktemp("repositories")
    return {choice: made(choice, into / f"{n}", f"wall_{n}") for n, choice in enumerate(CHOICES)}


@pytest.mark.template
@pytest.mark.parametrize("choice", CHOICES, ids=named)
def test_its_tests_and_the_kit_pass(choice: Choice, repositories: dict[Choice, Made]) -> None:
    """No check of the kit fails, and the connector is no untried one; warnings are errors."""
    told = repositories[choice].run("pytest", "-q", "-p", "no:cacheprovider")
    assert "tier documented" in told
    assert " 0 failed" in told


@pytest.mark.template
@pytest.mark.parametrize("choice", CHOICES, ids=named)
def test_it_is_clean_and_formatted(choice: Choice, repositories: dict[Choice, Made]) -> None:
    """By the settings of its own pyproject.toml."""
    repositories[choice].run("ruff", "check", "--no-cache", "-q")
    repositories[choice].run("ruff", "format", "--no-cache", "-q", "--diff")


@pytest.mark.template
def test_all_are_typed(repositories: dict[Choice, Made], tmp_path: Path) -> None:
    """Strictly, by mypy, over all of them at once: their names differ."""
    any_one = next(iter(repositories.values()))
    packages = [str(one.folder / f"chorally_{one.platform}") for one in repositories.values()]
    command = [sys.executable, "-m", "mypy", f"--config-file={any_one.folder / 'pyproject.toml'}"]
    done = subprocess.run(
        [*command, f"--cache-dir={tmp_path}", *packages], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_two_choices_meet() -> None:
    """In at most twelve repositories: of any two kinds of choice, every pair of values that go together, but one."""
    assert len(PAIRS) <= 12
    assert set(PAIRS) <= set(every_choice())
    assert _pairs(every_choice()) - _pairs(PAIRS) == {(("auth", "oauth"), ("discover", False))}


def test_a_sample_is_the_same_for_its_seed() -> None:
    """What `nox -s template_all` found can be tried again; another seed finds others."""
    assert len(set(every_choice())) > 5000
    assert sample(20, 1) == sample(20, 1) != sample(20, 2)
    assert {auth for auth, _ in sample(SAMPLED, 1)} == set(AUTHS)


def test_a_repository_is_complete(repositories: dict[Choice, Made]) -> None:
    """Package, tests, sandbox, README, CI workflow, changelog, licence; and no file of what was not chosen."""
    for choice, one in repositories.items():
        paths = [path for path in one.folder.rglob("*") if path.is_file() and "cache" not in path.as_posix()]
        files = {path.relative_to(one.folder).as_posix() for path in paths}
        package = f"chorally_{one.platform}"
        wanted = {"README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", ".gitignore", ".github/workflows/ci.yml"}
        wanted |= {f"{package}/{name}" for name in ("__init__.py", "connector.py", "sandbox.py", "py.typed")}
        wanted |= {"tests/test_contract.py", f"tests/test_{one.platform}.py"}
        assert wanted <= files
        assert (f"{package}/webhook.py" in files) == ("webhooks" in choice[1].split())
        assert (f"{package}/auth.py" in files) == (choice[0] == "api_key")
        assert not [name for name in files if "cookiecutter" in (one.folder / name).read_text("utf-8")]


def test_the_template_itself_can_be_given_to_cookiecutter(tmp_path: Path) -> None:
    """Without the command: what does not go together is refused by its hook."""
    from cookiecutter.exceptions import FailedHookException
    from cookiecutter.main import cookiecutter

    from chorally_sdk.cli.making import template

    copy = shutil.copytree(template(), tmp_path / "template")
    asked = {"platform": "wall", "webhooks": "no", "subscribe": "yes"}
    with pytest.raises(FailedHookException):
        cookiecutter(str(copy), no_input=True, extra_context=asked, output_dir=str(tmp_path))


def _pairs(choices: Iterable[Choice]) -> set[tuple[tuple[str, object], ...]]:
    return {pair for choice in choices for pair in itertools.combinations(sorted(_parts(*choice).items()), 2)}


def _parts(auth: str, abilities: str) -> dict[str, object]:
    able = set(abilities.split())
    hooks, answers = ("webhooks" in able) + ("subscribe" in able), ("reply" in able) + ("find" in able)
    return {"auth": auth, "pull": "pull" in able, "hooks": hooks, "answers": answers, **{e: e in able for e in MORE}}
