"""Which calls are repeated, how often, and after how long."""

from typing import Any

import httpx
import pytest

import chorally_sdk as sdk
from tests.sdk.parrot import Answer, Drops, Platform, Sleeps, a_client

GOOD = httpx.Response(200, json={})
LOST: list[Answer] = [
    httpx.ReadTimeout("lost"),
    httpx.ConnectError("refused"),
    httpx.ConnectTimeout("slow"),
    httpx.PoolTimeout("full"),
    httpx.RemoteProtocolError("cut off"),
    httpx.ReadError("reset"),
    httpx.Response(500),
    httpx.Response(503),
    httpx.Response(408),
]


async def called(method: str, *answers: Answer, attempts: int = 3) -> tuple[int, list[float], Exception | None]:
    """Return how often the platform was called, the sleeps between, and the error at the end."""
    platform, sleeps = Platform(*answers), Sleeps()
    http = a_client(platform, sleep=sleeps, attempts=attempts)
    error: Exception | None = None
    try:
        await http.request(method, "/notes")
    except sdk.ConnectorError as raised:
        error = raised
    return len(platform.seen), sleeps.seconds, error


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "get"])
@pytest.mark.parametrize("lost", LOST, ids=repr)
async def test_a_safe_call_is_repeated(method: str, lost: Answer) -> None:
    """Until it is answered."""
    calls, sleeps, error = await called(method, lost, lost, GOOD)
    assert (calls, error) == (3, None)
    assert len(sleeps) == 2
    assert all(0 <= seconds <= 2 for seconds in sleeps)


@pytest.mark.parametrize("attempts", [1, 2, 5])
async def test_a_safe_call_is_given_up(attempts: int) -> None:
    """After so many attempts, without a sleep that nothing follows."""
    calls, sleeps, error = await called("GET", httpx.ReadTimeout("lost"), attempts=attempts)
    assert (calls, len(sleeps)) == (attempts, attempts - 1)
    assert type(error) is sdk.RetryLater
    assert isinstance(error.__cause__, httpx.ReadTimeout)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "post"])
@pytest.mark.parametrize("lost", LOST, ids=repr)
async def test_another_call_is_not_repeated(method: str, lost: Answer) -> None:
    """It may have been carried out; the host repeats it where that is harmless."""
    calls, sleeps, error = await called(method, lost)
    assert (calls, sleeps) == (1, [])
    assert type(error) is sdk.RetryLater


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(429), sdk.RateLimited),
        (httpx.Response(401), sdk.Reauthorize),
        (httpx.Response(403), sdk.Rejected),
        (httpx.Response(404), sdk.Rejected),
        (httpx.Response(302), sdk.Malformed),
        (httpx.Response(503, headers={"Retry-After": "3"}), sdk.RetryLater),
        (httpx.Response(503, headers={"Retry-After": "Mon, 23 Nov 2099 09:00:00 GMT"}), sdk.RetryLater),
    ],
)
async def test_what_would_be_the_same_again_is_not_repeated(answer: httpx.Response, expected: type[Exception]) -> None:
    """Neither a refusal nor what asks for a longer wait than a call may take."""
    calls, sleeps, error = await called("GET", answer)
    assert (calls, sleeps) == (1, [])
    assert type(error) is expected


async def test_a_short_wait_that_is_asked_for_is_kept() -> None:
    """Seconds from the header, never fewer."""
    busy = httpx.Response(503, headers={"Retry-After": "2"})
    calls, sleeps, error = await called("GET", busy, busy, GOOD)
    assert (calls, sleeps, error) == (3, [2.0, 2.0], None)


async def test_what_a_later_page_asks_for_is_repeated_anew() -> None:
    """Attempts are counted for each call."""
    lost: list[Any] = [httpx.ReadTimeout("lost"), GOOD]
    platform = Platform(*lost, *lost, *lost)
    http = a_client(platform, attempts=2)
    for _ in range(3):
        await http.get("/notes")
    assert len(platform.seen) == 6


async def test_a_body_that_breaks_off_is_read_again() -> None:
    """A safe call is done when its body is there."""

    def broken() -> httpx.Response:
        return httpx.Response(200, stream=Drops([b"half"], httpx.ReadError("reset")))

    calls, _, error = await called("GET", broken(), broken(), GOOD)
    assert (calls, error) == (3, None)
