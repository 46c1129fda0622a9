"""What Google's errors cause."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from chorally_google_business import GoogleBusiness, faults
from chorally_google_business.connector import SCOPE
from chorally_google_business.sandbox import Sandbox
from chorally_google_business.sandbox.errors import ERRORS, status

import chorally_sdk as sdk


def answered(code: int, body: Any, **headers: str) -> sdk.ConnectorError | None:
    """What an answer causes."""
    return faults.fault(httpx.Response(code, json=body, headers=headers))


@pytest.mark.parametrize("name", ["not_enabled", "not_approved", "forbidden", "scope"])
def test_a_refusal_says_what_to_do(name: str) -> None:
    """An API to be enabled, a project to be approved, a role and a scope are different people's affair."""
    told = {
        "not_enabled": "enable this API",
        "not_approved": "apply for access",
        "forbidden": "manager of the location",
        "scope": "allow all that is asked",
    }
    error = answered(ERRORS[name].status, ERRORS[name].body)

    assert isinstance(error, sdk.Rejected)
    assert error.reason == sdk.Reason.PERMISSION
    assert told[name] in str(error)


def test_a_wait_in_the_details_goes_before_the_header() -> None:
    """``RetryInfo`` is the service's own word; the header may be a proxy's."""
    failure = ERRORS["rate_of_user"]
    error = answered(429, failure.body, **{"Retry-After": "99"})

    assert isinstance(error, sdk.RateLimited)
    assert (error.wait, error.scope) == (timedelta(seconds=17), "account")


@pytest.mark.parametrize("delay", ["s", "-5s", "soon", 5, None, "1e99s", "nans"])
def test_nonsense_in_a_wait_is_passed_over(delay: Any) -> None:
    """The header counts then."""
    body = status(429, "RESOURCE_EXHAUSTED", "Slow down", {"retryDelay": delay})
    error = answered(429, body, **{"Retry-After": "5"})

    assert isinstance(error, sdk.RateLimited)
    assert error.wait == timedelta(seconds=5)


def test_an_older_quota_error_under_403_is_no_missing_permission() -> None:
    """Of the days before ``google.rpc.Status``; such an answer is repeated later."""
    error = answered(403, {"error": {"code": 403, "message": "slow", "errors": [{"reason": "userRateLimitExceeded"}]}})

    assert isinstance(error, sdk.RateLimited)
    assert error.scope == "account"


@pytest.mark.parametrize("body", [[], [1], {}, {"error": "no"}, {"error": {"status": 5, "details": "x", "errors": 1}}])
def test_an_error_of_another_shape_is_judged_by_its_status(body: Any) -> None:
    """What a proxy answers, or a service of tomorrow."""
    assert isinstance(answered(401, body), sdk.Reauthorize)
    assert isinstance(answered(503, body), sdk.RetryLater)
    assert isinstance(answered(429, body), sdk.RateLimited)
    error = answered(404, body)
    assert isinstance(error, sdk.Rejected)
    assert error.reason == sdk.Reason.GONE


def test_an_aborted_call_is_made_again() -> None:
    """Two changes of one thing at a time; this one was not done."""
    assert isinstance(answered(409, ERRORS["aborted"].body), sdk.RetryLater)
    assert answered(200, {}) is None


async def test_a_missing_scope_is_named_by_check(google: Sandbox, connected: Callable[..., GoogleBusiness]) -> None:
    """Google tells of it by an error; the account keeps its id and its name."""
    checked = await connected(grant=google.withhold(SCOPE)).check()

    assert checked.missing_scopes == {SCOPE}
    assert (checked.external_id, checked.name) == ("locations/2001", "Acme")


def test_edits_have_a_quota_of_their_own() -> None:
    """Ten in a minute for a location; reading weighs nothing in it."""
    budget = GoogleBusiness.manifest.budgets[-1]
    path = "/v4/accounts/1/locations/2/reviews/3/reply"

    assert (budget.limit, budget.per) == (10, timedelta(minutes=1))
    assert [budget.cost(method, path) for method in ("PUT", "DELETE", "GET")] == [1, 1, 0]
    assert budget.cost("POST", "/v4/accounts/1/locations:batchGetReviews") == 0
    assert budget.cost("POST", "/v4/accounts/1/locations/2/localPosts") == 1


def test_each_api_has_its_own_quota() -> None:
    """Listing locations leaves the quota of reviews alone."""
    paths = ["/v4/accounts/1/locations/2/reviews", "//mybusinessaccountmanagement.googleapis.com/v1/accounts"]
    counted = [[budget.cost("GET", path) for budget in GoogleBusiness.manifest.budgets] for path in paths]

    assert counted == [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0]]
