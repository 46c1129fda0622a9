"""The reference says what the code does, all of it."""

from pathlib import Path

import pytest
from chorally_core.events.catalogue import DECLARED
from chorally_core.ports.permissions import Permission
from chorally_core.settings import Settings

import chorally_sdk as sdk
from tests.docs.pages import headings
from tools import reference
from tools.pages import commands, connectors, contract, errors, events, settings


@pytest.fixture(scope="module")
def written() -> dict[str, str]:
    """The pages as the code would write them now."""
    return reference.written()


def test_no_page_is_out_of_date(written: dict[str, str]) -> None:
    """What is committed is what would be written; the remedy is ``python -m tools.reference``."""
    kept = {path.name: path.read_text("utf-8") for path in reference.FOLDER.glob("*.md")}
    stale = sorted(name for name in {*kept, *written} if kept.get(name) != written.get(name))
    assert not stale, f"out of date: {', '.join(stale)}; run: python -m tools.reference"


def test_a_changed_page_is_out_of_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was edited by hand, one that is missing, and one that nothing makes are named."""
    monkeypatch.setattr(reference, "PAGES", {name: lambda: "text" for name in ("good.md", "edited.md", "missing.md")})
    for name in ("good.md", "edited.md", "foreign.md"):
        (tmp_path / name).write_text(f"{reference.MARK}text\n")
    (tmp_path / "edited.md").write_text("other")
    assert reference.stale(tmp_path) == ["edited.md", "missing.md", "foreign.md"]


def test_every_setting_has_a_heading() -> None:
    """Named as its environment variable."""
    assert {settings.variable(name) for name in Settings.model_fields} <= set(headings(_page("settings.md")))


def test_every_event_has_a_heading_and_every_reader_is_known() -> None:
    """And none is read that nobody may say."""
    declared = {(event.topic, event.name) for event in DECLARED}
    assert {events.title(event) for event in DECLARED} <= set(headings(_page("events.md")))
    assert set(events.consumers()) <= declared


def test_every_error_has_a_row() -> None:
    """Whatever a connector may raise is told with what it causes."""
    assert set(errors.HOST_DOES) == set(errors.connector_errors())
    text = _page("errors.md").read_text("utf-8")
    assert all(f"| `{kind.__name__}` |" in text for kind in errors.connector_errors())
    assert all(f"| `{reason}` |" in text for reason in sdk.Reason)


def test_every_command_has_a_heading() -> None:
    """Those that ``chorally --help`` lists, and ``chorally-connector --help``."""
    assert {f"chorally {name}" for name in commands.commands()} <= set(headings(_page("cli.md")))
    told = set(headings(_page("connector-cli.md")))
    assert {f"chorally-connector {name}" for name in commands.connector_commands()} <= told


def test_every_hook_has_a_heading_with_its_arguments() -> None:
    """Those that plugins may implement."""
    assert set(contract.hook_functions()) == set(headings(_page("hooks.md"))) - {"Hooks"}


def test_everything_that_the_sdk_exports_is_told() -> None:
    """An ability, type, error or helper is on one of the pages of the SDK."""
    told = "".join(_page(name).read_text("utf-8") for name in ("contract.md", "errors.md", "hooks.md"))
    assert [name for name in sdk.__all__ if name not in told and name != "ABILITIES"] == []


def test_every_connector_of_the_checkout_is_in_the_matrix() -> None:
    """With a row for each action of each channel."""
    text = _page("connectors.md").read_text("utf-8")
    for platform, connector in connectors.manifests().items():
        assert f"[{platform}](#{platform})" in text
        assert all(f"| `{channel.name}` |" in text for channel in connector.manifest.channels)


def test_every_permission_has_a_row() -> None:
    """With the roles that have it."""
    text = _page("permissions.md").read_text("utf-8")
    assert all(f"| `{permission}` |" in text for permission in Permission)


def _page(name: str) -> Path:
    return reference.FOLDER / name
