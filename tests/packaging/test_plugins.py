"""A plugin that is broken in any way is listed with its reason and disturbs no other."""

from pathlib import Path

import pytest

from tests.packaging.place import Place, a_distribution

WORKING = """
import chorally_sdk as sdk

class Guestbook(sdk.Connector):
    manifest = sdk.Manifest(platform={platform!r}, channels=(sdk.Channel(name={channel!r}),))

    async def check(self):
        return sdk.AccountInfo(external_id="1", name="one")

@sdk.hookimpl
def chorally_connector():
    return Guestbook
"""
HOOK = """
import chorally_sdk as sdk

@sdk.hookimpl
def chorally_connector():
    {body}
"""
BROKEN = {
    "raises_at_import": ("raise RuntimeError('no such device')", "RuntimeError: no such device"),
    "misses_a_module": ("import a_library_that_is_not_here", "No module named 'a_library_that_is_not_here'"),
    "cannot_be_parsed": ("def :", "SyntaxError"),
    "ends_the_process": ("import sys; sys.exit('bye')", "SystemExit: bye"),
    "raises_in_its_hook": (HOOK.format(body="raise ValueError('not today')"), "ValueError: not today"),
    "returns_rubbish": (HOOK.format(body="return 'rubbish'"), "returned 'rubbish', not a Connector class"),
    "returns_nothing": (HOOK.format(body="return None"), "returned None, not a Connector class"),
    "has_no_hook": ("", "returned None, not a Connector class"),
    "is_called_otherwise": (WORKING.format(platform="other", channel="other_note"), "use one name"),
    "does_not_check": (WORKING.format(platform="does_not_check", channel="x").replace("check(", "look("), "check"),
}


@pytest.fixture(scope="module")
def usual(place: Place) -> dict[str, str]:
    """What is listed without any further package."""
    return place.rows()


def test_a_foreign_connector_is_found(place: Place, usual: dict[str, str], tmp_path: Path) -> None:
    """A package that we never heard of is listed as ready, by its entry point alone."""
    source = WORKING.format(platform="guestbook", channel="guestbook_note")
    a_distribution(tmp_path, "their-guestbook", source, name="guestbook")
    rows = place.rows(tmp_path)
    assert "guestbook_note" in rows["their-guestbook"]
    assert "ready" in rows.pop("their-guestbook")
    assert rows == usual


def test_broken_plugins_are_listed_with_their_reasons(place: Place, usual: dict[str, str], tmp_path: Path) -> None:
    """All at once beside the working ones, whose rows stay as they were."""
    for name, (source, _) in BROKEN.items():
        a_distribution(tmp_path, f"bad-{name.replace('_', '-')}", source, name=name)
    rows = place.rows(tmp_path)
    for name, (_, reason) in BROKEN.items():
        row = rows.pop(f"bad-{name.replace('_', '-')}")
        assert reason in row, f"{name}: {row}"
        assert "ready" not in row
    assert rows == usual


def test_a_plugin_for_another_sdk_is_not_imported(place: Place, usual: dict[str, str], tmp_path: Path) -> None:
    """What it needs is read from its metadata; its code never runs."""
    needs = {"new": "chorally-sdk>=99", "old": "chorally-sdk<0.1", "none": ""}
    for name, requires in needs.items():
        a_distribution(tmp_path, f"bad-{name}", "raise RuntimeError('imported')", name=name, requires=requires)
    rows = place.rows(tmp_path)
    assert not [row for row in rows.values() if "imported" in row]
    assert "needs chorally-sdk>=99, but chorally-sdk 0." in rows.pop("bad-new")
    assert "needs chorally-sdk<0.1, but chorally-sdk 0." in rows.pop("bad-old")
    assert "does not require chorally-sdk" in rows.pop("bad-none")
    assert rows == usual


def test_a_plugin_cannot_take_the_name_of_a_service(place: Place, usual: dict[str, str], tmp_path: Path) -> None:
    """Its route would be the service's."""
    for name in ("search", "io", "message"):
        a_distribution(tmp_path, f"bad-{name}", WORKING.format(platform=name, channel="x_note"), name=name)
    rows = place.rows(tmp_path)
    for name in ("search", "io", "message"):
        assert f"the name '{name}' is reserved for a service" in rows.pop(f"bad-{name}")
    assert rows == usual


def test_a_plugin_cannot_take_a_channel_of_another(place: Place, usual: dict[str, str], tmp_path: Path) -> None:
    """A channel belongs to the platform that it is named after, whichever name comes first."""
    for name in ("aaa", "zzz"):
        a_distribution(tmp_path, f"bad-{name}", WORKING.format(platform=name, channel="facebook_comment"), name=name)
    rows = place.rows(tmp_path)
    for name in ("aaa", "zzz"):
        reason = "its channel 'facebook_comment' belongs to another connector, 'facebook'"
        assert reason in rows.pop(f"bad-{name}")
    assert rows == usual


def test_a_plugin_cannot_take_the_name_of_another(place: Place, usual: dict[str, str], tmp_path: Path) -> None:
    """Of the packages with one name, the one that is called after it keeps it."""
    for package in ("aaa-facebook", "zzz-facebook"):
        a_distribution(tmp_path, package, WORKING.format(platform="facebook", channel="y_note"), name="facebook")
    rows = place.rows(tmp_path)
    for package in ("aaa-facebook", "zzz-facebook"):
        assert "the name is taken by another package" in rows.pop(package)
    assert rows == usual
