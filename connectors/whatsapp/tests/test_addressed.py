"""An address leads to the person as their own messages name them."""

import pytest
from chorally_whatsapp.sending import addressed

import chorally_sdk as sdk


@pytest.mark.parametrize(
    ("address", "person"),
    [("+39 06 1234567", "39061234567"), ("39 (06) 123-4567", "39061234567"), (" IT.abc1 ", "IT.abc1")],
)
def test_a_number_is_written_in_digits(address: str, person: str) -> None:
    """As WhatsApp tells senders; an id within the business stays."""
    assert addressed(address) == person


@pytest.mark.parametrize("address", ["ada", "+39 x", "12", ""])
def test_what_is_no_number_is_refused(address: str) -> None:
    """With how to write one."""
    with pytest.raises(sdk.Rejected, match="country"):
        addressed(address)
