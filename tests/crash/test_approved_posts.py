"""Posts that are approved, planned or recur, with a process that is killed at any commit: each is seen once."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from chorally_core.ports.colleagues import Colleague
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.services.io.model import Delivery
from chorally_core.services.publishing import commands, series
from chorally_core.services.publishing.approval import NotPossible, Step
from chorally_core.services.publishing.facts import Actor
from chorally_core.services.publishing.model import Publication, Target
from chorally_core.services.publishing.series import Series
from chorally_core.services.publishing.timing import publish_due
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.crash.mortal import EachByItself, Life, MortalDatabase, When, calling
from tests.support.hooks import SECRET
from tests.support.plaza import POST, Plaza, PlazaPlatform
from tests.support.world import START, Clock, World

KILLS = st.lists(st.tuples(st.integers(0, 12), st.sampled_from(["before", "after"])), max_size=4)
FATES = st.lists(st.sampled_from(["", "lost", "502"]), max_size=3)
ADA: Actor = ("agent", "ada")
BOB = Colleague(id="bob")
_TARGET = Target(id="", account_id="account-wall-acme", platform="wall", channel=POST)


class Story:
    """A post whose first text is edited while it waits for its time, and a series of two occurrences."""

    def __init__(self, folder: Path, fates: list[str], in_order: bool) -> None:
        self.folder = folder
        self.in_order = in_order
        self.clock = Clock()
        self.platform = PlazaPlatform()
        self.platform.posting = list(fates)

    async def live(self, life: Life) -> list[Any] | None:
        """Go on for a life; return posts, series and deliveries, None where the life ended before."""
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
            for does in (self._written, self._approved, self._edited, self._approved):
                await self._post(world, does)
            await world.actions.act([Key.by_id(Series, "series-1")], self._begun)
            for _ in range(30):
                await publish_due(world.ledger.documents, world.actions, self.clock)
                await world.settle()
                self.clock.forward(minutes=10)
            final.extend([await world.all(Publication), await world.get(Series, "series-1"), await world.all(Delivery)])

        await life.live(go_on())
        for world in made:
            world.kill()
        return final if final and not life.ended.is_set() else None

    async def _post(self, world: World, does: Any) -> None:
        try:
            await world.actions.act([Key.by_id(Publication, "post-1")], does)
        except NotPossible:
            return  # a life before had done it already

    def _written(self, found: Found) -> Change:
        draft = commands.drafted(
            publication_id="post-1", tenant="acme", actor=ADA, at=self.clock(), targets=[_TARGET],
            content={"body": "early", "publish_at": START.replace(hour=11)}, known=found.get(Publication, "post-1"),
        )  # fmt: skip
        return NOTHING if draft is None else commands.add(draft, steps=(Step(),), actor=ADA, at=self.clock())

    def _approved(self, found: Found) -> Change:
        known = found.get(Publication, "post-1")
        assert known is not None
        return commands.decide(
            known, BOB, "approved", content_hash=known.content_hash(), comment="", colleagues={}, at=self.clock()
        )

    def _edited(self, found: Found) -> Change:
        known = found.get(Publication, "post-1")
        assert known is not None
        return commands.edit(
            known, content={"body": "edited"}, targets=None, steps=(Step(),), actor=ADA, at=self.clock()
        )  # fmt: skip

    def _begun(self, found: Found) -> Change:
        if found.get(Series, "series-1") is not None:
            return NOTHING
        new = Series(
            id="series-1", tenant="acme", body="again", targets=(_TARGET,), rule="FREQ=DAILY;COUNT=1",
            starts_at="2026-11-23T10:30:00", time_zone="UTC", created_at=self.clock(), authors=("ada",),
        )  # fmt: skip
        return series.add(new, steps=(), actor=ADA, at=self.clock())

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        return self.platform.answer(request)


async def _told(story: Story, kills: list[tuple[int, When]]) -> None:
    ended = None
    for at, when in kills:
        ended = await story.live(Life(at, when))
        if ended is not None:
            break
    posts, recurring, deliveries = ended or await story.live(Life()) or pytest.fail("an undisturbed life ends")
    seen = sorted(post["text"] for post in story.platform.posts)
    if recurring.missed:  # the lives before took longer than an occurrence may be late
        assert seen == ["edited"]
    else:
        assert seen == ["again", "edited"]
    assert {post.state for post in posts} == {"published"}
    assert len(posts) == len(deliveries) == len(seen)
    assert recurring.state == "ended"
    assert recurring.published + recurring.missed == 1


@pytest.mark.parametrize("in_order", [False, True], ids=["one transaction", "in order"])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(fates=FATES, kills=KILLS)
def test_what_was_approved_is_seen_once_and_nothing_else(
    in_order: bool, fates: list[str], kills: list[tuple[int, When]]
) -> None:
    """The text that was edited away never, whichever commits are a process's last; an occurrence once, or missed."""
    with TemporaryDirectory() as folder:
        asyncio.run(_told(Story(Path(folder), fates, in_order), kills))
