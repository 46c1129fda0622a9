"""A client asks for its part of the quotas before each request, and passes on what the answers tell."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

import chorally_sdk as sdk
from chorally_sdk.http.budgets import Call, lane
from chorally_sdk.http.metering import Meter, path_of
from tests.sdk.parrot import Platform, a_client
from tests.sdk.quotas import MINUTE, Time, a_budget, impatient

BASE = httpx.URL("https://parrot.example/v1/")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://parrot.example/v1/me", "/me"),
        ("https://parrot.example/v1/me/feed?a=1", "/me/feed"),
        ("https://parrot.example/v1", "/"),
        ("https://parrot.example/v1/", "/"),
        ("https://parrot.example/v10/me", "/v10/me"),
        ("https://parrot.example/v2/me", "/v2/me"),
        ("https://upload.parrot.example/v1/file", "//upload.parrot.example/v1/file"),
    ],
)
def test_the_path_of_a_call_is_what_follows_the_base_url(url: str, path: str) -> None:
    """Of another host it names the host."""
    assert path_of(httpx.URL(url), BASE) == path


class Told:
    """Quotas that note what they are asked and told."""

    def __init__(self, failing: Exception | None = None) -> None:
        self.asked: list[Call] = []
        self.heard: list[tuple[Call, Any]] = []
        self.failing = failing

    async def ask(self, call: Call) -> None:
        """Note it."""
        self.asked.append(call)

    async def wait_for(self, call: Call) -> timedelta:
        """Wait never."""
        return timedelta(0)

    async def told(self, call: Call, usage: sdk.Usage) -> None:
        """Note it, or fail."""
        self.heard.append((call, usage))
        if self.failing:
            raise self.failing

    async def limited(self, call: Call, refusal: sdk.RateLimited) -> None:
        """Note it."""
        self.heard.append((call, refusal))


async def test_a_client_asks_before_each_request_and_tells_what_the_answer_said() -> None:
    """Repeats too; with what it is for."""
    quota = {"X-RateLimit-Limit": "4", "X-RateLimit-Remaining": "3"}
    platform = Platform(httpx.Response(503), httpx.Response(200, json={}, headers=quota))
    told, declared = Told(), (a_budget(5),)
    http = a_client(platform, meter=Meter(told, "app", "a", declared))
    await http.get("/me", params={"a": "1"})
    with lane("import"):
        await http.get("/you")
    with sdk.visible_call():
        await http.post("/notes")
    assert [(call.lane, call.method, call.path) for call in told.asked] == [
        ("live", "GET", "/me"),
        ("live", "GET", "/me"),
        ("import", "GET", "/you"),
        ("reply", "POST", "/notes"),
    ]
    assert all((call.app, call.account, call.declared) == ("app", "a", declared) for call in told.asked)
    assert told.heard == [(call, sdk.Usage(used=0.25)) for call in told.asked[1:]]


async def test_a_client_without_quota_makes_no_request() -> None:
    """Nothing leaves; after the first refusal by the platform neither."""
    platform = Platform(httpx.Response(429, headers={"Retry-After": "60"}))
    http = a_client(platform, meter=Meter(impatient(Time()), "app", "a"))
    for _ in range(3):
        with pytest.raises(sdk.RateLimited) as told:
            await http.get("/me")
        assert told.value.wait == MINUTE
    assert len(platform.seen) == 1


async def test_a_stream_counts_too() -> None:
    """Opened or refused."""
    told = Told()
    http = a_client(Platform(httpx.Response(200), httpx.Response(429)), meter=Meter(told, "app", "a"))
    async with http.stream("GET", "/file"):
        pass
    with pytest.raises(sdk.RateLimited):
        async with http.stream("GET", "/file"):
            pass
    assert len(told.asked) == 2
    assert [type(what) for _, what in told.heard] == [sdk.RateLimited]


async def test_an_answer_stands_where_what_it_tells_cannot_be_kept(caplog: pytest.LogCaptureFixture) -> None:
    """The call was made: what it gave must not be lost."""
    quota = {"X-RateLimit-Limit": "4", "X-RateLimit-Remaining": "3"}
    http = a_client(
        Platform(httpx.Response(200, json={"a": 1}, headers=quota)), meter=Meter(Told(OSError()), "app", "a")
    )
    assert (await http.post("/me")).json() == {"a": 1}
    assert "could not be kept (OSError)" in caplog.text
