"""Answers are prepared unseen, split where they exceed one call, and refused before any network where they must be."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from chorally_core.events import Attached
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.io.model import Delivery
from chorally_core.services.message.model import Message

from tests.support.hooks import SECRET, receive
from tests.support.studio import NOTE as STUDIO
from tests.support.studio import Studio, StudioPlatform
from tests.support.world import World, a_world

NOTE = {"id": "n1", "signer": {"id": "ada", "name": "Ada"}, "text": "hello", "at": "2026-11-23T08:00:00+00:00"}
LONG = "one two three four. five six seven, eight nine ten"
PIECES = ["one two three four.", "five six seven,", "eight nine ten"]


@pytest.fixture
def platform() -> StudioPlatform:
    """A studio without drafts."""
    return StudioPlatform()


@pytest.fixture
async def world(tmp_path: Path, platform: StudioPlatform, in_order: bool) -> AsyncIterator[World]:
    """A core with one studio connected and one note in it."""
    transports = {"studio": platform.transport()}
    async with a_world(tmp_path, {"studio": Studio}, transports=transports, in_order=in_order) as world:
        await world.app("studio", {"secret": SECRET})
        await world.account("studio")
        await receive(world, NOTE, platform="studio")
        yield world


async def _answer(world: World, text: str = "hi", name: str = "answer-1") -> None:
    (ticket,) = await world.tickets()
    await world.reply(ticket, text, name)
    await world.settle()


async def _later(world: World, times: int = 6) -> None:
    for _ in range(times):
        world.clock.forward(seconds=40)
        await world.settle()


async def test_an_answer_is_drafted_before_it_is_claimed(world: World, platform: StudioPlatform) -> None:
    """Unseen steps come first, each stored; the visible call carries what they left behind."""
    platform.looks = 2
    await _answer(world)
    waiting = await world.delivery()
    assert (waiting.state, waiting.steps, waiting.is_ready, waiting.tried_at) == ("queued", 2, False, None)

    world.clock.forward(seconds=6)
    await world.settle()
    world.clock.forward(seconds=6)
    await world.settle()
    assert [answer["draft"] for answer in platform.answers] == ["d1"]
    assert (await world.get(Message, "answer-1")).status == "sent"


@pytest.mark.parametrize("fate", ["503", "429"])
async def test_a_step_that_fails_is_taken_again(world: World, platform: StudioPlatform, fate: str) -> None:
    """A platform that is busy while a draft is made is asked again later; nothing is in doubt."""
    platform.drafting = [fate]
    await _answer(world)
    assert (await world.delivery()).state == "queued"
    await _later(world)
    assert [answer["draft"] for answer in platform.answers] == ["d1"]


async def test_a_draft_that_is_refused_fails_the_answer_with_the_platforms_reason(
    world: World, platform: StudioPlatform
) -> None:
    """The agent sees why; nothing was visible."""
    platform.drafting = ["400"]
    await _answer(world)
    message = await world.get(Message, "answer-1")
    assert message.status == "failed"
    assert message.error
    assert platform.answers == []


async def test_a_long_answer_becomes_several_in_their_order(world: World, platform: StudioPlatform) -> None:
    """Each part has its own claim and reference; the message is sent when the last part is."""
    await _answer(world, LONG)
    await _later(world)

    assert [answer["text"] for answer in platform.answers] == PIECES
    assert len({answer["ref"] for answer in platform.answers}) == 3
    message = await world.get(Message, "answer-1")
    assert (message.status, message.external_id, message.body) == ("sent", "a1", LONG)


async def test_a_part_waits_until_the_one_before_it_is_certain(world: World, platform: StudioPlatform) -> None:
    """While it is not known whether the second was made, the third is not sent."""
    platform.next = ["", "lost"]
    platform.search = 503
    await _answer(world, LONG)
    await _later(world, 2)
    assert [answer["text"] for answer in platform.answers] == PIECES[:2]
    assert (await world.get(Message, "answer-1")).status == "unconfirmed"

    platform.search = 200
    await _later(world, 12)
    assert [answer["text"] for answer in platform.answers] == PIECES
    assert (await world.get(Message, "answer-1")).status == "sent"


async def test_the_failure_of_a_later_part_is_told_and_can_be_tried_again(
    world: World, platform: StudioPlatform
) -> None:
    """The message has failed, and says which part and what is visible; trying again goes on from there."""
    platform.next = ["", "400"]
    await _answer(world, LONG)
    await _later(world)
    message = await world.get(Message, "answer-1")
    assert message.status == "failed"
    assert message.error.startswith("part 2 of 3: ")
    assert message.error.endswith("the parts before it are visible")
    states = {d.id: (d.state, d.reason) for d in await world.all(Delivery)}
    assert states["answer-1/03"] == ("failed", "earlier_part")

    await world.io.outbox.retry(await world.delivery("answer-1/02"))
    await world.settle()
    await _later(world)
    assert [answer["text"] for answer in platform.answers] == PIECES
    assert (await world.get(Message, "answer-1")).status == "sent"


async def test_the_next_answer_waits_for_all_parts(world: World, platform: StudioPlatform) -> None:
    """Answers to one person do not come between the parts of another."""
    (ticket,) = await world.tickets()
    await world.reply(ticket, LONG)
    await world.reply(ticket, "bye", "answer-2")
    await world.settle()
    await _later(world)
    assert [answer["text"] for answer in platform.answers] == [*PIECES, "bye"]


async def test_an_answer_of_too_many_parts_is_refused_before_any_network(
    world: World, platform: StudioPlatform
) -> None:
    """The agent sees how many it would take."""
    calls = len(platform.calls)
    await _answer(world, "0123456789012345678 " * 5)
    message = await world.get(Message, "answer-1")
    assert (message.status, message.error) == ("failed", "it takes 5 parts, the platform takes 4; shorten it")
    assert len(platform.calls) == calls


@pytest.mark.parametrize(("days", "status", "late"), [(0, "sent", False), (2, "sent", True), (8, "failed", None)])
async def test_a_person_may_answer_within_the_agents_window(
    world: World, platform: StudioPlatform, days: int, status: str, late: bool | None
) -> None:
    """After the reply window an agent's answer goes out as late; after the agents' own it is refused."""
    world.clock.forward(days=days)
    await _answer(world)
    assert (await world.get(Message, "answer-1")).status == status
    assert [answer["late"] for answer in platform.answers] == ([] if late is None else [late])


async def _with_files(world: World, *files: Attached) -> None:
    """Answer with files, as a command of the channel does."""
    (account,) = world.io.directory.accounts.values()
    delivery = Delivery(
        id="answer-1", tenant="acme", account_id=account.id, platform="studio", channel=STUDIO, key="acme/ada",
        client_ref=Delivery.client_ref_of("answer-1"), body="look", attachments=files, in_reply_to="n1",
        created_at=world.clock(), next_at=world.clock(),
    )  # fmt: skip
    await world.ledger.commit(Work([Step.of([delivery])]))
    await world.io.outbox.dispatch()
    await world.io.outbox.idle()
    for _ in range(6):
        world.clock.forward(seconds=30)
        await world.io.outbox.dispatch()
        await world.io.outbox.idle()


def _file(**more: Any) -> Attached:
    given = {"kind": "image", "external_id": "files/1", "media_type": "image/png", "name": "a.png", "size_bytes": 3}
    return Attached(**{**given, **more})


async def test_files_are_read_from_the_tenants_objects(world: World, platform: StudioPlatform) -> None:
    """Each call takes as many as the platform does; further ones follow in parts of their own."""
    await world.objects.put("acme", "files/1", b"abc")
    await world.objects.put("acme", "files/2", b"de")
    await _with_files(world, _file(), _file(external_id="files/2", size_bytes=2))
    assert [draft["files"] for draft in platform.drafts.values()] == [[3], [2]]
    assert [answer["text"] for answer in platform.answers] == ["look", ""]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"media_type": "video/mp4"}, "a.png is video/mp4; the platform takes application/pdf, image/*"),
        ({"size_bytes": 1001}, "a.png has 1001 bytes, the platform takes 1000; make it smaller"),
        ({"media_type": "application/pdf", "size_bytes": 51}, "a.png has 51 bytes, the platform takes 50; "),
        ({"external_id": "hooks/1"}, "this attachment is no file of ours"),
        ({"external_id": "files/gone"}, "the file is no longer kept"),
    ],
)
async def test_files_that_cannot_go_are_refused_with_the_reason(
    world: World, platform: StudioPlatform, more: dict[str, Any], why: str
) -> None:
    """Nothing is drafted, nothing is visible, and nothing else of the tenant's goes out."""
    await world.objects.put("acme", "hooks/1", b"what somebody wrote")
    await _with_files(world, _file(**more))
    delivery = await world.delivery()
    assert delivery.state == "failed"
    assert why in delivery.error
    assert (platform.answers, platform.drafts) == ([], {})
