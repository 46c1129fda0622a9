"""What a webhook only names is fetched: once for many pings, again for what changes meanwhile, never lost."""

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx
import pytest
from chorally_core.ports.parking import DeadLetter
from chorally_core.services.io.model import Nudge

import chorally_sdk as sdk
from tests.support.hooks import SECRET, receive
from tests.support.wall import Wall, WallPlatform, to_event, to_message
from tests.support.world import World, a_world

NOTE = {"id": "n1", "signer": {"id": "ada", "name": "Ada"}, "text": "hello", "at": "2026-11-23T08:00:00+00:00"}


class NamingPlatform(WallPlatform):
    """The wall, whose notes can be asked for one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.fates: list[str] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Serve a request."""
        if not request.url.path.startswith("/notes/"):
            return super().answer(request)
        self.calls.append(f"{request.method} {request.url.path}")
        fate = self.fates.pop(0) if self.fates else ""
        if fate:
            return httpx.Response(int(fate), text="no")
        found = [note for note in self.notes if note["id"] == request.url.path.removeprefix("/notes/")]
        return httpx.Response(200, json=found[0]) if found else httpx.Response(404, text="gone")


class Naming(Wall, sdk.Fetches):
    """A wall whose webhooks only name notes."""

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Read pings that name a note, and whatever else there is."""
        items = json.loads(hook.body)["items"]
        return [
            sdk.Ping(stream="notes", account="wall-1", external_id=item["named"]) if "named" in item else to_event(item)
            for item in items
        ]

    async def fetch(self, ping: sdk.Ping) -> Sequence[sdk.Event]:
        """Read the note."""
        return [to_message((await self.http.get(f"/notes/{ping.external_id}")).json())]


@pytest.fixture
def platform() -> NamingPlatform:
    """A wall with one note."""
    platform = NamingPlatform()
    platform.notes.append(dict(NOTE))
    return platform


@pytest.fixture
async def world(tmp_path: Path, platform: NamingPlatform, in_order: bool) -> AsyncIterator[World]:
    """A core with one wall connected."""
    transports = {"wall": platform.transport()}
    async with a_world(tmp_path, {"wall": Naming}, transports=transports, in_order=in_order) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        platform.calls.clear()
        yield world


async def _fetch(world: World, times: int = 1) -> None:
    for _ in range(times):
        await world.io.fetching.dispatch()
        await world.io.fetching.idle()
        await world.settle()
        world.clock.forward(minutes=2)


async def test_many_pings_of_one_object_are_one_fetch(world: World, platform: NamingPlatform) -> None:
    """They are one row until it is fetched, and none afterwards."""
    for _ in range(3):
        await receive(world, {"named": "n1"}, {"named": "n1"})
    assert len(await world.all(Nudge)) == 1
    await _fetch(world)
    assert platform.calls == ["GET /notes/n1"]
    assert [message.body for message in await world.messages()] == ["hello"]
    assert await world.all(Nudge) == []


async def test_what_changes_while_it_is_fetched_is_fetched_again(world: World, platform: NamingPlatform) -> None:
    """A ping that comes then is not taken as answered."""
    await receive(world, {"named": "n1"})
    (nudge,) = await world.all(Nudge)
    taken = await world.io.fetching._taken(nudge)
    await receive(world, {"named": "n1"})
    assert len(await world.all(Nudge)) == 2
    assert taken.is_taken
    await _fetch(world)
    assert platform.calls == ["GET /notes/n1"] * 2
    assert await world.all(Nudge) == []


async def test_an_object_that_is_gone_is_marked_as_deleted(world: World, platform: NamingPlatform) -> None:
    """What was known of it says nothing any more."""
    await receive(world, {"named": "n1"})
    await _fetch(world)
    platform.notes.clear()
    await receive(world, {"named": "n1"})
    await _fetch(world)
    (message,) = await world.messages()
    assert (message.deleted_at is not None, message.body) == (True, "")


async def test_a_busy_platform_is_asked_again(world: World, platform: NamingPlatform) -> None:
    """The row stays until the object has come."""
    platform.fates = ["503"] * 3 + ["429"]
    await receive(world, {"named": "n1"})
    await _fetch(world, 4)
    assert [message.body for message in await world.messages()] == ["hello"]


async def test_what_cannot_be_fetched_becomes_a_dead_letter(world: World, platform: NamingPlatform) -> None:
    """It holds up no other object."""
    platform.notes.append({**NOTE, "id": "n2", "signer": "nobody"})
    await receive(world, {"named": "n2"}, {"named": "n1"})
    await _fetch(world, 8)
    assert [message.external_id for message in await world.messages()] == ["n1"]
    assert len(await world.all(DeadLetter)) == 1
    assert await world.all(Nudge) == []


async def test_a_ping_of_a_stream_pulls_it_and_leaves_named_objects_to_the_fetch(
    world: World, platform: NamingPlatform
) -> None:
    """The two kinds of pings do not answer each other."""
    await receive(world, {"ping": "notes"}, {"named": "n1"})
    assert len(await world.all(Nudge)) == 2
    (account,) = world.io.directory.accounts.values()
    await world.pull(account)
    assert [nudge.external_id for nudge in await world.all(Nudge)] == ["n1"]
