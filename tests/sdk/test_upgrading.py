"""What an older connector left behind is brought up to date one version at a time."""

from typing import ClassVar

import pytest

import chorally_sdk as sdk
from chorally_sdk.testing.host import connect
from tests.sdk.parrot import Parrot


class Grown(Parrot):
    """Has changed its cursors and settings twice."""

    manifest = Parrot.manifest.model_copy(update={"cursor_version": 3, "settings_version": 3})
    steps: ClassVar[dict[int, tuple[str, str]]] = {1: ("since", "from"), 2: ("from", "after")}

    def upgrade(self, cursor: sdk.Cursor, version: int) -> sdk.Cursor:
        """Rename the place."""
        old, new = self.steps[version]
        return {new: cursor[old]}

    @classmethod
    def upgrade_settings(cls, settings: sdk.Json, version: int) -> sdk.Json:
        """Note the step."""
        return {**settings, "account": (*settings.get("account", ()), version)}

    @classmethod
    def upgrade_app_settings(cls, settings: sdk.Json, version: int) -> sdk.Json:
        """Note the step."""
        return {**settings, "app": (*settings.get("app", ()), version)}


@pytest.mark.parametrize(
    ("stored", "version"), [({"since": "7"}, 1), ({"from": "7"}, 2), ({"after": "7"}, 3)], ids=["1", "2", "3"]
)
def test_a_cursor_of_any_version_becomes_one_of_today(stored: sdk.Cursor, version: int) -> None:
    """Each step is taken once, in order; one of today is left as it is."""
    assert sdk.cursor_of_today(connect(Grown), stored, version) == {"after": "7"}


def test_a_cursor_of_a_newer_connector_starts_over() -> None:
    """A newer one was installed for a while; what it left cannot be read."""
    assert sdk.cursor_of_today(connect(Grown), {"page": "7"}, 4) is None


def test_settings_are_brought_up_to_date_by_whom_they_are_of() -> None:
    """An account's by the one, an app's by the other."""
    assert sdk.settings_of_today(Grown, {"page": "1"}, 1) == {"page": "1", "account": (1, 2)}
    assert sdk.settings_of_today(Grown, {"page": "1"}, 2, of_app=True) == {"page": "1", "app": (2,)}
    assert sdk.settings_of_today(Grown, {"page": "1"}, 3) == {"page": "1"}


def test_settings_of_a_newer_connector_are_refused() -> None:
    """Guessing could lose what a person entered."""
    with pytest.raises(sdk.Unsupported, match="version 4, the connector 'parrot' knows 3; upgrade it"):
        sdk.settings_of_today(Grown, {}, 4)


def test_without_changes_nothing_is_changed() -> None:
    """A connector that never changed them says nothing of it."""
    assert sdk.cursor_of_today(connect(Parrot), {"a": 1}, 1) == {"a": 1}
    assert sdk.settings_of_today(Parrot, {"a": 1}, 1) == {"a": 1}
    assert Parrot.upgrade_app_settings({"a": 1}, 1) == {"a": 1}
    assert connect(Parrot).upgrade({"a": 1}, 1) == {"a": 1}
