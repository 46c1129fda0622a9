"""What is on a platform already is hidden, shown, deleted, liked and edited: repeated until done, in its order."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.ports.documents import Key
from chorally_core.services.io.model import Moderation
from chorally_core.services.log.model import LogEntry
from chorally_core.services.message import commands
from chorally_core.services.message.changes import Actor
from chorally_core.services.message.model import Message, Ticket

import chorally_sdk as sdk
from tests.support.api import a_note, an_api
from tests.support.hooks import SECRET, receive
from tests.support.wall import Wall, WallPlatform
from tests.support.world import World, a_world

SAID = {"id": "n1", "signer": {"id": "ada", "name": "Ada"}, "text": "rude", "at": "2026-11-23T08:00:00+00:00"}


class ModeratedPlatform(WallPlatform):
    """The wall, on which notes can be changed."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[tuple[str, str, str]] = []
        self.fates: list[str] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Serve a request."""
        if not request.url.path.startswith("/actions/"):
            return super().answer(request)
        fate = self.fates.pop(0) if self.fates else ""
        if fate == "refused":
            raise httpx.ConnectError("refused")
        if fate.isdigit():
            return httpx.Response(int(fate), text="no")
        asked = json.loads(request.content)
        self.done.append((request.url.path.removeprefix("/actions/"), asked["id"], asked["body"]))
        if fate == "lost":
            raise httpx.ReadTimeout("lost")
        return httpx.Response(200, json={})


class Moderated(Wall, sdk.Moderates):
    """A wall whose notes can be changed; marks as read are not offered."""

    manifest = Wall.manifest.model_copy(
        update={
            "channels": (
                Wall.manifest.channels[0].model_copy(
                    update={
                        "actions": {
                            **Wall.manifest.channels[0].actions,
                            **dict.fromkeys(("hide", "unhide", "delete", "like"), sdk.Limits()),
                            "edit": sdk.Limits(max_text=10),
                        }
                    }
                ),
            )
        }
    )

    async def moderate(self, action: sdk.Action) -> None:
        """Do it."""
        body = {"id": action.external_id, "body": action.body}
        await self.http.post(f"/actions/{action.verb}", json=body)


@pytest.fixture
def platform() -> ModeratedPlatform:
    """A wall without notes."""
    return ModeratedPlatform()


@pytest.fixture
async def world(tmp_path: Path, platform: ModeratedPlatform, in_order: bool) -> AsyncIterator[World]:
    """A core with one wall connected and one note on it."""
    transports = {"wall": platform.transport()}
    async with a_world(tmp_path, {"wall": Moderated}, transports=transports, in_order=in_order) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        await receive(world, SAID)
        yield world


async def _said(world: World) -> Message:
    return next(message for message in await world.messages() if message.direction == "inbound")


async def _ask(world: World, verb: str, message: Message, name: str = "action-1", body: str = "") -> None:
    def decide(found: Any) -> Any:
        ticket = found.get(Ticket, message.ticket_id)
        actor = Actor("agent", "agent-1")
        known = found.get(Message, message.id)
        return commands.moderate(known, ticket, verb, body=body, actor=actor, action_id=name, at=world.clock())

    await world.actions.act([Key.by_id(Message, message.id), Key.by_id(Ticket, message.ticket_id or "")], decide)
    await world.settle()


async def _kinds(world: World) -> list[str]:
    return [entry.what for entry in await world.all(LogEntry) if entry.what.startswith("moderation")]


async def test_a_note_is_hidden_and_shown_again(world: World, platform: ModeratedPlatform) -> None:
    """The message changes once the platform has done it, and the log tells who asked and what became of it."""
    await _ask(world, "hide", await _said(world))
    assert platform.done == [("hide", "n1", "")]
    assert (await _said(world)).hidden
    assert await _kinds(world) == ["moderation_asked", "moderation_done"]

    await _ask(world, "unhide", await _said(world), "action-2")
    assert not (await _said(world)).hidden


async def test_a_deleted_note_says_nothing_any_more(world: World, platform: ModeratedPlatform) -> None:
    """Neither in the message nor in the moderation."""
    await _ask(world, "delete", await _said(world))
    message = await _said(world)
    assert (message.deleted_at is not None, message.body) == (True, "")
    assert (await world.get(Moderation, "action-1")).state == "done"


@pytest.mark.parametrize("fate", ["lost", "503", "refused", "429"])
async def test_what_was_cut_off_is_done_again(world: World, platform: ModeratedPlatform, fate: str) -> None:
    """Without a doubt in between: the same again changes nothing on the platform."""
    platform.fates = [fate, fate]
    await _ask(world, "hide", await _said(world))
    assert (await world.get(Moderation, "action-1")).state == "queued"
    assert not (await _said(world)).hidden
    for _ in range(4):
        world.clock.forward(minutes=2)
        await world.settle()
    assert set(platform.done) == {("hide", "n1", "")}
    assert (await world.get(Moderation, "action-1")).state == "done"
    assert (await _said(world)).hidden


async def test_the_same_command_twice_is_done_once(world: World, platform: ModeratedPlatform) -> None:
    """A repeat of the request has the same id."""
    message = await _said(world)
    await _ask(world, "like", message)
    await _ask(world, "like", message)
    assert platform.done == [("like", "n1", "")]


async def test_actions_on_one_note_keep_their_order(world: World, platform: ModeratedPlatform) -> None:
    """What was asked for last is how it is in the end, although the first had to wait."""
    message = await _said(world)
    platform.fates = ["503"]
    await _ask(world, "hide", message, "action-1")
    await _ask(world, "unhide", message, "action-2")
    assert platform.done == []
    for _ in range(3):
        world.clock.forward(minutes=1)
        await world.settle()
    assert [verb for verb, _, _ in platform.done] == ["hide", "unhide"]


async def test_a_refusal_is_told_with_the_platforms_reason(world: World, platform: ModeratedPlatform) -> None:
    """The message stays as it is, the moderation and the log say why."""
    platform.fates = ["400"]
    await _ask(world, "hide", await _said(world))
    moderation = await world.get(Moderation, "action-1")
    assert (moderation.state, moderation.reason, moderation.next_at) == ("failed", "invalid", None)
    assert moderation.error
    assert not (await _said(world)).hidden
    assert await _kinds(world) == ["moderation_asked", "moderation_failed"]


async def test_what_is_gone_is_marked_as_deleted(world: World, platform: ModeratedPlatform) -> None:
    """Whoever wrote it was faster: nothing is left to hide."""
    platform.fates = ["404"]
    await _ask(world, "hide", await _said(world))
    assert (await _said(world)).deleted_at is not None
    assert (await world.get(Moderation, "action-1")).reason == "gone"


async def test_our_answer_is_edited(world: World, platform: ModeratedPlatform) -> None:
    """The message has the new text, the earlier one is kept beside it; one that is too long is not asked for."""
    (ticket,) = await world.tickets()
    await world.reply(ticket, "helo")
    await world.settle()
    answer = await world.get(Message, "answer-1")
    await _ask(world, "edit", answer, body="hello")
    answer = await world.get(Message, "answer-1")
    assert (answer.body, [earlier.body for earlier in answer.previous_versions]) == ("hello", ["helo"])

    await _ask(world, "edit", answer, "action-2", body="hello, dear Ada")
    assert (await world.get(Moderation, "action-2")).error == (
        "the text has 15 code points, the platform takes 10; shorten it"
    )
    assert len(platform.done) == 1


async def test_only_our_own_messages_can_be_edited(world: World) -> None:
    """Nor can what is ours be liked."""
    with pytest.raises(commands.NotPossible):
        await _ask(world, "edit", await _said(world), body="nice")


async def test_nothing_is_done_for_an_account_that_was_disconnected(world: World, platform: ModeratedPlatform) -> None:
    """The agent is told."""
    (account,) = world.io.directory.accounts.values()
    await world.io.accounts.disconnect(account)
    await _ask(world, "hide", await _said(world))
    assert (await world.get(Moderation, "action-1")).state == "failed"
    assert platform.done == []


async def test_agents_ask_for_it_over_the_api(tmp_path: Path, platform: ModeratedPlatform) -> None:
    """What a channel offers can be asked for by whoever may, once under a key, and what became of it is seen."""
    async with an_api(tmp_path, platform=platform, connector=Moderated) as api:
        await api.hook(a_note("n1", "ada", "rude"))
        http = api.agent("agent")
        ticket = (await http.get("/message/v1/tickets")).json()["items"][0]
        message = (await http.get(f"/message/v1/tickets/{ticket['id']}/messages")).json()["items"][0]
        url = f"/message/v1/messages/{message['id']}/actions"
        assert (await http.get(url)).json() == {"verbs": ["edit", "delete", "hide", "unhide", "like"]}

        asked = [await http.post(url, json={"verb": "hide"}, headers={"Idempotency-Key": "k"}) for _ in range(2)]
        assert [answer.status_code for answer in asked] == [202, 202]
        await api.settle()
        assert platform.done == [("hide", "n1", "")]
        became = (await http.get(f"/io/v1/moderations/{asked[0].json()['id']}")).json()
        assert (became["state"], became["verb"]) == ("done", "hide")
        assert (await http.get(f"/message/v1/messages/{message['id']}")).json()["hidden"]

        for body, status in (({"verb": "read"}, 422), ({"verb": "edit"}, 422), ({"verb": "edit", "body": "x"}, 409)):
            assert (await http.post(url, json=body)).status_code == status
        assert (await api.agent("viewer").post(url, json={"verb": "like"})).status_code == 403
        assert (await api.agent("agent", "other").post(url, json={"verb": "like"})).status_code == 404
