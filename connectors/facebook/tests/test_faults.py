"""What errors of pages and of Messenger cause; the rest of Graph's codes are chorally-meta's, and tested there."""

from typing import Any

import httpx
import pytest
from chorally_facebook import faults

import chorally_sdk as sdk

R = sdk.Reason


def an_error(code: int, subcode: int | None = None) -> httpx.Response:
    """An answer with an error as Graph shapes it."""
    error: dict[str, Any] = {"message": "told", "type": "OAuthException", "code": code}
    if subcode is not None:
        error["error_subcode"] = subcode
    return httpx.Response(400, json={"error": error})


@pytest.mark.parametrize(
    ("code", "subcode", "reason"),
    [
        (1, 2853006, R.PERMISSION),
        (10, 2018278, R.WINDOW),
        (10, 2018065, R.WINDOW),
        (10, 2018108, R.BLOCKED),
        (100, 2018001, R.GONE),
        (200, 1545041, R.BLOCKED),
        (551, None, R.BLOCKED),
        (1705, None, R.PERMISSION),
        (10900, None, R.WINDOW),
    ],
)
def test_an_error_of_pages_or_messenger_causes(code: int, subcode: int | None, reason: sdk.Reason) -> None:
    """It counts before what Meta's table says of the code, and names Facebook."""
    error = faults.fault(an_error(code, subcode))
    assert isinstance(error, sdk.Rejected)
    assert error.reason == reason
    assert str(error).startswith("Facebook says: told")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (an_error(190, 463), sdk.Reauthorize),
        (an_error(10, 1), sdk.Rejected),
        (an_error(80001), sdk.RateLimited),
        (httpx.Response(502, text="<html>Bad gateway"), sdk.RetryLater),
    ],
)
def test_other_errors_cause_what_they_do_at_all_of_meta(answer: httpx.Response, kind: type[sdk.ConnectorError]) -> None:
    """Meta's table holds where pages have no code of their own."""
    assert isinstance(faults.fault(answer), kind)


def test_usage_is_read_from_the_headers() -> None:
    """As of every answer of Graph."""
    answer = httpx.Response(200, headers={"X-App-Usage": '{"call_count": 28}'})
    assert list(faults.usage(answer)) == [sdk.Usage(used=0.28, scope="app")]
