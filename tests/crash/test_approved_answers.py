"""A trainee's answer, with a process that is killed at any commit: what was approved goes out once, nothing else."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.services.message import approving, commands
from chorally_core.services.message.approving import Awaiting
from chorally_core.services.message.changes import Actor
from chorally_core.services.message.model import Message, Ticket
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.crash.mortal import EachByItself, Life, MortalDatabase, When, calling
from tests.support.api import a_note
from tests.support.hooks import SECRET, receive
from tests.support.letters import Letters
from tests.support.wall import WallPlatform
from tests.support.world import Clock, World

KILLS = st.lists(st.tuples(st.integers(0, 14), st.sampled_from(["before", "after"])), max_size=4)
FATES = st.lists(st.sampled_from(["", "lost", "502"]), max_size=3)
TOM, EVE = Actor("agent", "tom"), Actor("agent", "eve")
NAME = "answer-1"


class Story:
    """A note that a trainee answers; the answer is rejected, edited and approved, over as many lives as it takes."""

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
            await receive(world, a_note("n1"))
            for does in (self._written, self._rejected, self._edited, self._stale, self._approved):
                await self._do(world, does)
            for _ in range(12):
                await world.settle()
                self.clock.forward(seconds=30)
            final.append((await world.tickets(), await world.messages(), await world.all(Awaiting)))

        await life.live(go_on())
        for world in made:
            world.kill()
        return final[0] if final and not life.ended.is_set() else None

    async def _do(self, world: World, does: Any) -> None:
        (ticket,) = await world.tickets()
        names = (NAME, ticket.last_inbound_id or "")
        keys = [Key.by_id(Ticket, ticket.id), Key.by_id(Awaiting, NAME), *(Key.by_id(Message, name) for name in names)]

        def decide(found: Found) -> Change:
            now = found.get(Ticket, ticket.id)
            assert now is not None
            change: Change = does(
                found.get(Message, NAME), now, found.get(Message, ticket.last_inbound_id), found.get(Awaiting, NAME)
            )
            return change

        try:
            await world.actions.act(keys, decide)
        except (commands.NotPossible, approving.ChangedMeanwhile):
            return  # a life before had done it already

    def _written(self, known: Message | None, ticket: Ticket, note: Message | None, waiting: Awaiting | None) -> Change:
        if known is not None and not ticket.lacks(known):
            return NOTHING
        at = self.clock()
        return commands.reply(
            ticket, note, body="wrong", actor=TOM, message_id=NAME, at=at, known=known,
            approval=approving.asks(TOM, "wrong", commands.Content(), at),
            beside=(Awaiting(id=NAME, tenant="acme", ticket_id=ticket.id, asked_at=at),),
        )  # fmt: skip

    def _rejected(self, known: Message, ticket: Ticket, note: Message, waiting: Awaiting | None) -> Change:
        if known.body != "wrong":
            return NOTHING
        return approving.reject(known, ticket, waiting, reason="no", actor=EVE, at=self.clock())

    def _edited(self, known: Message, ticket: Ticket, note: Message, waiting: Awaiting | None) -> Change:
        return approving.edit(known, ticket, body="right", actor=TOM, at=self.clock())

    def _stale(self, known: Message, ticket: Ticket, note: Message, waiting: Awaiting | None) -> Change:
        return self._approved(known, ticket, note, waiting, seen="wrong")

    def _approved(
        self, known: Message, ticket: Ticket, note: Message, waiting: Awaiting | None, seen: str = "right"
    ) -> Change:
        content = approving.content_of(seen, (), None, {})
        return approving.approve(
            known, ticket, note, waiting, content=content, body=None, actor=EVE, at=self.clock()
        )  # fmt: skip

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        return self.platform.answer(request)


async def _told(story: Story, kills: list[tuple[int, When]]) -> None:
    ended = None
    for at, when in kills:
        ended = await story.live(Life(at, when))
        if ended is not None:
            break
    tickets, messages, waiting = ended or await story.live(Life()) or pytest.fail("an undisturbed life ends")
    assert [answer["text"] for answer in story.platform.answers] == ["right"]
    assert [(ticket.message_count, ticket.status, ticket.waiting_since) for ticket in tickets] == [(2, "waiting", None)]
    assert [(message.body, message.sequence, message.status) for message in messages if message.id == NAME] == [
        ("right", 2, "sent")
    ]
    assert waiting == []


@pytest.mark.parametrize("in_order", [False, True], ids=["one transaction", "in order"])
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(fates=FATES, kills=KILLS)
def test_what_was_approved_goes_out_once_whatever_is_killed(
    in_order: bool, fates: list[str], kills: list[tuple[int, When]]
) -> None:
    """The text that was rejected never; the ticket is answered once, and nothing is left to be approved (G3)."""
    with TemporaryDirectory() as folder:
        asyncio.run(_told(Story(Path(folder), fates, in_order), kills))
