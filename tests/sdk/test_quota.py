"""What platforms tell of their quotas, in all the ways they write it."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chorally_sdk as sdk
from chorally_sdk.http.quota import LONGEST_WAIT

SECOND = timedelta(seconds=1)


def told(**headers: str) -> list[sdk.Usage]:
    """Return what the headers tell; underscores stand for hyphens."""
    return list(sdk.quota_headers(httpx.Response(200, headers={n.replace("_", "-"): v for n, v in headers.items()})))


@pytest.mark.parametrize("prefix", ["RateLimit", "X-RateLimit", "X-Rate-Limit", "x-ratelimit"])
def test_limit_and_what_remains_of_it_are_read(prefix: str) -> None:
    """With the seconds until there is more."""
    headers = {f"{prefix}-Limit": "100", f"{prefix}-Remaining": "25", f"{prefix}-Reset": "60"}
    assert told(**headers) == [sdk.Usage(used=0.75, wait=60 * SECOND)]


def test_what_is_used_and_what_remains_make_the_limit() -> None:
    """Some platforms name only those two."""
    assert told(X_Ratelimit_Remaining="75.0", X_Ratelimit_Used="25", X_Ratelimit_Reset="9") == [
        sdk.Usage(used=0.25, wait=9 * SECOND)
    ]


def test_a_reset_after_so_long_is_better_than_a_reset_at() -> None:
    """Clocks differ."""
    told_of = told(
        X_RateLimit_Limit="5", X_RateLimit_Remaining="0", X_RateLimit_Reset="9999999999", X_RateLimit_Reset_After="1.5"
    )
    assert told_of == [sdk.Usage(used=1.0, wait=1.5 * SECOND)]


@pytest.mark.parametrize("form", ["unix", "iso", "http"])
def test_a_reset_may_be_an_instant(form: str) -> None:
    """In seconds since 1970, as an ISO instant or as an HTTP date."""
    at = datetime.now(UTC) + 300 * SECOND
    forms = {
        "unix": str(at.timestamp()),
        "iso": at.isoformat().replace("+00:00", "Z"),
        "http": at.strftime("%a, %d %b %Y %H:%M:%S GMT"),
    }
    (usage,) = told(X_RateLimit_Limit="1", X_RateLimit_Remaining="0", X_RateLimit_Reset=forms[form])
    assert usage.wait is not None
    assert 200 * SECOND < usage.wait <= 300 * SECOND


@pytest.mark.parametrize(
    ("headers", "used", "wait"),
    [
        ({"RateLimit": "limit=100, remaining=50, reset=5"}, [0.5], 5),
        ({"RateLimit_Policy": '"burst";q=100;w=60', "RateLimit": '"burst";r=25;t=30'}, [0.75], 30),
        ({"RateLimit_Policy": "burst;q=100;w=60", "RateLimit": "burst;r=25;t=30"}, [0.75], 30),
        (
            {"RateLimit_Policy": '"hour";q=1000;w=3600, "day";q=5000;w=86400', "RateLimit": '"day";r=100;t=36000'},
            [0.98],
            36000,
        ),
        ({"RateLimit_Policy": '"a";q=10, "b";q=20', "RateLimit": '"a";r=10;t=1,"b";r=5;t=1'}, [0.0, 0.75], 1),
        ({"RateLimit": '"default";r=0;t=7'}, [1.0], 7),
        ({"RateLimit": '"default";r=5;t=7'}, [], 0),
    ],
)
def test_the_field_of_the_standards_drafts_is_read(headers: dict[str, str], used: list[float], wait: int) -> None:
    """In its earlier form, and with its policy; without one only an exhausted quota says something."""
    found = told(**headers)
    assert [round(usage.used, 2) for usage in found] == used
    assert {usage.wait for usage in found} <= {wait * SECOND}


def test_percents_are_read_from_headers_of_json() -> None:
    """The largest of a row counts; minutes are a wait."""
    business = {"1": [{"type": "pages", "call_count": 97, "total_time": 3, "estimated_time_to_regain_access": 4}]}
    found = told(
        X_App_Usage=json.dumps({"call_count": 28, "total_time": 25, "total_cputime": 31}),
        X_Business_Use_Case_Usage=json.dumps(business),
        X_Ad_Account_Usage=json.dumps({"acc_id_util_pct": 12.5}),
    )
    assert found == [
        sdk.Usage(used=0.31, scope="app"),
        sdk.Usage(used=0.125),
        sdk.Usage(used=0.97, wait=timedelta(minutes=4)),
    ]


def test_percents_may_have_a_header_of_their_own() -> None:
    """With the scope that the connector knows."""
    answer = httpx.Response(200, headers={"X-Parrot-Usage": '{"call_count": 50}'})
    assert list(sdk.percents(answer, {"x-parrot-usage": "endpoint"})) == [sdk.Usage(used=0.5, scope="endpoint")]


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "{",
        "[]",
        "3",
        "null",
        '{"call_count": "97"}',
        '{"call_count": true}',
        '{"call_count": -1}',
        '{"a": [1, null]}',
    ],
)
def test_percents_that_cannot_be_read_say_nothing(odd: str) -> None:
    """And do not make the answer fail."""
    assert told(X_App_Usage=odd, X_Business_Use_Case_Usage=odd) == []


def test_headers_that_lack_a_part_say_nothing() -> None:
    """Nothing is guessed."""
    assert (
        told(X_RateLimit_Limit="100") == told(X_RateLimit_Remaining="1") == told(X_RateLimit_Used="1") == told() == []
    )
    assert told(X_RateLimit_Limit="0", X_RateLimit_Remaining="0") == []


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_no_header_is_too_odd(value: str) -> None:
    """Each usage is a part of a whole, each wait one that can be added to a time."""
    for name in ("RateLimit", "RateLimit-Policy", "X-RateLimit-Reset", "X-App-Usage"):
        headers = {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "3", "RateLimit": '"a";r=1;t=1', name: value}
        for usage in sdk.quota_headers(httpx.Response(200, headers=headers)):
            assert usage.used >= 0
            assert usage.wait is None or timedelta(0) <= usage.wait <= LONGEST_WAIT


def refused(**headers: str) -> httpx.Response:
    """Return an answer that asks to come back later."""
    return httpx.Response(429, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_a_date_to_come_back_at_is_compared_with_the_answers_own() -> None:
    """A clock of ours that is wrong does not matter."""
    answer = refused(Retry_After="Mon, 23 Nov 2020 09:02:00 GMT", Date="Mon, 23 Nov 2020 09:00:00 GMT")
    assert sdk.asked_wait(answer) == 120 * SECOND


def test_without_a_retry_after_the_exhausted_quota_says_how_long() -> None:
    """The longest counts; one that is not used up does not."""
    assert (
        sdk.asked_wait(refused(X_RateLimit_Limit="5", X_RateLimit_Remaining="0", X_RateLimit_Reset="40")) == 40 * SECOND
    )
    assert sdk.asked_wait(refused(X_RateLimit_Limit="5", X_RateLimit_Remaining="1", X_RateLimit_Reset="40")) is None
    assert (
        sdk.asked_wait(
            refused(Retry_After="3", X_RateLimit_Limit="5", X_RateLimit_Remaining="0", X_RateLimit_Reset="40")
        )
        == 3 * SECOND
    )
    assert sdk.asked_wait(refused()) is None
    exhausted = {"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "40"}
    assert sdk.asked_wait(httpx.Response(503, headers=exhausted)) is None


def test_no_wait_in_minutes_is_longer_than_makes_sense() -> None:
    """Nonsense must not stop an account for ever."""
    (usage,) = told(X_App_Usage='{"call_count": 100, "estimated_time_to_regain_access": 99999}')
    assert usage.wait == LONGEST_WAIT


def test_a_refusal_for_its_quota_carries_the_wait() -> None:
    """So that the budget is held as long as the platform wants."""
    fault = sdk.by_status(refused(RateLimit='"default";r=0;t=7'))
    assert isinstance(fault, sdk.RateLimited)
    assert fault.wait == 7 * SECOND
