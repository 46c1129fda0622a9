"""What errors cause, and what the usage headers say."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from chorally_meta import errors, quota
from hypothesis import given
from hypothesis import strategies as st

import chorally_sdk as sdk

MINUTES = timedelta(minutes=1)
R = sdk.Reason


def an_error(status: int = 400, headers: dict[str, str] | None = None, **error: Any) -> httpx.Response:
    """An answer with an error as Graph shapes it."""
    return httpx.Response(
        status, json={"error": {"message": "told", "type": "OAuthException", **error}}, headers=headers
    )


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (an_error(401, code=190, error_subcode=463), sdk.Reauthorize, None),
        (an_error(400, code=102), sdk.Reauthorize, None),
        (an_error(400), sdk.Reauthorize, None),
        (an_error(400, code=190, error_subcode=2069032), sdk.Rejected, R.PERMISSION),
        (an_error(code=100), sdk.Rejected, R.INVALID),
        (an_error(code=100, error_subcode=33), sdk.Rejected, R.GONE),
        (an_error(code=803), sdk.Rejected, R.GONE),
        (an_error(code=10), sdk.Rejected, R.PERMISSION),
        (an_error(code=3), sdk.Rejected, R.PERMISSION),
        (an_error(403, code=200), sdk.Rejected, R.PERMISSION),
        (an_error(403, code=299), sdk.Rejected, R.PERMISSION),
        (an_error(code=368), sdk.Rejected, R.BLOCKED),
        (an_error(code=506), sdk.Rejected, R.INVALID),
        (an_error(code=1), sdk.RetryLater, None),
        (an_error(500, code=2), sdk.RetryLater, None),
        (an_error(400, code=9999, is_transient=True), sdk.RetryLater, None),
        (an_error(503, code=9999), sdk.RetryLater, None),
        (an_error(200, code=190), sdk.Reauthorize, None),
        (httpx.Response(502, text="<html>Bad gateway"), sdk.RetryLater, None),
        (httpx.Response(401, text="no"), sdk.Reauthorize, None),
        (httpx.Response(404, json=["no", "object"]), sdk.Rejected, R.GONE),
        (httpx.Response(400, content=b"\xff\xfe{"), sdk.Rejected, R.INVALID),
        (httpx.Response(429, text="slow down"), sdk.RateLimited, None),
    ],
)
def test_an_error_causes(answer: httpx.Response, kind: type[sdk.ConnectorError], reason: sdk.Reason | None) -> None:
    """Each of Graph's codes, and what has none, leads to what the host does next."""
    error = errors.fault(answer)

    assert isinstance(error, kind)
    assert getattr(error, "reason", None) == reason


@pytest.mark.parametrize(
    ("code", "scope"),
    [(4, "app"), (341, "app"), *((code, "account") for code in (17, 32, 613, 80000, 80001, 80014))],
)
def test_a_throttle_holds_its_scope_for_as_long_as_told(code: int, scope: str) -> None:
    """Minutes until access is regained come from the business header, the longest of them."""
    rows = [{"type": "pages", "estimated_time_to_regain_access": wait} for wait in (3, 7, 0)]
    error = errors.fault(an_error(code=code, headers={"X-Business-Use-Case-Usage": json.dumps({"1": rows})}))

    assert isinstance(error, sdk.RateLimited)
    assert (error.scope, error.wait) == (scope, 7 * MINUTES)


def test_a_throttle_without_headers_leaves_the_wait_to_the_host() -> None:
    """No header, no wait."""
    error = errors.fault(an_error(code=80001))

    assert isinstance(error, sdk.RateLimited)
    assert error.wait is None


@pytest.mark.parametrize("body", [{"data": []}, {"id": "1"}, [], {"message": "an error"}])
def test_a_good_answer_is_no_fault(body: Any) -> None:
    """What Graph lists and makes goes through."""
    assert errors.fault(httpx.Response(200, json=body)) is None


def test_usage_is_read_from_the_three_headers() -> None:
    """Percent become shares, minutes become waits; the largest of the three counts."""
    headers = {
        "X-App-Usage": '{"call_count": 28, "total_time": 25, "total_cputime": 25}',
        "X-Page-Usage": '{"call_count": 5, "total_time": 6, "total_cputime": 7}',
        "X-Business-Use-Case-Usage": '{"1": [{"type": "pages", "call_count": 97, "total_cputime": 23, '
        '"total_time": 23, "estimated_time_to_regain_access": 4}]}',
    }

    assert list(quota.usage(httpx.Response(200, headers=headers))) == [
        sdk.Usage(used=0.28, scope="app"),
        sdk.Usage(used=0.07, scope="account"),
        sdk.Usage(used=0.97, scope="account", wait=4 * MINUTES),
    ]


