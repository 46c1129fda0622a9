"""What went out in several parts is edited and deleted in all of them, once each, whatever comes in between."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.ports.documents import Key
from chorally_core.services.io.model import Moderation
from chorally_core.services.message import commands
from chorally_core.services.message.changes import Actor
from chorally_core.services.message.model import Message, Ticket

import chorally_sdk as sdk
from tests.support.hooks import SECRET, receive
from tests.support.studio import NOTE as STUDIO
from tests.support.studio import Studio, StudioPlatform
from tests.support.world import World, a_world

NOTE = {"id": "n1", "signer": {"id": "ada", "name": "Ada"}, "text": "hello", "at": "2026-11-23T08:00:00+00:00"}
LONG = "one two three four. five six seven, eight nine ten"


class ChangingPlatform(StudioPlatform):
    """The studio, on which answers can be changed."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[tuple[str, str, str]] = []
        self.fates: list[str] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Serve a request."""
        if not request.url.path.startswith("/actions/"):
            return super().answer(request)
        fate = self.fates.pop(0) if self.fates else ""
        if fate:
            return httpx.Response(int(fate), text="no")
        asked = json.loads(request.content)
        self.done.append((request.url.path.removeprefix("/actions/"), asked["id"], asked["body"]))
        return httpx.Response(200, json={})


class Changing(Studio, sdk.Moderates):
    """A studio whose answers can be edited and deleted."""

    manifest = Studio.manifest.model_copy(
        update={
            "channels": (
                sdk.Channel(
                    name=STUDIO,
                    actions={
                        **Studio.manifest.channels[0].actions,
                        "delete": sdk.Limits(), "hide": sdk.Limits(), "edit": sdk.Limits(max_text=20),
                    },
                ),
            )
        }
    )  # fmt: skip

    async def moderate(self, action: sdk.Action) -> None:
        """Do it."""
        await self.http.post(f"/actions/{action.verb}", json={"id": action.external_id, "body": action.body})


@pytest.fixture
def platform() -> ChangingPlatform:
    """A studio without drafts."""
    return ChangingPlatform()


@pytest.fixture
async def world(tmp_path: Path, platform: ChangingPlatform, in_order: bool) -> AsyncIterator[World]:
    """A core with one studio connected and one note in it."""
    transports = {"studio": platform.transport()}
    async with a_world(tmp_path, {"studio": Changing}, transports=transports, in_order=in_order) as world:
        await world.app("studio", {"secret": SECRET})
        await world.account("studio")
        await receive(world, NOTE, platform="studio")
        yield world


async def _later(world: World, times: int = 6) -> None:
    for _ in range(times):
        world.clock.forward(seconds=40)
        await world.settle()


async def _answered(world: World, text: str = LONG) -> None:
    (ticket,) = await world.tickets()
    await world.reply(ticket, text)
    await world.settle()
    await _later(world)


async def _ask(world: World, verb: str, body: str = "", name: str = "action-1") -> None:
    message = await world.get(Message, "answer-1")

    def decide(found: Any) -> Any:
        ticket, known = found.get(Ticket, message.ticket_id), found.get(Message, message.id)
        actor = Actor("agent", "agent-1")
        return commands.moderate(known, ticket, verb, body=body, actor=actor, action_id=name, at=world.clock())

    await world.actions.act([Key.by_id(Message, message.id), Key.by_id(Ticket, message.ticket_id)], decide)
    await world.settle()


async def test_deleting_reaches_every_part_from_the_last_to_the_first(world: World, platform: ChangingPlatform) -> None:
    """The message counts as deleted when all of it is."""
    await _answered(world)
    await _ask(world, "delete")
    assert platform.done == [("delete", "a3", ""), ("delete", "a2", ""), ("delete", "a1", "")]
    assert (await world.get(Message, "answer-1")).deleted_at is not None
    moderation = await world.get(Moderation, "action-1")
    assert (moderation.state, [target.is_done for target in moderation.targets]) == ("done", [True] * 3)


async def test_after_a_kill_only_what_is_left_is_done(
    world: World, platform: ChangingPlatform, tmp_path: Path, in_order: bool
) -> None:
    """Each part is remembered as it is done, so the next process goes on behind it."""
    await _answered(world)
    platform.fates = ["", "503"]
    await _ask(world, "delete")
    assert platform.done == [("delete", "a3", "")]
    assert (await world.get(Message, "answer-1")).deleted_at is None
    clock = world.clock
    world.kill()

    transports = {"studio": platform.transport()}
    async with a_world(tmp_path, {"studio": Changing}, transports=transports, in_order=in_order, clock=clock) as again:
        await _later(again, 2)
        assert platform.done[1:] == [("delete", "a2", ""), ("delete", "a1", "")]
        assert (await again.get(Message, "answer-1")).deleted_at is not None


async def test_a_shorter_text_replaces_the_first_parts_and_deletes_the_others(
    world: World, platform: ChangingPlatform
) -> None:
    """Each part gets its piece; the message has the new text as a whole."""
    await _answered(world)
    await _ask(world, "edit", "one two three. four five six")
    assert platform.done == [("edit", "a1", "one two three."), ("edit", "a2", "four five six"), ("delete", "a3", "")]
    message = await world.get(Message, "answer-1")
    assert (message.body, message.deleted_at) == ("one two three. four five six", None)
    assert [target.body for target in (await world.get(Moderation, "action-1")).targets] == ["", "", ""]

    await receive(world, {"mark": "deleted", "id": "a3"}, platform="studio")
    await world.settle()
    assert (await world.get(Message, "answer-1")).deleted_at is None


async def test_a_text_that_takes_more_parts_is_refused_before_anything_is_changed(
    world: World, platform: ChangingPlatform
) -> None:
    """An edit makes nothing new visible."""
    await _answered(world)
    await _ask(world, "edit", "0123456789012345678 " * 4)
    moderation = await world.get(Moderation, "action-1")
    assert (moderation.state, moderation.error) == (
        "failed", "the new text takes 4 parts, the message has 3 with text; shorten it",
    )  # fmt: skip
    assert platform.done == []


async def test_a_part_that_cannot_be_changed_is_named_with_how_far_it_got(
    world: World, platform: ChangingPlatform
) -> None:
    """The agent sees what was done and what was not; the message stays as it is."""
    await _answered(world)
    platform.fates = ["", "400"]
    await _ask(world, "hide")
    moderation = await world.get(Moderation, "action-1")
    assert moderation.state == "failed"
    assert moderation.error.startswith("part 2; 1 of 3 parts are done: ")
    assert not (await world.get(Message, "answer-1")).hidden


async def test_a_part_that_is_gone_already_counts_as_deleted(world: World, platform: ChangingPlatform) -> None:
    """Whoever deleted it was faster; the others are deleted all the same."""
    await _answered(world)
    platform.fates = ["404"]
    await _ask(world, "delete")
    assert platform.done == [("delete", "a2", ""), ("delete", "a1", "")]
    assert (await world.get(Moderation, "action-1")).state == "done"


async def test_parts_on_their_way_are_waited_for(world: World, platform: ChangingPlatform) -> None:
    """What is not certain cannot be reached yet, and would be left over."""
    platform.next, platform.search = ["", "lost"], 503
    await _answered(world)
    assert len(platform.answers) == 2
    await _ask(world, "delete")
    assert (await world.get(Moderation, "action-1")).error == "part 2 of 3 is unconfirmed; it is waited for"
    platform.search = 200
    await _later(world, 12)
    assert [name for _, name, _ in platform.done] == ["a3", "a2", "a1"]
