"""What every answer says to browsers, whose pages may ask, and how much one address may ask."""

from typing import Any

import httpx
import pytest
from chorally_core.api.addresses import Addresses
from chorally_core.api.edge import SafeHeaders, asked_from_elsewhere
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse, Response

INBOX = "https://inbox.example.com"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer, to one path with a rule of its own for what may be kept."""
    headers = {"Cache-Control": "public, max-age=300", "ETag": '"1"'} if scope["path"] == "/keys" else {}
    response: Response = PlainTextResponse("hello", headers=headers)
    await response(scope, receive, send)


def client(served: Any) -> httpx.AsyncClient:
    """Return a client of it."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://chorally.test")


async def test_answers_are_not_framed_guessed_at_or_kept() -> None:
    """Unless what answers has said otherwise itself."""
    async with client(SafeHeaders(app)) as http:
        headers = (await http.get("/message/v1/tickets")).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["Cache-Control"] == "no-store"
        assert "Strict-Transport-Security" not in headers
        assert (await http.get("/keys")).headers.get_list("Cache-Control") == ["public, max-age=300"]
        page = (await http.get("/message/v1/docs")).headers
        assert "Content-Security-Policy" not in page
        assert page["X-Frame-Options"] == "DENY"


async def test_who_is_reached_by_https_says_that_it_stays_so() -> None:
    """For as long as the setting says."""
    async with client(SafeHeaders(app, https_s=3600)) as http:
        assert (await http.get("/")).headers["Strict-Transport-Security"] == "max-age=3600"


async def test_pages_of_named_origins_may_ask_with_a_token_and_no_others() -> None:
    """A browser asks first; cookies are never allowed."""
    asks = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization,if-match"}
    async with client(asked_from_elsewhere(app, [INBOX])) as http:
        allowed = await http.options("/message/v1/tickets/1", headers={**asks, "Origin": INBOX})
        assert (allowed.status_code, allowed.headers["Access-Control-Allow-Origin"]) == (200, INBOX)
        assert "Access-Control-Allow-Credentials" not in allowed.headers
        refused = await http.options("/message/v1/tickets/1", headers={**asks, "Origin": "https://evil.example"})
        assert (refused.status_code, "Access-Control-Allow-Origin" in refused.headers) == (400, False)
        read = await http.get("/keys", headers={"Origin": INBOX})
        assert "ETag" in read.headers["Access-Control-Expose-Headers"]


def test_where_no_origin_is_named_nothing_is_in_between() -> None:
    """Most installations need none."""
    assert asked_from_elsewhere(app, []) is app


class Ticks:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Tell them."""
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    """The only time there is."""
    return Ticks()


def test_an_address_may_ask_so_often_a_minute_and_others_go_on(ticks: Ticks) -> None:
    """It is told how long to wait, and what it was refused counts apart."""
    addresses = Addresses(rate=3, refused=1, monotonic=ticks)
    assert [addresses.ask("192.0.2.1") > 0 for _ in range(5)] == [False] * 3 + [True] * 2
    assert addresses.ask("192.0.2.2") == 0
    assert [addresses.refuse("192.0.2.1") > 0 for _ in range(2)] == [False, True]
    ticks.now += 59
    assert 0 < addresses.ask("192.0.2.1") <= 1
    ticks.now += 1
    assert addresses.ask("192.0.2.1") == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "", "a-socket"])
def test_this_machines_own_requests_are_not_counted(ticks: Ticks, address: str) -> None:
    """A proxy beside the process says who asks, and without one it is whoever runs it."""
    addresses = Addresses(rate=1, refused=1, monotonic=ticks)
    assert [addresses.ask(address) for _ in range(5)] == [0.0] * 5


@given(st.lists(st.integers(0, 40), max_size=200))
def test_memory_is_bounded_and_no_address_pays_for_another(numbers: list[int]) -> None:
    """However many there are, one that is remembered has its own count."""
    addresses, seen = Addresses(rate=1000, refused=1, monotonic=lambda: 1.0, most=8), list[int]()
    for number in numbers:
        assert addresses.ask(f"192.0.2.{number}") == 0
        seen.append(number)
    assert len(addresses._asked) <= 8