TEXT = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=40)
AMOUNT = st.sampled_from(["1", "-1", "1e999", "NaN", '"9"', "null", "true", "1" * 5000, "[]"])
ROW = AMOUNT.map(lambda a: f'{{"call_count": {a}, "estimated_time_to_regain_access": {a}}}')
VALUE = (
    TEXT | ROW | ROW.map(lambda row: f'{{"1": [{row}]}}') | ROW.map(lambda row: f'{{"1": {row}}}') | st.just("[" * 9000)
)


@given(VALUE, VALUE, st.sampled_from([200, 400, 403, 429, 500]), st.binary(max_size=60))
def test_no_header_and_no_body_raises(app: str, business: str, status: int, body: bytes) -> None:
    """Whatever the headers and the body hold, an answer is classified and its usage is read."""
    headers = {b"X-App-Usage": app.encode("latin-1"), b"X-Business-Use-Case-Usage": business.encode("latin-1")}
    answer = httpx.Response(status, headers=headers, content=body)

    error = errors.fault(answer)
    assert error is not None or status < 400
    assert error is None or status >= 400 or b'"error"' in body  # Graph answers 200 with an error, too
    assert all(0 <= usage.used < 1e6 for usage in quota.usage(answer))
    throttled = httpx.Response(400, headers=headers, content=b'{"error": {"code": 4}}')
    assert isinstance(errors.fault(throttled), sdk.RateLimited)


def test_a_platform_adds_codes_of_its_own() -> None:
    """A subcode counts before its code, and the platform's table before Meta's."""
    more: dict[errors.Code, errors.Means] = {
        131047: errors.refused(R.WINDOW, "send a template"),
        (9, 2207042): errors.throttled("app"),
        1: errors.ended(),
    }
    window = errors.fault(an_error(code=131047, error_data={"details": "24 hours"}), name="WhatsApp", more=more)
    assert isinstance(window, sdk.Rejected)
    assert (window.reason, str(window)) == (
        R.WINDOW,
        "WhatsApp says: told: 24 hours (code 131047); send a template",
    )
    throttle = errors.fault(an_error(code=9, error_subcode=2207042), more=more)
    assert isinstance(throttle, sdk.RateLimited)
    assert throttle.scope == "app"
    assert isinstance(errors.fault(an_error(code=9, error_subcode=1), more=more), sdk.Rejected)
    assert isinstance(errors.fault(an_error(code=1), more=more), sdk.Reauthorize)


def test_a_moment_of_weakness_is_no_refusal() -> None:
    """It can be told from a wait that says that nothing was done."""
    assert isinstance(errors.fault(an_error(code=2)), errors.Transient)
    assert not isinstance(errors.fault(an_error(code=4)), errors.Transient)


def test_headers_about_advertisements_are_read() -> None:
    """They count in percent under other names, and one in seconds."""
    headers = {
        "X-Ad-Account-Usage": '{"acc_id_util_pct": 9.5, "reset_time_duration": 100}',
        "X-FB-Ads-Insights-Throttle": '{"app_id_util_pct": 100, "acc_id_util_pct": 10}',
    }
    assert list(quota.usage(httpx.Response(200, headers=headers))) == [
        sdk.Usage(used=0.095, scope="account", wait=timedelta(seconds=100)),
        sdk.Usage(used=1.0, scope="app"),
        sdk.Usage(used=0.1, scope="account"),
    ]


@pytest.mark.parametrize(
    ("message", "reason"),
    [("(#10) This message is sent outside of allowed window.", R.WINDOW), ("(#10) No permission", R.PERMISSION)],
)
def test_code_10_means_a_window_only_where_it_says_so(message: str, reason: sdk.Reason) -> None:
    """Its subcodes differ by platform; what it says does not."""
    error = errors.fault(an_error(code=10, error_subcode=7, message=message))
    assert isinstance(error, sdk.Rejected)
    assert error.reason is reason


@pytest.mark.parametrize(
    ("status", "body"),
    [(400, '{"error": {"message": "Bad call: %s", "code": 100}}'), (400, '{"error": {"message": "%s", "code": 190}}'),
     (502, "GET /v25.0/me?appsecret_proof=%s"), (404, "%s")],
)  # fmt: skip
def test_an_error_never_repeats_the_proof(status: int, body: str) -> None:
    """Whoever has token and proof can call in the app's name; gateways like to repeat the URL."""
    proof = "5ecf" * 16
    request = httpx.Request("GET", f"https://graph.facebook.com/v25.0/me?appsecret_proof={proof}")
    found = errors.fault(httpx.Response(status, text=body % proof, request=request))
    assert found is not None
    assert proof not in "".join(map(str, found.args))
