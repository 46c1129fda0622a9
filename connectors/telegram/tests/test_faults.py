"""What the Bot API's errors cause."""

from typing import Any

import httpx
import pytest
from chorally_telegram import faults

import chorally_sdk as sdk


def told(code: int, description: str, *, status: int | None = None, **parameters: Any) -> sdk.ConnectorError | None:
    """What an error becomes."""
    body = {"ok": False, "error_code": code, "description": description, "parameters": parameters}
    return faults.fault(httpx.Response(status or code, json=body))


@pytest.mark.parametrize(
    ("code", "description", "reason"),
    [
        (400, "Bad Request: chat not found", "gone"),
        (400, "Bad Request: message to be replied not found", "gone"),
        (400, "Bad Request: message thread not found", "gone"),
        (400, "Bad Request: PEER_ID_INVALID", "gone"),
        (400, "Bad Request: wrong file_id or the file is temporarily unavailable", "gone"),
        (400, "Bad Request: message is too long", "invalid"),
        (400, "Bad Request: can't parse entities", "invalid"),
        (400, "Bad Request: file is too big", "invalid"),
        (400, "Bad Request: message can't be deleted", "permission"),
        (400, "Bad Request: not enough rights to send text messages to the chat", "permission"),
        (400, "Bad Request: CHAT_WRITE_FORBIDDEN", "permission"),
        (403, "Forbidden: bot was blocked by the user", "blocked"),
        (403, "Forbidden: bot was kicked from the group chat", "blocked"),
        (403, "Forbidden: bot is not a member of the channel chat", "blocked"),
        (403, "Forbidden: bot can't initiate conversation with a user", "blocked"),
        (403, "Forbidden: user is deactivated", "gone"),
        (403, "Forbidden: something new", "permission"),
        (404, "Not Found: method not found", "invalid"),
    ],
)
def test_a_refusal_says_why(code: int, description: str, reason: str) -> None:
    """A description that nobody knows is judged by its code."""
    error = told(code, description)

    assert isinstance(error, sdk.Rejected)
    assert error.reason == reason
    assert description in str(error)


@pytest.mark.parametrize(("code", "description"), [(401, "Unauthorized"), (404, "Not Found")])
def test_a_wrong_token_asks_for_another(code: int, description: str) -> None:
    """A revoked one is 401; one that never was a bot's is 404."""
    assert isinstance(told(code, description), sdk.Reauthorize)


def test_a_conflict_is_told_clearly_and_tried_again() -> None:
    """It ends when the other reader does."""
    error = told(409, "Conflict: terminated by other getUpdates request")

    assert isinstance(error, sdk.RetryLater)
    assert not isinstance(error, sdk.RateLimited)
    assert "end the other program" in str(error)


def test_flood_control_waits_as_told_whatever_the_code() -> None:
    """The wait is a parameter; nonsense in it is no wait."""
    found = [told(429, "x", retry_after=5), told(420, "x", retry_after=5), told(429, "x", retry_after=-1)]

    waits = [error.wait and error.wait.total_seconds() for error in found if isinstance(error, sdk.RateLimited)]
    assert waits == [5, 5, None]


def test_a_group_that_moved_names_its_new_number() -> None:
    """Whoever cannot follow it, is told that the chat is gone."""
    error = told(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-100)

    assert isinstance(error, faults.Moved)
    assert (error.chat, error.reason) == (-100, sdk.Reason.GONE)


def test_an_error_under_status_200_is_one() -> None:
    """What counts is the body."""
    assert isinstance(told(400, "Bad Request: chat not found", status=200), sdk.Rejected)
    assert isinstance(told(500, "Internal Server Error", status=200), sdk.RetryLater)


@pytest.mark.parametrize("parameters", [None, [], "x", {"retry_after": "5"}, {"migrate_to_chat_id": True}])
def test_odd_parameters_are_passed_over(parameters: Any) -> None:
    """The code decides then."""
    body = {"ok": False, "error_code": "x", "description": None, "parameters": parameters}
    assert isinstance(faults.fault(httpx.Response(400, json=body)), sdk.Rejected)
