"""What the Cloud API's errors make the host do."""

from datetime import timedelta

import httpx
import pytest
from chorally_whatsapp import faults

import chorally_sdk as sdk


def answered(code: int, status: int = 400, **more: object) -> sdk.ConnectorError | None:
    """What an error with a code causes."""
    error = {"message": f"(#{code}) Told", "type": "OAuthException", "code": code, **more}
    return faults.fault(httpx.Response(status, json={"error": error}))


REASONS = [
    (131047, sdk.Reason.WINDOW),
    *((code, sdk.Reason.BLOCKED) for code in (368, 131026, 131031, 131049, 131050, 130472, 130497, 132007, 132068)),
    *((code, sdk.Reason.PERMISSION) for code in (3, 10, 33, 200, 299, 131005, 131042, 133010)),
    *((code, sdk.Reason.INVALID) for code in (100, 131008, 131009, 131030, 131051, 131052, 131053)),
    *((code, sdk.Reason.INVALID) for code in (*range(132000, 132007), *range(132008, 132017), 139999)),
]


@pytest.mark.parametrize(("code", "reason"), REASONS)
def test_what_will_never_be_taken_is_refused_for_its_reason(code: int, reason: sdk.Reason) -> None:
    """The window offers templates, permissions name what to do, the rest is told to the agent."""
    error = answered(code)

    assert isinstance(error, sdk.Rejected)
    assert error.reason == reason


@pytest.mark.parametrize(
    ("code", "scope"), [(4, "app"), *((code, "account") for code in (80007, 80008, 130429, 131048))]
)
def test_too_many_calls_hold_a_budget(code: int, scope: str) -> None:
    """Of the app, or of the number."""
    error = answered(code)

    assert isinstance(error, sdk.RateLimited)
    assert error.scope == scope


def test_too_many_messages_to_one_person_hold_back_that_message_only() -> None:
    """Others are answered meanwhile."""
    error = answered(faults.PAIR)

    assert isinstance(error, sdk.RetryLater)
    assert not isinstance(error, sdk.RateLimited)
    assert error.wait == timedelta(seconds=6)


@pytest.mark.parametrize("code", [0, 190])
def test_a_token_that_ended_asks_a_person(code: int) -> None:
    """It cannot be renewed: it is a system user's."""
    assert isinstance(answered(code, 401), sdk.Reauthorize)


@pytest.mark.parametrize("code", [1, 2, 131000, 131016, 133004])
def test_a_weakness_of_the_moment_says_nothing_of_what_was_done(code: int) -> None:
    """In a push the outcome is unknown."""
    assert isinstance(answered(code, 500), faults.Transient)


def test_details_are_shown_to_people() -> None:
    """They say more than the message."""
    error = answered(131009, error_data={"messaging_product": "whatsapp", "details": "Language is missing"})

    assert str(error) == "WhatsApp says: (#131009) Told: Language is missing (code 131009)"
