"""A list, with a process that is killed at any commit: everybody gets one letter, and the list comes to its end."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from chorally_core.bootstrap.reaching import AccountReaching
from chorally_core.bootstrap.texts import Texts
from chorally_core.ports.documents import Write
from chorally_core.ports.reaching import NotReached, Reached
from chorally_core.services.outbound.model import Mailing, Opening
from chorally_core.services.outbound.sending import Sending
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.crash.mortal import EachByItself, Life, MortalDatabase, When, calling
from tests.support.hooks import SECRET
from tests.support.letters import Letters
from tests.support.wall import NOTE, WallPlatform
from tests.support.world import START, Clock, World

PEOPLE = ("ada", "bob", "cyd")
ACCOUNT = "account-wall-acme"
KILLS = st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["before", "after"])), max_size=4)


class Story:
    """One list, over as many processes as it takes."""

    def __init__(self, folder: Path, in_order: bool) -> None:
        self.folder = folder
        self.in_order = in_order
        self.clock = Clock()
        self.platform = WallPlatform()

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
            reaching = AccountReaching(world.ledger.documents, world.io.directory)
            await self._listed(world, reaching)
            judge = Texts(world.io.directory).judge
            sending = Sending(world.ledger.documents, world.actions, reaching, judge, self.clock)
            for _ in range(12):
                await sending.due()
                await world.settle()
                self.clock.forward(seconds=30)
            final.append((await world.get(Mailing, "list-1"), await world.all(Opening), await world.tickets()))

        await life.live(go_on())
        for world in made:
            world.kill()
        return final[0] if final and not life.ended.is_set() else None

    async def _listed(self, world: World, reaching: AccountReaching) -> None:
        """Make the list, with the people first: adding again changes nothing."""
        way = await reaching.way("acme", ACCOUNT, NOTE)
        assert not isinstance(way, NotReached)
        for who in PEOPLE:
            reached = way.to(who)
            assert isinstance(reached, Reached)
            opening = Opening(
                id=Opening.of_mailing("list-1", reached.author_id), tenant="acme", version=1, account_id=ACCOUNT,
                platform="wall", channel=NOTE, author_id=reached.author_id, to=who, mailing_id="list-1",
                waits_in="list-1", state="waiting", created_at=START, changed_at=START,
            )  # fmt: skip
            await world.ledger.documents.write([Write(opening, 0)])
        mailing = Mailing(
            id="list-1", tenant="acme", version=1, name="news", account_id=ACCOUNT, platform="wall", channel=NOTE,
            body="hello", state="running", recipients=3, per_minute=12, next_at=START, created_by="eve",
            created_at=START,
        )  # fmt: skip
        await world.ledger.documents.write([Write(mailing, 0)])

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        return self.platform.answer(request)


async def _told(story: Story, kills: list[tuple[int, When]]) -> None:
    ended = None
    for at, when in kills:
        ended = await story.live(Life(at, when))
        if ended is not None:
            break
    mailing, openings, tickets = ended or await story.live(Life()) or pytest.fail("an undisturbed life ends")
    assert sorted(answer["to"] for answer in story.platform.answers) == sorted(PEOPLE)
    assert (mailing.state, {opening.state for opening in openings}) == ("done", {"sent"})
    assert [ticket.message_count for ticket in tickets] == [1, 1, 1]


@pytest.mark.parametrize("in_order", [False, True], ids=["one transaction", "in order"])
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(kills=KILLS)
def test_nobody_on_a_list_gets_two_letters_whatever_is_killed(in_order: bool, kills: list[tuple[int, When]]) -> None:
    """Whichever commits are a process's last: one letter for each, and the list is done (G3)."""
    with TemporaryDirectory() as folder:
        asyncio.run(_told(Story(Path(folder), in_order), kills))
