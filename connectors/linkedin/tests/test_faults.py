"""Errors: the table, what LinkedIn's words add to a status, and quotas that begin anew at midnight."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from chorally_linkedin.faults import fault, until_midnight
from hypothesis import given
from hypothesis import strategies as st

import chorally_sdk as sdk

LATEST = datetime(9000, 1, 1)  # noqa: DTZ001 - hypothesis wants it without a zone
NOW = datetime(2026, 11, 23, 21, 30, tzinfo=UTC)


def caused(status: int, headers: Mapping[str, str] | None = None, **body: Any) -> sdk.ConnectorError | None:
    """What an answer causes."""
    return fault(httpx.Response(status, headers=headers, json=body, request=httpx.Request("GET", "https://x")), NOW)


@pytest.mark.parametrize(
    ("message", "wait", "scope"),
    [
        ("throttled: APPLICATION_AND_MEMBER DAY limit for calls is reached.", timedelta(hours=2.5), "account"),
        ("throttled: APPLICATION DAY limit for calls is reached.", timedelta(hours=2.5), "app"),
        ("Comment create throttled: creation rate limit exceeded", timedelta(minutes=1), "account"),
        ("Slow down", None, "account"),
    ],
)
def test_a_used_up_quota_is_waited_for(message: str, wait: timedelta | None, scope: str) -> None:
    """Of a day until midnight UTC, of a minute for a minute; else the host backs off."""
    error = caused(429, message=message)

    assert isinstance(error, sdk.RateLimited)
    assert (error.wait, error.scope) == (wait, scope)


def test_a_wait_that_is_told_goes_first() -> None:
    """LinkedIn tells none today."""
    error = caused(429, {"Retry-After": "7"}, message="APPLICATION DAY limit")

    assert isinstance(error, sdk.RateLimited)
    assert error.wait == timedelta(seconds=7)


@pytest.mark.parametrize(("code", "said"), [(65600, "is not valid"), (65601, "was revoked"), (65602, "has ended")])
def test_a_lost_token_is_named(code: int, said: str) -> None:
    """For whoever has to connect the page again."""
    error = caused(401, serviceErrorCode=code)

    assert isinstance(error, sdk.Reauthorize)
    assert said in str(error)


@pytest.mark.parametrize("status", [400, 426])
def test_a_version_that_is_no_more_tells_where_it_is_set(status: int) -> None:
    """It is the operator's to mend."""
    error = caused(status, code="NONEXISTENT_VERSION", message="Requested version 20240101 is not active")

    assert isinstance(error, sdk.Rejected)
    assert "settings" in str(error)


def test_a_conflict_is_tried_again_soon() -> None:
    """As LinkedIn says."""
    error = caused(409, message="A write was concurrent")

    assert isinstance(error, sdk.RetryLater)
    assert error.wait == timedelta(seconds=2)


@given(st.datetimes(max_value=LATEST, timezones=st.just(UTC)))
def test_midnight_is_never_more_than_a_day_away(at: datetime) -> None:
    """And never now."""
    wait = until_midnight(at)

    assert timedelta(0) < wait <= timedelta(days=1)
    assert (at + wait).timetz().isoformat() == "00:00:00+00:00"


@given(
    st.integers(300, 599),
    st.binary(max_size=40) | st.builds(lambda x: json.dumps(x).encode(), st.text() | st.lists(st.none())),
)
def test_whatever_is_answered_is_classified(status: int, body: bytes) -> None:
    """A proxy's page, half an object, nothing at all."""
    answer = httpx.Response(status, content=body, request=httpx.Request("GET", "https://x"))

    assert status == 304 or isinstance(fault(answer, NOW), sdk.ConnectorError)


@pytest.mark.parametrize("status", [400, 404, 422, 500])
def test_no_error_quotes_more_than_linkedins_words(status: int) -> None:
    """What else is in an answer, as what somebody wrote, is not for errors."""
    error = caused(status, message="Sorry", input="CANARY")

    assert "Sorry" in str(error)
    assert "CANARY" not in str(error)
