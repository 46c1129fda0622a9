"""The package that adds an action to rules is installed, found, and does what its page says; a broken one is listed."""

import importlib.metadata as metadata
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chorally_sdk.rule_plugins import ENTRY_POINTS, discover_rule_actions
from chorally_sdk.rules import Happened
from tests.architecture.checkout import ROOT

GREETER = ROOT / "docs" / "examples" / "greeter"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder into which the greeter is installed as any package is, without its dependencies."""
    pip = (sys.executable, "-m", "uv", "--no-cache", "pip", "install", "--quiet", "--offline", "--no-deps")
    place = tmp_path / "site"
    done = subprocess.run(
        [*pip, "--no-build-isolation", "--target", place, GREETER], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    monkeypatch.syspath_prepend(str(place))
    yield place
    sys.modules.pop("chorally_greeter", None)


def a_package(folder: Path, name: str, source: str) -> None:
    """Write a package as an installation leaves it."""
    module = f"{name}_rules"
    (folder / f"{module}.py").write_text(source, "utf-8")
    about = folder / f"chorally_{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: chorally-{name}\nVersion: 1.0\n", "utf-8")
    (about / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\n{name} = {module}\n", "utf-8")


def test_the_greeter_is_found_once_it_is_installed(installed: Path) -> None:
    """By its entry point; what it asks for depends on what happened alone."""
    found = discover_rule_actions(metadata.distributions(path=[str(installed)]))

    assert found.broken == []
    (action,) = found.actions.values()
    happened = Happened(
        event="message_received", at=datetime(2026, 11, 23, tzinfo=UTC), message={}, ticket={},
        author={"name": "Ada", "language": "it"},
    )  # fmt: skip
    assert action.ask(action.parameters(), happened) == [
        {"type": "note", "text": "Greet with: Buongiorno, Ada"},
        {"type": "add_tags", "tags": ["greeted"]},
    ]


HEAD = "import chorally_sdk as sdk\nfrom pydantic import BaseModel\nfrom chorally_sdk.rules import RuleAction\n"
HOOK = HEAD + "class P(BaseModel):\n    x: int = 1\n@sdk.hookimpl\ndef chorally_rule_actions():\n    return {}\n"
ACTION = "RuleAction(type={!r}, title='t', description='d', parameters={}, ask=lambda p, h: [])"
BROKEN = {
    "raising": ("raise RuntimeError('no such device')", "RuntimeError: no such device"),
    "ending": ("import sys; sys.exit('bye')", "SystemExit: bye"),
    "rubbish": (HOOK.format("['rubbish']"), "returned 'rubbish', not a RuleAction"),
    "named": (HOOK.format("[" + ACTION.format("other.do", "P") + "]"), "must be named., and what it does"),
    "modelless": (HOOK.format("[" + ACTION.format("modelless.do", "dict") + "]"), "are no pydantic model"),
    "twice": (HOOK.format("[" + ", ".join([ACTION.format("twice.do", "P")] * 2) + "]"), "have one type"),
}


def test_broken_packages_are_listed_and_disturb_no_other(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with its reason, beside one that works."""
    folder = tmp_path / "broken"
    folder.mkdir()
    for name, (source, _) in BROKEN.items():
        a_package(folder, name, source)
    monkeypatch.syspath_prepend(str(folder))
    found = discover_rule_actions(metadata.distributions(path=[str(folder), str(installed)]))

    assert list(found.actions) == ["greeter.hint"]
    assert sorted(broken.name for broken in found.broken) == sorted(BROKEN)
    for broken in found.broken:
        assert BROKEN[broken.name][1] in broken.reason, broken
