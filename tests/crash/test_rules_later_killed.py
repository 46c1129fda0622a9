"""A kill at each commit while time brings something to rules and they share tickets: each has its effect once."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from chorally_core.ports.parking import DeadLetter, Parked
from chorally_core.services.log.model import LogEntry
from chorally_core.services.rule_engine.later.model import Deferred
from chorally_core.services.rule_engine.later.timing import tell_due
from chorally_core.services.rule_engine.model import Execution, Ruleset
from chorally_core.services.rule_engine.sharing.model import Load

from tests.crash.mortal import Life
from tests.crash.test_every_commit import STORES, Store, Story
from tests.support.rules import a_rule, add
from tests.support.world import World

HOUR = 3600.0


class TimedStory(Story):
    """Three people write, whose tickets are shared; then time passes, twice."""

    def __init__(self, folder: Path, store: Store) -> None:
        super().__init__(folder, store)
        self.steps = [
            self.connects, self.rules_are_made, self.two_people_say_something, self.another_writes, self.time_passes,
            self.time_passes,
        ]  # fmt: skip

    async def rules_are_made(self, world: World) -> None:
        """One shares what comes in, one notes and tags what lies idle, one passes on what waits."""
        note, tag = {"type": "note", "text": "idle"}, {"type": "add_tags", "tags": ["idle"]}
        least = {"type": "share", "how": "least_loaded", "agents": ["ann", "bob"], "reassign": True}
        rules = (
            a_rule(world, "share", {"type": "share", "how": "round_robin", "agents": ["ann", "bob", "cid"]}),
            a_rule(world, "idle", note, tag, events=("ticket_idle",), after_s=HOUR),
            a_rule(world, "wait", least, events=("ticket_waiting",), after_s=2 * HOUR),
        )
        for rule in rules:
            known = await world.get(Ruleset, "acme")
            if known is None or known.find(rule.rule_id) is None:
                await add(world, rule)

    async def another_writes(self, world: World) -> None:
        """A third person."""
        at = "2026-11-23T08:00:00+00:00"
        await self.page.tell({"id": "n9", "signer": {"id": "cleo", "name": "Cleo"}, "text": "me", "at": at})

    async def time_passes(self, world: World) -> None:
        """Hours; what is due is told, by two at once."""
        self.clock.forward(hours=3)
        for _ in range(2):
            await tell_due(world.ledger.documents, world.actions, self.clock)


async def timed(world: World, page: Any) -> dict[str, Any]:
    """Return what must be the same in the end."""
    tickets = await world.tickets()
    numbers = {ticket.id: ticket.number for ticket in tickets}
    held = Counter(ticket.assignee_id for ticket in tickets)
    return {
        "tickets": [(t.author_name, t.status, t.tags, t.message_count) for t in tickets],
        "turns": sorted(held.values()),
        "loads as they are": {load.agent_id: len(load.tickets) for load in await world.all(Load) if load.tickets}
        == dict(held),
        "notes": Counter((m.body, numbers[m.ticket_id or ""]) for m in await world.messages() if m.body == "idle"),
        "executions": Counter((e.rule_id, numbers[e.ticket_id or ""]) for e in await world.all(Execution)),
        "given": sum(e.what == "ticket_changed" for e in {e.id: e for e in await world.all(LogEntry)}.values()),
        "waited for": len(await world.all(Deferred)),
        "left over": [await world.all(of) for of in (Parked, DeadLetter)],
    }


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Any:
    """How work becomes durable."""
    return request.param


@pytest.fixture(autouse=True)
def _what_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.crash.test_every_commit.state", timed)


async def test_without_a_kill_time_brings_everything_once(tmp_path: Path, store: Store) -> None:
    """What the other test compares with."""
    final = await TimedStory(tmp_path / "undisturbed", store).live(Life())

    assert final["executions"] == {
        ("share", 1): 2, ("share", 2): 1, ("share", 3): 1, **{("idle", n): 1 for n in (1, 2, 3)},
        **{("wait", n): 1 for n in (1, 2, 3)},
    }  # fmt: skip
    assert {tags for _, _, tags, _ in final["tickets"]} == {("idle",)}
    assert final["notes"] == {("idle", n): 1 for n in (1, 2, 3)}
    assert final["loads as they are"]
    assert (final["waited for"], final["left over"]) == (3, [[], []])


@pytest.mark.slow
async def test_a_kill_at_any_commit_changes_nothing_of_what_time_brings(tmp_path: Path, store: Store) -> None:
    """One kill, at each commit there is: before it becomes durable, and right after."""
    life = Life()
    expected = await TimedStory(tmp_path / "undisturbed", store).live(life)
    assert len(life.moments()) > 30
    for number, (at, when) in enumerate(life.moments()):
        story = TimedStory(tmp_path / f"{number}", store)
        assert await story.live(Life(at, when)) is None
        final = await story.live()
        assert final == expected, f"killed {when} commit {at}"
