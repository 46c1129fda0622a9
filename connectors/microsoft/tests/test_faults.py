"""The error table, as far as the sandbox does not show it."""

from datetime import timedelta

import httpx
import pytest
from chorally_microsoft import Microsoft
from chorally_microsoft.faults import Resync
from chorally_microsoft.login import SCOPES, missing

import chorally_sdk as sdk
from chorally_sdk.testing import connect


def fault(status: int, code: str = "", **headers: str) -> sdk.ConnectorError:
    """What an answer causes."""
    body = {"error": {"code": code, "message": "words"}} if code else {}
    found = connect(Microsoft).fault(httpx.Response(status, json=body, headers=headers))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (404, "ErrorItemNotFound", "gone"),
        (404, "SomethingNew", "gone"),
        (404, "MailboxNotEnabledForRESTAPI", "permission"),
        (404, "MailboxNotSupportedForRESTAPI", "permission"),
        (403, "SomethingNew", "permission"),
        (403, "ConversationBlockedByUser", "blocked"),
        (403, "BotNotInConversationRoster", "permission"),
        (400, "BadArgument", "invalid"),
        (413, "MessageSizeTooBig", "invalid"),
    ],
)
def test_a_refusal_has_its_reason(status: int, code: str, reason: str) -> None:
    """By its code, else by its status."""
    found = fault(status, code)

    assert isinstance(found, sdk.Rejected)
    assert found.reason == reason
    assert code in str(found)


@pytest.mark.parametrize("code", ["InvalidAuthenticationToken", "TokenNotFound", "SomethingNew", ""])
def test_a_401_is_a_token_that_is_not_accepted(code: str) -> None:
    """Whatever its code."""
    assert isinstance(fault(401, code), sdk.Reauthorize)


def test_a_claims_challenge_says_that_the_sign_in_must_be_repeated() -> None:
    """And shows nothing of the challenge."""
    found = fault(
        401, "InvalidAuthenticationToken", **{"WWW-Authenticate": 'Bearer error="insufficient_claims", claims="eyJ"'}
    )

    assert isinstance(found, sdk.Reauthorize)
    assert "repeated" in str(found)
    assert "eyJ" not in str(found)


@pytest.mark.parametrize("code", ["TooManyRequests", "ApplicationThrottled", "activityLimitReached"])
def test_throttling_says_how_long(code: str) -> None:
    """By the header that Graph and the Bot Framework send."""
    found = fault(429, code, **{"Retry-After": "17"})

    assert isinstance(found, sdk.RateLimited)
    assert found.wait == timedelta(seconds=17)


def test_a_lost_place_is_no_deleted_mail() -> None:
    """By the status, or by the code alone."""
    assert isinstance(fault(410), Resync)
    assert isinstance(fault(400, "ErrorInvalidSyncStateData"), Resync)


@pytest.mark.parametrize("status", [412, 500, 502, 503, 504])
def test_what_passes_is_tried_again(status: int) -> None:
    """A known code of a refusal makes no difference to a server that fails."""
    found = fault(status, "ErrorItemNotFound" if status >= 500 else "PreconditionFailed")

    assert type(found) is sdk.RetryLater


def test_scopes_are_compared_as_microsoft_writes_them() -> None:
    """With or without Graph's address, in any case; ``offline_access`` shows in the refresh token only."""
    told = frozenset({"https://graph.microsoft.com/mail.readwrite", "Mail.Send", "User.Read"})

    assert missing(told, None, has_refresh=True) == frozenset()
    assert missing(told, None, has_refresh=False) == {"offline_access"}
    assert missing(frozenset({"User.Read"}), None, has_refresh=True) == {"Mail.ReadWrite", "Mail.Send"}
    assert missing(frozenset(), None, has_refresh=False) == frozenset()
    assert set(SCOPES) == {"offline_access", "User.Read", "Mail.ReadWrite", "Mail.Send"}
