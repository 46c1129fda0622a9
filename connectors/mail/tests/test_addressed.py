"""An address leads to the person as their own mails name them."""

import pytest
from chorally_mail.compose import addressed

import chorally_sdk as sdk


def test_an_address_has_one_form() -> None:
    """Lower case, without white space."""
    assert addressed(" Ada@Example.ORG ") == "ada@example.org"


@pytest.mark.parametrize("address", ["ada", "ada@", "a b@example.org", "ada@example.org, bob@example.org"])
def test_what_is_no_address_is_refused(address: str) -> None:
    """Also more than one."""
    with pytest.raises(sdk.Rejected, match="address"):
        addressed(address)
