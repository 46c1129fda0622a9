"""Quotas are declared as data, and what makes no sense is told of at once."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

import chorally_sdk as sdk
from chorally_sdk.model.endpoints import matches

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("pattern", "method", "path", "fits"),
    [
        ("*", "GET", "/anything", True),
        ("GET /me", "GET", "/me", True),
        ("GET /me", "get", "/me", True),
        ("GET /me", "POST", "/me", False),
        ("GET /me", "GET", "/me/feed", False),
        ("GET /me/*", "GET", "/me/feed/1", True),
        ("* /search", "DELETE", "/search", True),
        ("POST *", "POST", "//upload.parrot.example/file", True),
        ("POST //upload.parrot.example/*", "POST", "//upload.parrot.example/file", True),
        ("POST /file", "POST", "//upload.parrot.example/file", False),
        ("GET /v?/me", "GET", "/v2/me", True),
        ("GET /Me", "GET", "/me", False),
    ],
)
def test_a_pattern_fits_calls_by_method_and_path(pattern: str, method: str, path: str, fits: bool) -> None:
    """A star stands for anything, a question mark for one character; letters count as they are written."""
    assert matches(pattern, method, path) is fits


def test_a_call_weighs_what_its_pattern_says() -> None:
    """The first that fits counts, one where none does, nothing where the budget does not count it."""
    units = sdk.Budget(limit=10_000, per=DAY, match="* /v3/*", costs={"GET /v3/search": 100, "POST *": 50, "* *": 2})
    plain = sdk.Budget(limit=10, per=DAY)

    assert units.cost("GET", "/v3/search") == 100
    assert units.cost("POST", "/v3/comments") == 50
    assert units.cost("GET", "/v3/comments") == 2
    assert units.cost("GET", "/other") == 0
    assert plain.cost("GET", "/anything") == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"limit": 0}, "greater than 0"),
        ({"per": timedelta(0)}, "greater than 0"),
        ({"per": -DAY}, "greater than 0"),
        ({"match": ""}, "no pattern"),
        ({"match": "get /me"}, "write .* or METHOD /path"),
        ({"match": "GET me"}, "no pattern"),
        ({"match": "/me"}, "no pattern"),
        ({"match": "GET /me /you"}, "no pattern"),
        ({"costs": {"search": 100}}, "no pattern"),
        ({"costs": {"GET /me": -1}}, "greater than or equal to 0"),
        ({"resets": "midnight"}, "no clock time"),
        ({"resets": "24:00 UTC"}, "no clock time"),
        ({"resets": "00:00"}, "no clock time"),
        ({"resets": "00:00 Parrot/Island"}, "no time zone"),
        ({"resets": "00:00 ../../etc"}, "no time zone"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(wrong: dict[str, Any], said: str) -> None:
    """With what is accepted instead."""
    with pytest.raises(ValidationError, match=said):
        sdk.Budget.model_validate({"limit": 1, "per": DAY, **wrong})


@pytest.mark.parametrize("resets", ["", "00:00 America/Los_Angeles", "23:59 UTC", "07:30 Europe/Rome"])
def test_a_budget_may_begin_at_a_clock_time(resets: str) -> None:
    """With its zone."""
    assert sdk.Budget(limit=1, per=DAY, resets=resets).resets == resets
