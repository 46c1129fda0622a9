"""Rules share tickets among agents: turns are taken once, loads are known from facts, refusals show in executions."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from chorally_core.events import Event, LogAdd, topics
from chorally_core.events.ids import derived
from chorally_core.services.rule_engine.model import Execution
from chorally_core.services.rule_engine.sharing.model import Given, Load, Rota

from tests.flow.test_rules import _change, _judged, _note
from tests.support.hooks import SECRET, receive
from tests.support.rules import a_rule, add
from tests.support.wall import Wall, WallPlatform
from tests.support.world import START, World, a_world


@pytest.fixture
async def world(tmp_path: Path, in_order: bool) -> AsyncIterator[World]:
    """A core with one wall connected."""
    given: dict[str, Any] = {"transports": {"wall": WallPlatform().transport()}, "in_order": in_order}
    async with a_world(tmp_path, {"wall": Wall}, **given) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        await world.settle()
        yield world


def share(how: str = "round_robin", **given: Any) -> dict[str, Any]:
    """Return an action that shares among three."""
    return {"type": "share", "how": how, **(given or {"agents": ["ann", "bob", "cid"]})}


async def assignees(world: World) -> list[str | None]:
    """Return who has each ticket."""
    return [ticket.assignee_id for ticket in await world.tickets()]


async def say(world: World, *names: str) -> None:
    """Have people write, each to a ticket of their own."""
    await receive(world, *(_note(f"n-{name}", name) for name in names))


async def tell_user(world: World, name: str, version: int, *teams: str, disabled: bool = False) -> None:
    """Tell what identity tells of a user."""
    data = LogAdd(kind="user_changed", subject_type="user", subject_id=name, version=version,
                  snapshot={"team_ids": list(teams), "disabled": disabled})  # fmt: skip
    event = Event(
        topic=topics.LOGS, issuer="identity-service", name="add", data=data, tenant="acme",
        id=derived("user", name, str(version)), key=f"acme/user/{name}", occurred_at=world.clock(),
    )  # fmt: skip
    await world.ledger.bus.publish([event])
    await world.settle()


async def test_tickets_go_round(world: World) -> None:
    """One after the other, in the order in which agents are named, also within one batch; with the other changes."""
    await add(world, a_rule(world, "r1", share(), {"type": "add_tags", "tags": ["shared"]}))
    await say(world, "p1", "p2", "p3", "p4")
    await say(world, "p5")

    assert await assignees(world) == ["ann", "bob", "cid", "ann", "bob"]
    assert {ticket.tags for ticket in await world.tickets()} == {("shared",)}


async def test_members_of_a_team_take_turns_as_they_come_and_go(world: World) -> None:
    """Facts tell who is in it; who is disabled, or left it, gets no more. The ticket becomes the team's."""
    await add(world, a_rule(world, "r1", share(team_id="t1")))
    for name in ("ann", "bob", "cid"):
        await tell_user(world, name, 1, "t1")
    await tell_user(world, "dan", 1, "t2")
    await say(world, "p1", "p2")
    await tell_user(world, "cid", 2, "t1", disabled=True)
    await tell_user(world, "cid", 1, "t1")
    await say(world, "p3", "p4")

    assert await assignees(world) == ["ann", "bob", "ann", "bob"]
    assert {ticket.team_id for ticket in await world.tickets()} == {"t1"}


async def test_nobody_to_take_turns_is_recorded_and_the_rest_is_done(world: World) -> None:
    """The execution says why, and the team has the ticket all the same."""
    await add(world, a_rule(world, "r1", share(team_id="t9"), {"type": "add_tags", "tags": ["x"]}))
    await say(world, "p1")

    (ticket,) = await world.tickets()
    assert (ticket.assignee_id, ticket.team_id, ticket.tags) == (None, "t9", ("x",))
    (execution,) = await world.all(Execution)
    assert [(o.action, o.result) for o in execution.outcomes] == [("share", "failed"), ("add_tags", "asked")]
    assert "nobody is known to be in the team t9" in execution.outcomes[0].detail


