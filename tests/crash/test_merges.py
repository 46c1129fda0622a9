"""Tickets that are merged, parted and split, with a process that is killed at any commit: as if nothing had been."""

import asyncio
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from chorally_core.events import Data, TicketMerge, TicketSplit, TicketUnmerge
from chorally_core.events.ids import derived
from chorally_core.ports.handlers import Change, Found
from chorally_core.services.message import merging
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.crash.mortal import EachByItself, Life, MortalDatabase, When, calling
from tests.support.api import a_note
from tests.support.hooks import SECRET, receive
from tests.support.wall import Wall, WallPlatform
from tests.support.world import Clock, World

KILLS = st.lists(st.tuples(st.integers(0, 22), st.sampled_from(["before", "after"])), max_size=4)


class Story:
    """Ada's ticket is merged into Bob's, that into Cyd's, Ada's parted again, and a message split off."""

    def __init__(self, folder: Path, in_order: bool) -> None:
        self.folder = folder
        self.in_order = in_order
        self.clock = Clock()
        self.platform = WallPlatform()
        self.begun: list[str] = []

    async def live(self, life: Life) -> Any:
        """Go on for a life; return what became of it, None where the life ended before."""
        made: list[World] = []
        final: list[Any] = []

        async def go_on() -> None:
            world = World(
                self.folder, {"wall": Wall}, clock=self.clock, database=lambda path: MortalDatabase(path, life),
                transports={"wall": calling(life, self.platform.transport().handle_async_request)},
                in_order=self.in_order, documents=EachByItself,
            )  # fmt: skip
            made.append(world)
            await world.start()
            if not world.io.directory.apps:
                await world.app("wall", {"secret": SECRET})
            if not world.io.directory.accounts:
                await world.account("wall")
            for number, who in enumerate(("ada", "bob", "cyd", "bob", "bob")):
                await receive(world, a_note(f"n{number}", who, at=f"2026-11-23T08:0{number}:00+00:00"))
            ids = {ticket.author_name: ticket.id for ticket in await world.tickets() if ticket.split_from is None}
            ada, bob, cyd = ids["Ada"], ids["Bob"], ids["Cyd"]
            (first, *_) = sorted(m.id for m in await world.messages() if m.author_name == "Bob")
            steps: list[tuple[str, Data]] = [
                ("merge", TicketMerge(ticket_id=ada, into_id=bob)),
                ("merge", TicketMerge(ticket_id=bob, into_id=ada)),  # a circle, which is none
                ("merge", TicketMerge(ticket_id=bob, into_id=cyd)),
                ("unmerge", TicketUnmerge(ticket_id=ada)),
                ("split", TicketSplit(ticket_id=cyd, into_id="split-1", message_ids=(first,))),
            ]
            for number, (name, data) in enumerate(steps):
                event = merging.asked_for(data, name, "acme", derived("asked", str(number)), self.clock())
                if name == "split":
                    await world.settle()  # only messages that are listed with a ticket can be split off
                if event.id not in self.begun:
                    asked = Change((), (event,))
                    await world.actions.act([], partial(_asked, asked))
                    self.begun.append(event.id)  # whoever asks is answered once that is durable
            await world.settle()
            final.append((await world.tickets(), await world.messages(), ids))

        await life.live(go_on())
        for world in made:
            world.kill()
        return final[0] if final and not life.ended.is_set() else None


def _asked(change: Change, _: Found) -> Change:
    return change


async def _told(story: Story, kills: list[tuple[int, When]]) -> None:
    ended = None
    for at, when in kills:
        ended = await story.live(Life(at, when))
        if ended is not None:
            break
    tickets, messages, ids = ended or await story.live(Life()) or pytest.fail("an undisturbed life ends")
    told = {ticket.id: ticket for ticket in tickets}
    assert len(told) == len(tickets) == 4
    ada, bob, cyd, new = (told[name] for name in (ids["Ada"], ids["Bob"], ids["Cyd"], "split-1"))
    assert [each.merged_into for each in (ada, bob, cyd, new)] == [None, cyd.id, None, None]
    assert [each.merged for each in (ada, bob, cyd, new)] == [(), (), (bob.id,), ()]
    assert [each.all_messages for each in (ada, cyd, new)] == [1, 3, 1]
    assert [each.status for each in (ada, bob, cyd, new)] == ["open", "resolved", "open", "open"]
    places = [(message.author_name, message.ticket_id) for message in messages]
    assert sorted(places) == sorted(
        [("Ada", ada.id), ("Bob", "split-1"), ("Bob", bob.id), ("Bob", bob.id), ("Cyd", cyd.id)]
    )


@pytest.mark.parametrize("in_order", [False, True], ids=["one transaction", "in order"])
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(kills=KILLS)
def test_a_merge_is_done_once_whatever_is_killed(in_order: bool, kills: list[tuple[int, When]]) -> None:
    """Each message stays in one ticket, and each ticket counts what is listed with it, whoever is killed when (G4)."""
    with TemporaryDirectory() as folder:
        asyncio.run(_told(Story(Path(folder), in_order), kills))
