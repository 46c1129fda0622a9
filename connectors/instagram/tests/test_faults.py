"""What errors and quota headers cause, by Instagram's own codes."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from chorally_instagram import faults
from hypothesis import given
from hypothesis import strategies as st

import chorally_sdk as sdk


def _answer(body: Any, status: int = 400, path: str = "/v25.0/1/media_publish") -> httpx.Response:
    return httpx.Response(status, json=body, request=httpx.Request("POST", f"https://graph.instagram.com{path}"))


@pytest.mark.parametrize(
    ("code", "subcode", "kind", "detail"),
    [
        (-1, 2207001, faults.Transient, None),
        (-1, 2207032, faults.Transient, None),
        (-1, 2207053, faults.Transient, None),
        (-2, 2207003, faults.Transient, None),
        (-2, 2207020, sdk.Rejected, "invalid"),
        (1, 2207057, sdk.Rejected, "invalid"),
        (1, None, faults.Transient, None),
        (4, 2207051, sdk.RateLimited, "account"),
        (4, None, sdk.RateLimited, "app"),
        (9, 2207042, sdk.RateLimited, "endpoint"),
        (36000, 2207004, sdk.Rejected, "invalid"),
        (80002, None, sdk.RateLimited, "account"),
        (10, 2534022, sdk.Rejected, "window"),
        (100, 2534014, sdk.Rejected, "gone"),
        (100, 2534025, sdk.Rejected, "window"),
        (100, 33, sdk.Rejected, "gone"),
        (200, None, sdk.Rejected, "permission"),
        (190, 463, sdk.Reauthorize, None),
        (9007, 2207027, sdk.RetryLater, None),
        (9007, 1, sdk.Rejected, "invalid"),
    ],
)
def test_each_code_leads_to_what_the_host_does(code: int, subcode: int | None, kind: type, detail: str | None) -> None:
    """By code and subcode; the second counts first."""
    error = {"code": code, "message": "m", **({"error_subcode": subcode} if subcode else {})}
    found = faults.fault(_answer({"error": error}))
    assert type(found) is kind
    assert getattr(found, "reason", getattr(found, "scope", None)) == detail


def test_words_of_the_upload_host_and_of_the_token_endpoint_are_shown() -> None:
    """Both have error shapes of their own."""
    for body in ({"debug_info": {"retriable": False, "message": "Wrong offset"}}, {"error_message": "Wrong offset"}):
        found = faults.fault(_answer(body))
        assert isinstance(found, sdk.Rejected)
        assert "Wrong offset" in str(found)
    assert isinstance(faults.fault(_answer({"error_message": "down"}, 503)), sdk.RetryLater)


def test_minutes_of_the_business_header_are_waited() -> None:
    """The longest that is told."""
    row = {"type": "instagram", "call_count": 100, "total_time": 2, "estimated_time_to_regain_access": 7}
    answer = _answer({"error": {"code": 80002, "message": "m"}})
    answer.headers["X-Business-Use-Case-Usage"] = f'{{"1": [{row!r}]}}'.replace("'", '"')
    found = faults.fault(answer)
    assert isinstance(found, sdk.RateLimited)
    assert found.wait == timedelta(minutes=7)
    assert [usage.used for usage in faults.usage(answer)] == [1.0]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: (
    st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["data", "quota_usage", "config", "quota_total",
    "error", "code", "debug_info", "message", "error_message"]), inner, max_size=4)), max_leaves=12))  # fmt: skip
def test_whatever_answers_is_classified_and_its_quota_read(body: Any) -> None:
    """Nothing that comes ends in an exception."""
    for status in (200, 400, 500):
        answer = httpx.Response(status, json=None, request=httpx.Request("GET", "https://x/content_publishing_limit"))
        answer._content = repr(body).replace("'", '"').replace("None", "null").encode("utf-8", "replace")
        faults.fault(answer)
        assert all(usage.used >= 0 for usage in faults.usage(answer))


@pytest.mark.parametrize("used", [10**400, -1, True, "99", None, [1]])
def test_a_publishing_limit_that_is_no_number_says_nothing(used: object) -> None:
    """A post is not held back, and does not fail, for what cannot be read."""
    told = {"data": [{"quota_usage": used, "config": {"quota_total": 100}}]}
    assert faults.published(httpx.Response(200, json=told)) is None
