"""What errors cause, as a real server answers them, and what the headers say of the quota."""

from datetime import timedelta

import httpx
import pytest
from chorally_bluesky import Bluesky, faults

import chorally_sdk as sdk
from chorally_sdk.testing import connect


def answer(status: int, error: str, **headers: str) -> httpx.Response:
    """An error as the protocol shapes it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={"error": error, "message": "why"}, headers=named)


@pytest.mark.parametrize(
    ("status", "error", "kind", "reason"),
    [
        (400, "ExpiredToken", sdk.Reauthorize, None),
        (400, "InvalidToken", sdk.Reauthorize, None),
        (401, "AuthMissing", sdk.Reauthorize, None),
        (401, "AuthenticationRequired", sdk.Reauthorize, None),
        (401, "AccountTakedown", sdk.Reauthorize, None),
        (401, "invalid_token", sdk.Reauthorize, None),
        (401, "SomethingNew", sdk.Reauthorize, None),
        (403, "SomethingNew", sdk.Rejected, sdk.Reason.PERMISSION),
        (403, "ScopeMissingError", sdk.Rejected, sdk.Reason.PERMISSION),
        (400, "RecordNotFound", faults.NoRecord, sdk.Reason.GONE),
        (400, "NotFound", sdk.Rejected, sdk.Reason.GONE),
        (400, "RepoTakendown", sdk.Rejected, sdk.Reason.GONE),
        (404, "XRPCNotSupported", sdk.Rejected, sdk.Reason.GONE),
        (400, "BlockedByActor", sdk.Rejected, sdk.Reason.BLOCKED),
        (400, "InvalidSwap", faults.InvalidSwap, sdk.Reason.INVALID),
        (400, "InvalidRequest", sdk.Rejected, sdk.Reason.INVALID),
        (400, "SomethingNew", sdk.Rejected, sdk.Reason.INVALID),
        (413, "PayloadTooLarge", sdk.Rejected, sdk.Reason.INVALID),
        (429, "RateLimitExceeded", sdk.RateLimited, None),
        (429, "SomethingNew", sdk.RateLimited, None),
        (500, "InternalServerError", sdk.RetryLater, None),
        (502, "ExpiredToken", sdk.RetryLater, None),
    ],
)
def test_each_error_says_what_happens_next(
    status: int, error: str, kind: type[sdk.ConnectorError], reason: sdk.Reason | None
) -> None:
    """By its name, else by its status; a server that is down refuses nobody."""
    found = faults.fault(answer(status, error))
    assert type(found) is kind
    assert getattr(found, "reason", None) == reason
    assert status >= 500 or error in str(found) or status in (401, 403, 404)


@pytest.mark.parametrize("body", [b"", b"[1]", b"<html>", b'{"error": 3}', b'{"error": {"code": 1}}'])
def test_an_answer_of_another_shape_is_judged_by_its_status(body: bytes) -> None:
    """A proxy's page, or nothing at all."""
    assert isinstance(faults.fault(httpx.Response(400, content=body)), sdk.Rejected)
    assert isinstance(faults.fault(httpx.Response(401, content=body)), sdk.Reauthorize)
    assert faults.fault(httpx.Response(200, content=body)) is None


def test_the_wait_is_until_the_quota_is_full_again() -> None:
    """As the headers have it, beside the server's own clock or ours."""
    spent = answer(429, "RateLimitExceeded", RateLimit_Limit="30", RateLimit_Remaining="0", RateLimit_Reset="300")
    found = faults.fault(spent)
    assert isinstance(found, sdk.RateLimited)
    assert found.wait == timedelta(seconds=300)


def test_the_quota_is_read_from_good_answers_too() -> None:
    """Three quarters of it are used."""
    headers = {"RateLimit-Limit": "3000", "RateLimit-Remaining": "750", "RateLimit-Reset": "60"}
    [usage] = connect(Bluesky).usage(httpx.Response(200, headers=headers))
    assert (usage.used, usage.wait) == (0.75, timedelta(seconds=60))
