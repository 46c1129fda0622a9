"""The keys of an outside issuer: fetched when needed, seldom, and kept while it is away."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from chorally_core.adapters.identity import RemoteKeys
from chorally_core.ports.identity import IdentityUnavailable
from joserfc.jwk import ECKey, OctKey, RSAKey

URL = "https://keycloak.example/realms/acme/protocol/openid-connect/certs"
FIRST = {**RSAKey.generate_key(2048).as_dict(private=False), "kid": "k1", "use": "sig", "alg": "RS256"}
SECOND = {**ECKey.generate_key("P-256").as_dict(private=False), "kid": "k2"}


class Provider:
    """An issuer whose answer a test sets."""

    def __init__(self) -> None:
        self.answer: Any = {"keys": [FIRST]}
        self.asked = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        assert str(request.url) == URL
        self.asked += 1
        await asyncio.sleep(0)
        if isinstance(self.answer, Exception):
            raise self.answer
        if isinstance(self.answer, httpx.Response):
            return self.answer
        return httpx.Response(200, json=self.answer)


@pytest.fixture
def provider() -> Provider:
    """Return an issuer with one key."""
    return Provider()


@pytest.fixture
async def keys(provider: Provider, clock: Any) -> AsyncIterator[RemoteKeys]:
    """Return the keys at the issuer's URL."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(provider)) as http:
        yield RemoteKeys(URL, http, clock)


async def _kid(keys: RemoteKeys, kid: str) -> str | None:
    found = await keys.key(kid)
    return found.kid if found is not None else None


async def test_keys_are_fetched_when_first_needed_and_once_for_all(keys: RemoteKeys, provider: Provider) -> None:
    """Many requests at the start ask the issuer one time."""
    assert provider.asked == 0
    assert await asyncio.gather(*(_kid(keys, "k1") for _ in range(20))) == ["k1"] * 20
    assert provider.asked == 1


async def test_an_unknown_key_asks_again_at_most_once_a_minute(
    keys: RemoteKeys, provider: Provider, clock: Any
) -> None:
    """Made-up key ids cannot be used to flood the issuer; a rotated key is found within the minute."""
    await keys.key("k1")
    for n in range(20):
        assert await keys.key(f"made-up-{n}") is None
    assert provider.asked == 1
    provider.answer = {"keys": [FIRST, SECOND]}
    clock.advance(seconds=61)
    assert await _kid(keys, "k2") == "k2"
    assert (provider.asked, keys.revision) == (2, 0)


async def test_a_key_that_the_issuer_withdraws_is_forgotten(keys: RemoteKeys, provider: Provider, clock: Any) -> None:
    """Within a quarter of an hour, and what was verified by it is verified again."""
    await keys.key("k1")
    provider.answer = {"keys": [SECOND]}
    clock.advance(minutes=14)
    assert await _kid(keys, "k1") == "k1"
    clock.advance(minutes=1)
    assert await keys.key("k1") is None
    assert keys.revision == 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.Response(500),
        httpx.Response(302, headers={"Location": "https://evil.example"}),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, content=b"\xff\xfe"),
        httpx.Response(200, content=b" " * 1_100_000),
        [],
        {"keys": {}},
        {"keys": []},
    ],
)
async def test_while_the_issuer_is_away_its_keys_remain_good(
    answer: Any, keys: RemoteKeys, provider: Provider, clock: Any
) -> None:
    """Known keys go on verifying; for an unknown one the caller is asked to come again, not refused."""
    await keys.key("k1")
    provider.answer = answer
    clock.advance(hours=1)
    assert await _kid(keys, "k1") == "k1"
    with pytest.raises(IdentityUnavailable):
        await keys.key("k2")
    assert provider.asked == 2
    provider.answer = {"keys": [FIRST, SECOND]}
    clock.advance(minutes=1)
    assert await _kid(keys, "k2") == "k2"


async def test_before_the_first_fetch_nobody_can_be_told(keys: RemoteKeys, provider: Provider) -> None:
    """An installation that starts before its issuer answers "later"."""
    provider.answer = httpx.ConnectError("refused")
    with pytest.raises(IdentityUnavailable) as later:
        await keys.key("k1")
    assert later.value.wait_s == 60


@pytest.mark.parametrize(
    "other",
    [
        {**OctKey.generate_key(256).as_dict(private=True), "kid": "bad", "alg": "HS256"},
        {**FIRST, "kid": "bad", "use": "enc", "alg": "RSA-OAEP"},
        {**FIRST, "kid": "bad", "use": "enc"},
        {**FIRST, "kid": "bad", "alg": "RS512"},
        {**FIRST, "kid": "bad", "n": "AQAB"},
        {**FIRST, "kid": "bad", "n": "AQ" * 80},
        {**FIRST, "kid": None},
        {**ECKey.generate_key("P-384").as_dict(private=False), "kid": "bad"},
        {"kty": "RSA", "kid": "bad"},
        {"kty": ["RSA"], "kid": "bad"},
        {"kid": "bad"},
        "bad",
        None,
    ],
)
async def test_keys_of_no_use_are_passed_over(other: Any, keys: RemoteKeys, provider: Provider) -> None:
    """Shared secrets, encryption keys, weak or broken ones do not spoil the set and are never used."""
    provider.answer = {"keys": [other, FIRST]}
    assert await _kid(keys, "k1") == "k1"
    assert await keys.key("bad") is None
