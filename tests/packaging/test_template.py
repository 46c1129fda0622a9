"""What `chorally-connector new` makes passes its own tests, the kit, ruff and mypy, whatever is chosen.

`nox -s template` tries a set in which every two choices meet, `nox -s template_all` (``CHORALLY_TEMPLATE=all``) every
choice, which takes an hour.
"""

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.template import ANSWERS, AUTHS, MORE, PAIRS, READS, Made, every_choice, made

Choice = tuple[str, str, str, str]
CHOICES = tuple(every_choice()) if os.environ.get("CHORALLY_TEMPLATE") == "all" else PAIRS


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
    """In at most twelve repositories: of any two kinds of choice, every pair of values."""
    parts = [_parts(choice) for choice in PAIRS]
    assert len(PAIRS) <= 12
    for first, second in itertools.combinations(range(6), 2):
        wanted = set(
            itertools.product(*({part[each] for part in map(_parts, every_choice())} for each in (first, second)))
        )
        assert {(part[first], part[second]) for part in parts} == wanted


def test_there_are_as_many_choices_as_there_are() -> None:
    """What `nox -s template_all` goes through."""
    assert len(set(every_choice())) == len(AUTHS) * len(READS) * len(ANSWERS) * len(MORE) == 288


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
        assert (f"{package}/webhook.py" in files) == ("webhooks" in choice[1])
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


def _parts(choice: Choice) -> tuple[object, ...]:
    auth, reads, answers, more = choice
    return auth, "pull" in reads, reads.replace("pull", "").strip(), answers, "publish" in more, "moderate" in more
