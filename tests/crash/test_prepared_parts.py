"""Answers that are prepared and split, with a process that is killed at any commit: each part is visible once."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from chorally_core.services.io.model import Delivery
from chorally_core.services.message.model import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.crash.mortal import EachByItself, Life, MortalDatabase, When, calling
from tests.support.hooks import SECRET, receive
from tests.support.studio import Studio, StudioPlatform
from tests.support.world import Clock, World

NOTE = {"id": "n1", "signer": {"id": "ada", "name": "Ada"}, "text": "hello", "at": "2026-11-23T08:00:00+00:00"}

WORDS = st.lists(st.sampled_from(["one", "three", "seven", "eleven"]), min_size=1, max_size=11).map(" ".join)
FATES = st.lists(st.sampled_from(["", "lost", "502", "refused", "429"]), max_size=6)
DRAFTING = st.lists(st.sampled_from(["", "503", "429"]), max_size=4)
KILLS = st.lists(st.tuples(st.integers(0, 14), st.sampled_from(["before", "after"])), max_size=5)


class Story:
    """One answer, from the agent's wish to the platform, over as many processes as it takes."""

    def __init__(self, folder: Path, body: str, fates: list[str], drafting: list[str], in_order: bool) -> None:
        self.folder = folder
        self.body = body
        self.in_order = in_order
        self.clock = Clock()
        self.platform = StudioPlatform()
        self.platform.next, self.platform.drafting, self.platform.looks = list(fates), list(drafting), 1
        self.is_begun = self.is_asked = False

    async def live(self, life: Life) -> tuple[Message, list[Delivery]] | None:
        """Go on for a life; return what became of it, None where the life ended before."""
        made: list[World] = []
        final: list[Any] = []

        async def go_on() -> None:
            world = World(
                self.folder, {"studio": Studio}, clock=self.clock, database=lambda path: MortalDatabase(path, life),
                transports={"studio": calling(life, self._answer)}, in_order=self.in_order, documents=EachByItself,
            )  # fmt: skip
            made.append(world)
            await world.start()
            if not self.is_begun:
                await world.app("studio", {"secret": SECRET}) if not world.io.directory.apps else None
                await world.account("studio") if not world.io.directory.accounts else None
                await receive(world, NOTE, platform="studio")
                self.is_begun = True
            if not self.is_asked:
                (ticket,) = await world.tickets()
                await world.reply(ticket, self.body)
                self.is_asked = True
            for _ in range(40):
                await world.settle()
                self.clock.forward(seconds=30)
            final.append((await world.get(Message, "answer-1"), await world.all(Delivery)))

        await life.live(go_on())
        for world in made:
            world.kill()
        return final[0] if final and not life.ended.is_set() else None

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        return self.platform.answer(request)


async def _told(story: Story, kills: list[tuple[int, When]]) -> None:
    ended = None
    for at, when in kills:
        ended = await story.live(Life(at, when))
        if ended is not None:
            break
    message, deliveries = ended or await story.live(Life()) or pytest.fail("an undisturbed life ends")
    texts = [answer["text"] for answer in story.platform.answers]
    assert " ".join(texts) == story.body
    assert all(len(text) <= 20 for text in texts)
    assert len({answer["ref"] for answer in story.platform.answers}) == len(texts)
    assert {delivery.state for delivery in deliveries} == {"sent"}
    assert len(deliveries) == len(texts)
    assert (message.status, message.external_id) == ("sent", story.platform.answers[0]["id"])


@pytest.mark.parametrize("in_order", [False, True], ids=["one transaction", "in order"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=WORDS, fates=FATES, drafting=DRAFTING, kills=KILLS)
def test_every_part_is_visible_once_and_in_order_whatever_is_killed(
    in_order: bool, body: str, fates: list[str], drafting: list[str], kills: list[tuple[int, When]]
) -> None:
    """Whatever the platform answers and whichever commits are a process's last; drafts may be left over (G3)."""
    with TemporaryDirectory() as folder:
        asyncio.run(_told(Story(Path(folder), body, fates, drafting, in_order), kills))


@pytest.mark.slow
@pytest.mark.parametrize("in_order", [False, True], ids=["one transaction", "in order"])
def test_a_kill_at_each_commit_of_an_answer_in_parts(in_order: bool) -> None:
    """Each commit there is, before it is durable and after it."""
    body, fates = "one two three four five six seven eight nine ten", ["", "lost"]

    async def every() -> None:
        with TemporaryDirectory() as folder:
            life = Life()
            assert await Story(Path(folder), body, fates, [], in_order).live(life) is not None
        for at in range(life.commits):
            for when in ("before", "after"):
                with TemporaryDirectory() as folder:
                    await _told(Story(Path(folder), body, fates, [], in_order), [(at, when)])

    asyncio.run(every())
