"""Webhooks that are proven by a platform's published keys: read when needed, read again when a key is not known."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.services.io.key_sets import KeySets, reader

import chorally_sdk as sdk
from tests.support.hooks import SECRET, a_hook
from tests.support.wall import Wall, WallPlatform
from tests.support.world import World, a_world

URL = "https://keys.example/jwks"


class Published(Wall):
    """A wall whose webhooks name a published key."""

    manifest = Wall.manifest.model_copy(update={"hooks": sdk.Hooks(scope="app", jwks=(URL,))})

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Look the key up."""
        known = [key["kid"] for keyset in keys.jwks.values() for key in keyset["keys"]]
        return sdk.accept() if hook.headers.get("x-key") in known else sdk.stale_keys()


class Keys:
    """The published keys, and how often they were read."""

    def __init__(self) -> None:
        self.names = ["k1"]
        self.reads = 0
        self.is_down = False

    async def __call__(self, url: str) -> dict[str, Any]:
        """Read them."""
        self.reads += 1
        if self.is_down:
            raise sdk.RetryLater("down")
        return {"keys": [{"kid": name} for name in self.names]}


@pytest.fixture
def keys() -> Keys:
    """One key."""
    return Keys()


@pytest.fixture
async def world(tmp_path: Path, keys: Keys) -> AsyncIterator[World]:
    """A core with one wall connected."""
    transports = {"wall": WallPlatform().transport()}
    async with a_world(tmp_path, {"wall": Published}, transports=transports) as world:
        world.io.directory.key_sets = KeySets(keys, monotonic=lambda: world.clock.at.timestamp())
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        yield world


async def _judged(world: World, key: str) -> str:
    hook = a_hook(world, {"id": "n1", "signer": None, "text": "hi", "at": "2026-11-23T08:00:00+00:00"})
    raw = hook.model_copy(update={"headers": {**hook.headers, "x-key": key}})
    return (await world.io.journal.receive("wall", "", raw)).kind


async def test_keys_are_read_at_the_first_webhook_and_kept(world: World, keys: Keys) -> None:
    """Those that follow are judged without asking again."""
    assert [await _judged(world, "k1") for _ in range(3)] == ["accept"] * 3
    assert keys.reads == 1


async def test_a_new_key_is_learnt_from_the_first_webhook_that_names_it(world: World, keys: Keys) -> None:
    """A rotation loses no webhook."""
    await _judged(world, "k1")
    keys.names = ["k1", "k2"]
    world.clock.forward(seconds=61)
    assert await _judged(world, "k2") == "accept"


async def test_names_of_keys_that_do_not_exist_make_nobody_read_often(world: World, keys: Keys) -> None:
    """However many such webhooks come, the keys are read once in a minute, and the webhooks are refused."""
    assert {await _judged(world, f"forged-{number}") for number in range(20)} == {"stale_keys"}
    assert keys.reads == 1


async def test_keys_outlive_a_platform_that_cannot_be_reached(world: World, keys: Keys) -> None:
    """What is at hand stays good."""
    await _judged(world, "k1")
    keys.is_down = True
    world.clock.forward(hours=2)
    assert await world.io.directory.renew_keys() is False
    assert await _judged(world, "k1") == "accept"


async def test_a_key_that_was_withdrawn_is_forgotten_within_an_hour(world: World, keys: Keys) -> None:
    """Sets are read again although every name is known."""
    await _judged(world, "k1")
    keys.names = ["k2"]
    world.clock.forward(hours=1, seconds=1)
    await world.io.round()
    assert world.io._keys_renewed is not None
    await world.io._keys_renewed
    assert await _judged(world, "k1") == "stale_keys"


@pytest.mark.parametrize("body", [[], {"keys": 1}, "x"])
async def test_what_is_no_key_set_is_not_taken_for_one(body: Any) -> None:
    """Whatever else the platform answers leaves what is at hand as it is."""
    read = reader(lambda host: httpx.MockTransport(lambda request: httpx.Response(200, json=body)))
    with pytest.raises(sdk.Malformed):
        await read(URL)
    assert await KeySets(read).renew([URL]) is False


async def test_a_set_is_read_without_any_token() -> None:
    """From its very URL."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"keys": []})

    assert await reader(lambda host: httpx.MockTransport(answer))(URL) == {"keys": []}
    assert str(asked[0].url) == URL
    assert "authorization" not in asked[0].headers
