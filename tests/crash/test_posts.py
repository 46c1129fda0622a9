"""A post of our own, with a process that is killed at any commit: it is seen once, and known to be."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING
from chorally_core.services.io.model import Delivery
from chorally_core.services.publishing import commands
from chorally_core.services.publishing.model import Publication, Target
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.crash.mortal import EachByItself, Life, MortalDatabase, When, calling
from tests.support.hooks import SECRET
from tests.support.plaza import POST, Plaza, PlazaPlatform
from tests.support.world import Clock, World

WORDS = st.lists(st.sampled_from(["one", "three", "seven", "eleven"]), min_size=1, max_size=11).map(" ".join)
FATES = st.lists(st.sampled_from(["", "lost", "502", "429"]), max_size=5)
KILLS = st.lists(st.tuples(st.integers(0, 14), st.sampled_from(["before", "after"])), max_size=5)


class Story:
    """One post, from the wish to the platform, over as many processes as it takes."""

    def __init__(self, folder: Path, body: str, fates: list[str], in_order: bool) -> None:
        self.folder = folder
        self.body = body
        self.in_order = in_order
        self.clock = Clock()
        self.platform = PlazaPlatform()
        self.platform.posting = list(fates)

    async def live(self, life: Life) -> tuple[Publication, list[Delivery]] | None:
        """Go on for a life; return what became of it, None where the life ended before."""
        made: list[World] = []
        final: list[Any] = []

        async def go_on() -> None:
            world = World(
                self.folder, {"wall": Plaza}, clock=self.clock, database=lambda path: MortalDatabase(path, life),
                transports={"wall": calling(life, self._answer)}, in_order=self.in_order, documents=EachByItself,
            )  # fmt: skip
            made.append(world)
            await world.start()
            if not world.io.directory.apps:
                await world.app("wall", {"secret": SECRET})
            if not world.io.directory.accounts:
                await world.account("wall")
            await self._publish(world)
            for _ in range(30):
                await world.settle()
                self.clock.forward(seconds=30)
            final.append((await world.get(Publication, "post-1"), await world.all(Delivery)))

        await life.live(go_on())
        for world in made:
            world.kill()
        return final[0] if final and not life.ended.is_set() else None

    async def _publish(self, world: World) -> None:
        """Ask for it, as often as somebody repeats the request."""

        def decide(found: Any) -> Any:
            at = self.clock()
            draft = commands.drafted(
                publication_id="post-1", tenant="acme", content={"body": self.body}, actor=("agent", "ada"), at=at,
                targets=[Target(id="", account_id="account-wall-acme", platform="wall", channel=POST)],
                known=found.get(Publication, "post-1"),
            )  # fmt: skip
            return NOTHING if draft is None else commands.add(draft, steps=(), actor=("agent", "ada"), at=at)

        await world.actions.act([Key.by_id(Publication, "post-1")], decide)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        return self.platform.answer(request)


async def _told(story: Story, kills: list[tuple[int, When]]) -> None:
    ended = None
    for at, when in kills:
        ended = await story.live(Life(at, when))
        if ended is not None:
            break
    publication, deliveries = ended or await story.live(Life()) or pytest.fail("an undisturbed life ends")
    assert " ".join(post["text"] for post in story.platform.posts) == story.body
    assert {delivery.state for delivery in deliveries} == {"sent"}
    assert len(deliveries) == len(story.platform.posts)
    (target,) = publication.targets
    assert (publication.state, target.external_id) == ("published", story.platform.posts[0]["id"])


@pytest.mark.parametrize("in_order", [False, True], ids=["one transaction", "in order"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=WORDS, fates=FATES, kills=KILLS)
def test_a_post_is_seen_once_whatever_is_killed(
    in_order: bool, body: str, fates: list[str], kills: list[tuple[int, When]]
) -> None:
    """Whatever the platform answers and whichever commits are a process's last; each part once, in order (G3)."""
    with TemporaryDirectory() as folder:
        asyncio.run(_told(Story(Path(folder), body, fates, in_order), kills))
