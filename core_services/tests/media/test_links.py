"""Links say whose file they lead to, and nobody can make or change one."""

from datetime import UTC, datetime, timedelta

import pytest
from chorally_core.adapters.local import FernetVault
from chorally_core.ports.links import Links
from cryptography.fernet import Fernet

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
VAULT = FernetVault([Fernet.generate_key().decode()])


def test_a_link_leads_to_its_file_until_its_time() -> None:
    """And nowhere from then on."""
    links = Links(VAULT)
    made = links.made("acme", "f1", NOW + timedelta(minutes=1))
    assert links.read(made, NOW) == ("acme", "f1")
    assert links.read(made, NOW + timedelta(minutes=1)) is None


def test_a_link_tells_nothing_and_cannot_be_changed() -> None:
    """Not one of its characters, nor under another key."""
    links = Links(VAULT)
    made = links.made("acme-of-canaries", "f1", NOW + timedelta(minutes=1))
    assert "canaries" not in made
    for place in range(len(made.rstrip("="))):
        other = "A" if made[place] != "A" else "B"
        changed = f"{made[:place]}{other}{made[place + 1 :]}"
        if place < len(made) - 4:  # the last bits of base64 say nothing
            assert links.read(changed, NOW) is None, place
    assert Links(FernetVault([Fernet.generate_key().decode()])).read(made, NOW) is None


@pytest.mark.parametrize(
    "said",
    ["", "a", "f1", "é", "gAAAAA==", VAULT.seal({"token": "x"}), VAULT.seal(["acme", "f1", 9e9]), VAULT.seal("acme"),
     VAULT.seal({"media-link": ["acme", 1, 9]}), VAULT.seal({"media-link": ["acme", "f1", 9_999_999_999], "more": 1})],
    ids=range(10),  # what is sealed is different each time
)  # fmt: skip
def test_what_is_sealed_for_something_else_is_no_link(said: str) -> None:
    """And what is nothing at all."""
    assert Links(VAULT).read(said, NOW) is None
