"""Whatever is merged, parted and split in whichever order: each message is in one ticket, counted once (G4)."""

import asyncio
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from chorally_core.events import TicketMerge, TicketSplit, TicketUnmerge
from chorally_core.events.ids import derived
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import Change
from chorally_core.services.message import commands, merging
from chorally_core.services.message.changes import Actor, InvalidChange
from chorally_core.services.message.model import Ticket
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.crash.mortal import EachByItself
from tests.support.hooks import SECRET, a_hook
from tests.support.wall import Wall, WallPlatform
from tests.support.world import World

PEOPLE = ("ada", "bob", "cyd")
DOING = ("merge", "merge", "unmerge", "split", "resolve")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("says"), st.sampled_from(PEOPLE), st.just(0)),
        st.tuples(
            st.sampled_from(["merge", "merge", "unmerge", "split", "resolve"]), st.integers(0, 5), st.integers(0, 5)
        ),
    ),
    min_size=4,
    max_size=14,
)


async def _said(world: World, who: str, number: int) -> None:
    note = {"id": f"n{number}", "signer": {"id": who, "name": who}, "text": str(number),
            "at": f"2026-11-23T08:{number:02}:00+00:00"}  # fmt: skip
    await world.io.journal.receive("wall", "", a_hook(world, note))


async def _do(world: World, step: tuple[Any, Any, Any], number: int) -> None:
    what, one, other = step
    if what == "says":
        await _said(world, one, number)
        return
    tickets = await world.tickets()
    ticket, into = tickets[one % len(tickets)], tickets[other % len(tickets)]
    data: Any
    match what:
        case "merge":
            data = TicketMerge(ticket_id=ticket.id, into_id=into.id)
        case "unmerge":
            data = TicketUnmerge(ticket_id=ticket.id)
        case "split":
            own = [m.id for m in await world.messages() if m.ticket_id == ticket.id]
            data = TicketSplit(ticket_id=ticket.id, into_id=derived("new", str(number)), message_ids=tuple(own[:1]))
        case _:

            def resolved(found: Any) -> Any:
                now, at = found.get(Ticket, ticket.id), world.clock()
                try:
                    return commands.change(now, {"status": "resolved"}, actor=Actor("agent", "a"), at=at, cause=str(at))
                except InvalidChange:
                    return Change()

            await world.actions.act([Key.by_id(Ticket, ticket.id)], resolved)
            return
    event = merging.asked_for(data, what, "acme", derived("asked", str(number)), world.clock())
    await world.actions.act([], lambda found: Change((), (event,)))


async def _told(folder: Path, steps: list[tuple[Any, Any, Any]], in_order: bool, at_once: bool) -> None:
    transports = {"wall": WallPlatform().transport()}
    world = await World(
        folder, {"wall": Wall}, transports=transports, in_order=in_order, documents=EachByItself
    ).start()
    try:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        for number, who in enumerate(PEOPLE):
            await _said(world, who, number)
        await world.settle()
        count = len(PEOPLE)
        for number, step in enumerate(steps, len(PEOPLE)):
            count += step[0] == "says"
            await _do(world, step, number)
            if not at_once:
                await world.settle()
        await world.settle()
        tickets = {ticket.id: ticket for ticket in await world.tickets()}
        messages = await world.messages()
        assert len(messages) == count
        held = Counter(message.ticket_id for message in messages)
        for ticket in tickets.values():
            assert ticket.all_messages == sum(held[name] for name in (ticket.id, *ticket.merged)), ticket
            assert (ticket.open_key is not None) == (ticket.status != "resolved")
            if ticket.merged_into is not None:
                assert {ticket.id, *ticket.merged} <= set(tickets[ticket.merged_into].merged)
        roots = [ticket for ticket in tickets.values() if ticket.merged_into is None]
        listed = Counter(name for ticket in roots for name in (ticket.id, *ticket.merged))
        assert set(listed) == set(tickets)
        assert set(listed.values()) == {1}
        unresolved = [ticket.conversation_key for ticket in tickets.values() if ticket.status != "resolved"]
        assert len(unresolved) == len(set(unresolved))
    finally:
        await world.close()


@pytest.mark.parametrize("in_order", [False, True], ids=["one transaction", "in order"])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS, at_once=st.booleans())
def test_each_message_is_in_one_ticket_whatever_is_merged_and_split(
    in_order: bool, steps: list[tuple[Any, Any, Any]], at_once: bool
) -> None:
    """Each unresolved conversation has one ticket, and each ticket counts what is listed with it."""
    with TemporaryDirectory() as folder:
        asyncio.run(_told(Path(folder), steps, in_order, at_once))
