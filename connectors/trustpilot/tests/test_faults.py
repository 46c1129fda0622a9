"""What errors of Trustpilot cause."""

from typing import Any

import httpx
import pytest
from chorally_trustpilot import Trustpilot

import chorally_sdk as sdk
from chorally_sdk.testing import connect


def _fault(status: int, body: Any = None, **headers: str) -> sdk.ConnectorError | None:
    request = httpx.Request("GET", "https://api.trustpilot.com/v1/x")
    return connect(Trustpilot).fault(httpx.Response(status, json=body, headers=headers, request=request))


def test_a_malformed_request_says_why() -> None:
    """The agent reads Trustpilot's own words."""
    error = _fault(400, {"message": "The request was malformed", "errorCode": 1001, "details": ""})

    assert isinstance(error, sdk.Rejected)
    assert error.reason is sdk.Reason.INVALID


@pytest.mark.parametrize("code", ["policies.ratelimit.QuotaViolation", "policies.ratelimit.SpikeArrestViolation"])
def test_a_quota_that_is_told_as_a_server_error_holds_the_app(code: str) -> None:
    """The gateway may answer 500 for a burst; the quota is of the key, so of all accounts."""
    error = _fault(500, {"fault": {"faultstring": "Slow down", "detail": {"errorcode": code}}})

    assert isinstance(error, sdk.RateLimited)
    assert error.scope == "app"


def test_a_throttled_call_waits_as_long_as_it_is_told() -> None:
    """Where the header is there; it is not documented."""
    told, untold = _fault(429, {}, **{"Retry-After": "30"}), _fault(429, {})

    assert isinstance(told, sdk.RateLimited)
    assert told.wait is not None
    assert told.wait.total_seconds() == 30
    assert isinstance(untold, sdk.RateLimited)
    assert untold.wait is None


def test_a_missing_right_names_what_to_look_at() -> None:
    """Access of the person, or the plan."""
    error = _fault(403, {"Error": "Forbidden", "ErrorCode": 3})

    assert isinstance(error, sdk.Rejected)
    assert error.reason is sdk.Reason.PERMISSION
    assert "access to this business unit" in str(error)
    assert "Forbidden" in str(error)


@pytest.mark.parametrize("body", [{"fault": "x"}, {"fault": {"detail": []}}, {"message": {"a": 1}}, [], None, "x"])
def test_errors_of_any_form_are_classified_by_their_status(body: object) -> None:
    """A gateway's page is no exception of ours."""
    assert isinstance(_fault(401, body), sdk.Reauthorize)
    assert isinstance(_fault(404, body), sdk.Rejected)
    assert isinstance(_fault(503, body), sdk.RetryLater)


@pytest.mark.parametrize("status", [400, 404, 422, 500])
def test_no_error_quotes_more_than_trustpilots_words(status: int) -> None:
    """What else is in an answer, as a token or what a person wrote, is not for errors."""
    error = _fault(status, {"message": "Sorry", "refresh_token": "CANARY"})

    assert "Sorry" in str(error)
    assert "CANARY" not in str(error)
    assert "CANARY" not in str(_fault(status, ["CANARY"]))
