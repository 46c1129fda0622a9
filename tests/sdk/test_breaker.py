"""A platform that is down is left alone for a while, and asked again by one call at a time."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

import chorally_sdk as sdk
from chorally_sdk.http.breaker import Breaker
from tests.sdk.parrot import Answer, Platform, a_client

DOWN = httpx.Response(503)
UP = httpx.Response(200, json={})


class Clock:
    """Stands still until it is set forward."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.at


def a_breaker(clock: Clock) -> Breaker:
    """Return one that opens after three failures, for ten seconds, at most for thirty."""
    return Breaker(failures=3, open_for=timedelta(seconds=10), longest=timedelta(seconds=30), now=clock)


def attempt(breaker: Breaker, outcome: BaseException | None = None) -> None:
    """Make a call with that outcome."""
    try:
        with breaker.guarding():
            if outcome is not None:
                raise outcome
    except BaseException as error:
        if error is not outcome:
            raise


def fail(breaker: Breaker, times: int) -> None:
    """Let calls go unanswered."""
    for _ in range(times):
        attempt(breaker, sdk.RetryLater())


def is_refused(breaker: Breaker) -> timedelta | None:
    """Return how long a call is asked to wait, None where it would be let through."""
    try:
        attempt(breaker, asyncio.CancelledError())
    except sdk.RetryLater as error:
        return error.wait
    return None


def test_failures_in_a_row_open_it() -> None:
    """Not one less; then no call is made, and each is told how long."""
    breaker = a_breaker(Clock())
    fail(breaker, 2)
    assert is_refused(breaker) is None
    fail(breaker, 1)
    assert breaker.is_open
    assert is_refused(breaker) == timedelta(seconds=10)


@pytest.mark.parametrize(
    "answer", [None, sdk.Rejected(), sdk.Reauthorize(), sdk.Malformed("odd")], ids=lambda each: type(each).__name__
)
def test_an_answer_between_failures_keeps_it_closed(answer: Exception | None) -> None:
    """Also one that refuses the call: whoever refuses is not down."""
    breaker = a_breaker(Clock())
    for _ in range(5):
        fail(breaker, 2)
        attempt(breaker, answer)
    assert not breaker.is_open


@pytest.mark.parametrize(
    "neither", [sdk.RateLimited(), asyncio.CancelledError(), ValueError()], ids=lambda each: type(each).__name__
)
def test_what_says_nothing_of_the_platform_changes_nothing(neither: BaseException) -> None:
    """A quota used up, a call given up, a mistake of our own: neither a failure nor an answer."""
    breaker = a_breaker(Clock())
    for _ in range(10):
        attempt(breaker, neither)
    fail(breaker, 2)
    attempt(breaker, neither)
    fail(breaker, 1)
    assert breaker.is_open


def test_a_lost_visible_call_is_a_failure() -> None:
    """Its outcome is not known because there was no answer."""
    breaker = a_breaker(Clock())
    for _ in range(3):
        attempt(breaker, sdk.OutcomeUnknown())
    assert breaker.is_open


def test_after_a_while_one_call_is_let_through() -> None:
    """The others wait for what becomes of it."""
    clock = Clock()
    breaker = a_breaker(clock)
    fail(breaker, 3)
    clock.at += 10
    with breaker.guarding():
        assert is_refused(breaker) == timedelta(seconds=1)
    assert not breaker.is_open
    assert is_refused(breaker) is None


def test_a_probe_that_fails_doubles_the_time_up_to_a_limit() -> None:
    """And one that is answered begins anew."""
    clock = Clock()
    breaker = a_breaker(clock)
    fail(breaker, 3)
    for seconds in (10, 20, 30, 30):
        assert is_refused(breaker) == timedelta(seconds=seconds)
        clock.at += seconds
        fail(breaker, 1)
    clock.at += 30
    attempt(breaker)
    fail(breaker, 3)
    assert is_refused(breaker) == timedelta(seconds=10)


def test_a_probe_that_is_given_up_lets_the_next_one_through() -> None:
    """Otherwise it would stay open for ever."""
    clock = Clock()
    breaker = a_breaker(clock)
    fail(breaker, 3)
    clock.at += 10
    for neither in (asyncio.CancelledError(), sdk.RateLimited()):
        attempt(breaker, neither)
        assert breaker.is_open
    attempt(breaker)
    assert not breaker.is_open


def test_a_call_from_before_it_opened_decides_nothing() -> None:
    """Neither a late answer closes it, nor a late failure keeps it open longer."""
    clock = Clock()
    breaker = a_breaker(clock)
    with breaker.guarding():
        fail(breaker, 3)
        clock.at += 9
    assert breaker.is_open
    with pytest.raises(sdk.RetryLater), breaker.guarding():
        pass
    clock.at += 1
    assert is_refused(breaker) is None


def test_a_late_failure_does_not_keep_it_open_longer() -> None:
    """It began before."""
    clock = Clock()
    breaker = a_breaker(clock)
    late = breaker.guarding()
    late.__enter__()
    fail(breaker, 3)
    clock.at += 9
    error = sdk.RetryLater()
    assert not late.__exit__(type(error), error, None)
    clock.at += 1
    assert is_refused(breaker) is None


async def asked(http: sdk.Http, method: str = "POST") -> Exception | None:
    """Make a call and return its error."""
    try:
        await http.request(method, "/me")
    except sdk.ConnectorError as error:
        return error
    return None


@pytest.mark.parametrize("down", [DOWN, httpx.ConnectError("refused"), httpx.ReadTimeout("slow")], ids=str)
async def test_a_client_with_a_breaker_stops_calling(down: Answer) -> None:
    """The platform sees no more than the failures that opened it, until it is probed."""
    clock = Clock()
    platform = Platform(down, down, down, UP)
    http = a_client(platform, breaker=a_breaker(clock))
    for _ in range(3):
        assert isinstance(await asked(http), sdk.RetryLater)
    assert isinstance(await asked(http), sdk.RetryLater)
    assert len(platform.seen) == 3
    clock.at += 10
    assert await asked(http) is None
    assert await asked(http) is None


async def test_a_stream_that_cannot_be_opened_is_a_failure() -> None:
    """And one that is, an answer, however long it stays open."""
    clock = Clock()
    http = a_client(Platform(DOWN, DOWN, DOWN, UP), breaker=a_breaker(clock))

    async def streamed(within: Callable[[], None] = lambda: None) -> None:
        async with http.stream("GET", "/me"):
            within()

    for _ in range(3):
        with pytest.raises(sdk.RetryLater):
            await streamed()
    with pytest.raises(sdk.RetryLater, match="left alone"):
        await streamed()
    clock.at += 10

    async def meanwhile() -> None:
        async with http.stream("GET", "/me"):
            assert await asked(http) is None

    await meanwhile()
