"""What answers mean where a platform says no more than HTTP does."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import chorally_sdk as sdk
from chorally_sdk.http.faults import LONGEST_WAIT

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NUMBERS = st.one_of(
    st.floats().map(str), st.integers().map(str), st.sampled_from(["inf", "-inf", "nan", "1e999", "-0"])
)
DATES = st.from_regex(
    r"\A(Mon|Xxx), [0-9]{1,3} (Nov|Feb) [0-9]{1,6} [0-9]{1,3}:[0-9]{1,3}:[0-9]{1,3} (GMT|[+-][0-9]{1,6}|[A-Z]{0,3})\Z"
)
VALUES = st.one_of(NUMBERS, DATES, st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=40))


@pytest.mark.parametrize("status", [200, 201, 204, 206, 304])
def test_a_success_is_no_fault(status: int) -> None:
    """Nor is the answer that nothing changed."""
    assert sdk.by_status(httpx.Response(status, text='"invalid_grant"')) is None


@pytest.mark.parametrize(
    ("status", "expected", "reason"),
    [
        (301, sdk.Malformed, None),
        (302, sdk.Malformed, None),
        (307, sdk.Malformed, None),
        (400, sdk.Rejected, sdk.Reason.INVALID),
        (401, sdk.Reauthorize, None),
        (403, sdk.Rejected, sdk.Reason.PERMISSION),
        (404, sdk.Rejected, sdk.Reason.GONE),
        (408, sdk.RetryLater, None),
        (409, sdk.Rejected, sdk.Reason.INVALID),
        (410, sdk.Rejected, sdk.Reason.GONE),
        (422, sdk.Rejected, sdk.Reason.INVALID),
        (425, sdk.RetryLater, None),
        (429, sdk.RateLimited, None),
        (500, sdk.RetryLater, None),
        (503, sdk.RetryLater, None),
        (599, sdk.RetryLater, None),
    ],
)
def test_each_status_has_its_meaning(status: int, expected: type[Exception], reason: sdk.Reason | None) -> None:
    """The class says what happens next, the reason why."""
    fault = sdk.by_status(httpx.Response(status, text="why"))
    assert type(fault) is expected
    assert getattr(fault, "reason", None) == reason
    assert str(status) in str(fault)


def test_a_refused_grant_needs_a_person() -> None:
    """OAuth says it with status 400."""
    assert isinstance(sdk.by_status(httpx.Response(400, json={"error": "invalid_grant"})), sdk.Reauthorize)


def test_a_message_quotes_the_beginning_of_an_answer() -> None:
    """It is for people."""
    fault = sdk.by_status(httpx.Response(400, text="è" * 5000))
    assert str(fault) == f"the platform answered 400: {'è' * 200}"
    assert str(sdk.by_status(httpx.Response(400))) == "the platform answered 400"


@given(
    st.binary(max_size=900), st.integers(100, 999), st.sampled_from(["hex", "utf-7", "rot13", "idna", "x", "utf-16"])
)
def test_no_answer_is_too_odd_to_be_judged(body: bytes, status: int, charset: str) -> None:
    """Whatever its bytes are said to be."""
    answer = httpx.Response(status, content=body, headers={"Content-Type": f"text/plain; charset={charset}"})
    fault = sdk.by_status(answer)
    assert (fault is None) == (status < 300 or status == 304)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        ("1.5", 1.5),
        ("-3", 0),
        ("inf", LONGEST_WAIT.total_seconds()),
        ("99999999999", LONGEST_WAIT.total_seconds()),
        ("Mon, 23 Nov 2026 09:02:00 GMT", 120),
        ("Mon, 23 Nov 2026 10:02:00 +0100", 120),
        ("Monday, 23-Nov-26 09:02:00 GMT", 120),
        ("Mon, 23 Nov 2026 08:00:00 GMT", 0),
        ("Mon, 23 Nov 2099 08:00:00 GMT", LONGEST_WAIT.total_seconds()),
    ],
)
def test_retry_after_is_read_as_seconds_and_as_a_date(value: str, seconds: float) -> None:
    """Never negative, never longer than makes sense."""
    assert sdk.retry_after(value, NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "value", [None, "", "soon", "nan", "Mon, 23 Nov 2026 09:02:00", "Mon, 99 Nov 2026 09:02:00 GMT"]
)
def test_a_retry_after_that_cannot_be_read_is_none(value: str | None) -> None:
    """A date without a zone could be any hour."""
    assert sdk.retry_after(value, NOW) is None


@given(VALUES)
def test_no_retry_after_is_too_odd(value: str) -> None:
    """It is none, or a wait that can be added to a time."""
    wait = sdk.retry_after(value, NOW)
    assert wait is None or timedelta(0) <= wait <= LONGEST_WAIT


def test_what_asks_to_wait_says_how_long() -> None:
    """In both of the classes that do."""
    for status in (429, 503):
        fault = sdk.by_status(httpx.Response(status, headers={"Retry-After": "30"}))
        assert isinstance(fault, sdk.RetryLater)
        assert fault.wait == timedelta(seconds=30)


@pytest.mark.parametrize("prefix", ["RateLimit", "X-RateLimit", "x-ratelimit"])
def test_the_usual_quota_headers_are_read(prefix: str) -> None:
    """What is used, and how long until there is more."""
    headers = {f"{prefix}-Limit": "100", f"{prefix}-Remaining": "25", f"{prefix}-Reset": "60"}
    assert list(sdk.quota_headers(httpx.Response(200, headers=headers))) == [
        sdk.Usage(used=0.75, wait=timedelta(seconds=60))
    ]


def test_a_reset_may_be_an_instant() -> None:
    """A Unix time is turned into a wait."""
    at = datetime.now(UTC) + timedelta(seconds=300)
    headers = {"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(at.timestamp())}
    (usage,) = sdk.quota_headers(httpx.Response(200, headers=headers))
    assert usage.wait is not None
    assert timedelta(seconds=200) < usage.wait <= timedelta(seconds=300)


@given(limit=VALUES, remaining=VALUES, reset=st.none() | VALUES)
@example(limit="10", remaining="5", reset="nan")
@example(limit="10", remaining="5", reset="inf")
@example(limit="inf", remaining="inf", reset=None)
@example(limit="5e-324", remaining="-1e308", reset=None)
def test_no_quota_header_is_too_odd(limit: str, remaining: str, reset: str | None) -> None:
    """It is left out, or makes a part of a whole."""
    headers = {"RateLimit-Limit": limit, "RateLimit-Remaining": remaining}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    if reset is not None:
        raw.append((b"RateLimit-Reset", reset.encode("latin-1")))
    for usage in sdk.quota_headers(httpx.Response(200, headers=raw)):
        assert 0 <= usage.used <= 1
        assert usage.wait is None or timedelta(0) <= usage.wait <= LONGEST_WAIT
