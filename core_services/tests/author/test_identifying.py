"""What says that two authors may be one person is compared as people mean it."""

import pytest
from chorally_core.services.author.identifying import link_in, mail_in, phone_in, shown_by


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (" Ada@Shop.Example ", "ada@shop.example"), ("ada", None), ("@ada:matrix.example", None), ("a@b", None),
        ("ada@shop.example.", None), ("a b@shop.example", None),
    ],
)  # fmt: skip
def test_a_mail_address_is_read_whatever_its_case(text: str, read: str | None) -> None:
    """And nothing else is taken for one."""
    assert mail_in(text) == read


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("+39 333 555-0100", "+393335550100"), ("0039 (333) 5550100", "+393335550100"), ("333 5550100", None),
        ("+39", None), ("12345678901234567", None),
    ],
)  # fmt: skip
def test_a_number_is_read_with_its_country(text: str, read: str | None) -> None:
    """However people space it; a number without a country may be anybody's."""
    assert phone_in(text) == read


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("https://www.Wall.example/ada/", "wall.example/ada"), ("http://wall.example/ada", "wall.example/ada"),
        ("https://wall.example/", None), ("https://wall.example/?id=7", "wall.example?id=7"), ("ada", None),
        ("https://[", None),
    ],
)  # fmt: skip
def test_a_profile_is_read_without_what_does_not_tell_it_apart(text: str, read: str | None) -> None:
    """A platform's front page is nobody's profile."""
    assert link_in(text) == read


def test_an_id_of_digits_is_no_number() -> None:
    """Platforms number people too; only where one says that it knows them by their number it is one."""
    assert shown_by("acme", "393335550100", "", None) == {}
    assert set(shown_by("acme", "x", "+393335550100", None)) == {"phone"}


def test_the_same_value_of_two_tenants_has_two_digests() -> None:
    """So that nothing joins people of different tenants (G7)."""
    one, other = (shown_by(tenant, "ada@shop.example", "", None) for tenant in ("acme", "other"))
    assert one["mail"] != other["mail"]