async def test_who_has_least_to_do_gets_the_next(world: World) -> None:
    """Counted from facts: what agents took, gave away and resolved; within a batch what was just given counts."""
    await add(world, a_rule(world, "r1", share("least_loaded")))
    await say(world, "p1", "p2", "p3", "p4", "p5", "p6")
    assert Counter(await assignees(world)) == {"ann": 2, "bob": 2, "cid": 2}

    for ticket in await world.tickets():
        if ticket.assignee_id == "bob":
            await _change(world, ticket, status="resolved")
    await world.settle()
    await say(world, "p7", "p8")
    assert (await assignees(world))[-2:] == ["bob", "bob"]

    first = next(ticket for ticket in await world.tickets() if ticket.assignee_id == "ann")
    await _change(world, first, assignee_id="cid")
    await world.settle()
    await say(world, "p9")
    assert (await assignees(world))[-1] == "ann"
    assert {load.agent_id: len(load.tickets) for load in await world.all(Load)} == {"ann": 2, "bob": 2, "cid": 3}


async def test_a_ticket_that_somebody_has_stays_theirs_unless_the_rule_says_so(world: World) -> None:
    """A second message shares nothing anew."""
    await add(world, a_rule(world, "r1", share()))
    await receive(world, _note("n1"))
    await receive(world, _note("n2"))
    assert await assignees(world) == ["ann"]
    results = [outcome.result for execution in await world.all(Execution) for outcome in execution.outcomes]
    assert sorted(results) == ["asked", "skipped"]

    await add(world, a_rule(world, "r1", share(agents=["ann", "bob"], reassign=True, how="round_robin"), number=2))
    await receive(world, _note("n3"))
    assert await assignees(world) == ["bob"]


async def test_requests_that_come_again_take_no_turn(world: World) -> None:
    """However often they are told (G6)."""
    await add(world, a_rule(world, "r1", share("least_loaded")))
    await say(world, "p1", "p2")
    before = (await world.tickets(), await world.all(Rota), await world.all(Load))
    await world.ledger.bus.publish(await world.published(topics.QUEUE_TRIGGERS))
    await world.settle()

    assert (await world.tickets(), await world.all(Rota), await world.all(Load)) == before


async def test_an_action_that_was_overtaken_shows_in_its_execution(world: World) -> None:
    """What the message service did not do is told, and the executions of all rules that asked for it say so."""
    await add(world, a_rule(world, "r1", {"type": "set_priority", "priority": "low"}, {"type": "note", "text": "n"}))
    await add(world, a_rule(world, "r2", share()))
    await _judged(world, _note("n1"))
    (ticket,) = await world.tickets()
    await _change(world, ticket, priority="urgent")
    await world.settle()

    executions = {execution.rule_id: execution for execution in await world.all(Execution)}
    assert [(o.action, o.result) for o in executions["r1"].outcomes] == [
        ("set_priority", "overtaken"), ("note", "asked"),
    ]  # fmt: skip
    assert [(o.action, o.result) for o in executions["r2"].outcomes] == [("share", "overtaken")]
    assert "changed the ticket" in executions["r2"].outcomes[0].detail


async def test_an_action_that_was_refused_shows_in_its_execution(world: World) -> None:
    """With the reason of whoever refused it."""
    tags = [{"type": "add_tags", "tags": [f"{group}{n}" for n in range(20)]} for group in "abc"]
    await add(world, a_rule(world, "r1", *tags))
    await receive(world, _note("n1"))

    (execution,) = await world.all(Execution)
    assert {(o.result, o.detail) for o in execution.outcomes} == {("refused", "tags: must be at most 50")}


def test_a_ticket_that_was_given_counts_until_facts_tell_of_it() -> None:
    """And no longer than ten minutes, where none ever does; what was taken from somebody counts no more."""
    rota = Rota(id="r", tenant="acme", last="bob", given=(Given("e1", "t1", "ann", START),))
    agents = ("ann", "bob")
    ann = Load(id="l", tenant="acme", agent_id="ann")
    later = START.replace(hour=23)

    assert rota.least_of(agents, {}, START) == "bob"
    assert rota.least_of(agents, {}, later) == "ann"
    told = ann.with_ticket("t1", held=True).with_ticket("t1", held=False)
    assert rota.least_of(agents, {"ann": told}, START) == "ann"
    assert msgspec.structs.replace(rota, last="gone").next_of(agents) == "ann"
