"""`new`, and what the command costs where nothing is done."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from chorally_sdk.cli import making
from chorally_sdk.cli.telling import Told, progress
from tests.sdk.cli.conftest import run

HELP = """
import json, sys
from chorally_sdk.cli import main
sys.argv = ["chorally-connector", "--help"]
try:
    main()
except SystemExit:
    print(json.dumps(sorted(sys.modules)))
"""
BARE = """
import sys
sys.modules["typer"] = None
from chorally_sdk.cli import main
main()
"""


def test_a_repository_is_made_with_what_comes_next(tmp_path: Path) -> None:
    """The next commands are told; a second time nothing is overwritten."""
    done = run("new", "wall", "--ability", "reply", "--auth", "api_key", "--output", tmp_path)
    assert done.status == 0, done.err
    assert "pip install -e '.[dev]'" in done.out
    assert (tmp_path / "chorally-wall" / "chorally_wall" / "auth.py").exists()
    again = run("new", "wall", "--output", tmp_path)
    assert again.status == 2
    assert "is there already; name another --output, or remove it" in again.err


@pytest.mark.parametrize(
    ("platform", "abilities", "auth", "said"),
    [
        ("Wall", (), "token", "use lower case letters"),
        ("wall", ("dance",), "token", "there is no ability 'dance'; choose of pull"),
        ("wall", ("subscribe",), "token", "subscribe is of no use without webhooks; add --ability webhooks"),
        ("wall", ("find",), "token", "find is of no use without reply; add --ability reply"),
        ("wall", ("handshake",), "token", "handshake is of no use without webhooks; add --ability webhooks"),
        ("wall", ("prepare",), "token", "prepare is of no use without reply or publish; add --ability reply"),
        ("wall", ("reply", "fetch"), "token", "fetch is of no use without pull or webhooks; add --ability pull"),
        ("wall", ("discover",), "token", "discover is of no use without a consent; add --auth oauth"),
        ("wall", (), "magic", "there is no auth style 'magic'; choose of token"),
    ],
)
def test_what_does_not_go_together_is_refused(platform: str, abilities: tuple[str, ...], auth: str, said: str) -> None:
    """Before anything is written."""
    with pytest.raises(Told, match=said):
        making.wanted(platform, "", abilities, auth)


def test_help_imports_nothing_that_only_commands_need() -> None:
    """Neither models, nor the HTTP client, nor what draws on terminals; they are most of the time it would take."""
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True)
    packages = {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}
    assert "typer" in packages
    assert not packages & {"pydantic", "httpx", "rich", "pluggy", "asyncio", "cookiecutter", "pytest", "starlette"}


def test_without_its_extra_the_command_says_what_to_install() -> None:
    """The SDK alone has no terminal."""
    done = subprocess.run([sys.executable, "-c", BARE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (
        1,
        "chorally-connector needs more than the SDK alone: pip install 'chorally-sdk[dev]'",
    )


def test_progress_is_silent_away_from_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Logs of CI would fill with it."""
    with progress("working", 2) as step:
        step("one")
    assert capsys.readouterr() == ("", "")
