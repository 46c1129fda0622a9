"""The example of rate limits reads what its platform says."""

from datetime import timedelta

import httpx

import chorally_sdk as sdk
from chorally_sdk.connector.parity import mismatches
from chorally_sdk.testing import connect
from docs.examples.metered import Metered


def test_its_manifest_and_its_abilities_agree() -> None:
    """It could be installed as it is."""
    assert mismatches(Metered) == ()


def test_a_call_weighs_what_the_platform_counts() -> None:
    """Units for the day; for the minute only what is written to /notes."""
    day, minute = Metered.manifest.budgets
    assert [day.cost(*call) for call in (("GET", "/me"), ("GET", "/search"), ("POST", "/notes"))] == [1, 100, 50]
    assert [minute.cost(*call) for call in (("GET", "/search"), ("POST", "/notes"))] == [0, 1]


def test_the_share_of_the_header_is_told() -> None:
    """Odd ones are left out."""
    metered = connect(Metered)
    told = [list(metered.usage(httpx.Response(200, headers={"X-Metered-Share": s}))) for s in ("85", "-1", "much", "")]
    assert told == [[sdk.Usage(used=0.85, scope="app")], [], [], []]


def test_a_used_up_quota_is_no_missing_permission() -> None:
    """Both come under status 403."""
    metered = connect(Metered)
    error = metered.fault(httpx.Response(403, text="quotaExceeded", headers={"Retry-After": "60"}))
    assert isinstance(error, sdk.RateLimited)
    assert (error.scope, error.wait) == ("app", timedelta(minutes=1))
    assert isinstance(metered.fault(httpx.Response(403)), sdk.Rejected)
