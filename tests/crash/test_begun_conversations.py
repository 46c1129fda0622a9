"""A conversation that we begin, with a process that is killed at any commit: one letter, one ticket, and both known."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from chorally_core.bootstrap.reaching import AccountReaching
from chorally_core.ports.documents import Key
from chorally_core.ports.reaching import NotReached, Reached
from chorally_core.services.outbound import commands
from chorally_core.services.outbound.model import Opening
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.crash.mortal import EachByItself, Life, MortalDatabase, When, calling
from tests.support.hooks import SECRET
from tests.support.letters import Letters
from tests.support.wall import WallPlatform
from tests.support.world import Clock, World

FATES = st.lists(st.sampled_from(["", "lost", "502", "429"]), max_size=3)
KILLS = st.lists(st.tuples(st.integers(0, 16), st.sampled_from(["before", "after"])), max_size=4)


class Story:
    """One letter, from the wish to the platform, over as many processes as it takes."""

    def __init__(self, folder: Path, fates: list[str], in_order: bool) -> None:
        self.folder = folder
        self.in_order = in_order
        self.clock = Clock()
        self.platform = WallPlatform()
        self.platform.next = list(fates)

    async def live(self, life: Life) -> Any:
        """Go on for a life; return what became of it, None where the life ended before."""
        made: list[World] = []
        final: list[Any] = []

        async def go_on() -> None:
            world = World(
                self.folder, {"wall": Letters}, clock=self.clock, database=lambda path: MortalDatabase(path, life),
                transports={"wall": calling(life, self._answer)}, in_order=self.in_order, documents=EachByItself,
            )  # fmt: skip
            made.append(world)
            await world.start()
            if not world.io.directory.apps:
                await world.app("wall", {"secret": SECRET})
            if not world.io.directory.accounts:
                await world.account("wall")
            await self._begin(world)
            for _ in range(30):
                await world.settle()
                self.clock.forward(seconds=30)
            final.append((await world.get(Opening, "letter-1"), await world.tickets(), await world.messages()))

        await life.live(go_on())
        for world in made:
            world.kill()
        return final[0] if final and not life.ended.is_set() else None

    async def _begin(self, world: World) -> None:
        """Ask for it, as often as somebody repeats the request."""
        reaching = AccountReaching(world.ledger.documents, world.io.directory)
        way = await reaching.way("acme", "account-wall-acme", "")
        assert not isinstance(way, NotReached)
        reached = way.to("Ada")
        assert isinstance(reached, Reached)

        def decide(found: Any) -> Any:
            return commands.begin(
                found.get(Opening, "letter-1"), reached, commands.Said("hello"), message_id="letter-1", tenant="acme",
                account_id="account-wall-acme", channel=way.name, name="Ada", actor=("agent", "eve"), at=self.clock(),
            )  # fmt: skip

        await world.actions.act([Key.by_id(Opening, "letter-1")], decide)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        return self.platform.answer(request)


async def _told(story: Story, kills: list[tuple[int, When]]) -> None:
    ended = None
    for at, when in kills:
        ended = await story.live(Life(at, when))
        if ended is not None:
            break
    opening, tickets, messages = ended or await story.live(Life()) or pytest.fail("an undisturbed life ends")
    assert [answer["to"] for answer in story.platform.answers] == ["ada"]
    assert (opening.state, opening.external_id) == ("sent", "a1")
    assert [(ticket.message_count, ticket.status) for ticket in tickets] == [(1, "waiting")]
    assert [(message.id, message.sequence, message.status) for message in messages] == [("letter-1", 1, "sent")]


@pytest.mark.parametrize("in_order", [False, True], ids=["one transaction", "in order"])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(fates=FATES, kills=KILLS)
def test_a_letter_is_sent_once_whatever_is_killed(
    in_order: bool, fates: list[str], kills: list[tuple[int, When]]
) -> None:
    """Whatever the platform answers and whichever commits are a process's last: one letter, one ticket (G3, G4)."""
    with TemporaryDirectory() as folder:
        asyncio.run(_told(Story(Path(folder), fates, in_order), kills))
