"""A kill at each commit while rules answer, note, tag and pass on: what they ask for is done once all the same."""

from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from chorally_core.ports.parking import DeadLetter, Parked
from chorally_core.services.log.model import LogEntry
from chorally_core.services.rule_engine.model import Execution, Ruleset

from tests.crash.mortal import Life
from tests.crash.test_every_commit import STORES, Store, Story
from tests.support.rules import a_rule, add
from tests.support.world import World

RULES_DO = {"ticket_changed", "note_added", "reply_written", "rule_event", "moderation_asked"}


class RuledStory(Story):
    """Two people write while two rules hold, of which the second follows from the first."""

    def __init__(self, folder: Path, store: Store) -> None:
        super().__init__(folder, store)
        self.steps: list[Callable[[World], Awaitable[None]]] = [
            self.connects, self.rules_are_made, self.two_people_say_something, self.it_is_told_again,
        ]  # fmt: skip

    async def rules_are_made(self, world: World) -> None:
        """One on messages, one on the tag that it gives."""
        tag, note = {"type": "add_tags", "tags": ["seen"]}, {"type": "note", "text": "from {{author.name}}"}
        reply = {"type": "reply", "text": "thank you {{author.name}}"}
        tagged = {
            "all": [{"field": "ticket.tags", "op": "changed"}, {"field": "ticket.tags", "op": "has", "value": "seen"}]
        }
        first = a_rule(world, "r1", reply, tag, note, {"type": "moderate", "verb": "like"})
        second = a_rule(world, "r2", {"type": "assign", "agent_id": "bob"}, {"type": "emit_event", "name": "assigned"},
                        when=tagged, events=("ticket_changed",))  # fmt: skip
        for rule in (first, second):
            known = await world.get(Ruleset, "acme")
            if known is None or known.find(rule.rule_id) is None:
                await add(world, rule)


async def ruled(world: World, page: Any) -> dict[str, Any]:
    """Return what must be the same in the end."""
    tickets = await world.tickets()
    numbers = {ticket.id: ticket.number for ticket in tickets}
    messages = sorted(await world.messages(), key=lambda m: (numbers[m.ticket_id or ""], m.sequence))
    told = {entry.id: entry for entry in await world.all(LogEntry)}.values()
    return {
        "on the page": sorted((answer["note"], answer["text"]) for answer in page.answers),
        "tickets": [(t.author_name, t.status, t.tags, t.assignee_id, t.message_count) for t in tickets],
        "said": Counter((numbers[m.ticket_id or ""], m.direction, m.body, m.status) for m in messages),
        "sequences": [(numbers[m.ticket_id or ""], m.sequence) for m in messages],
        "executions": Counter((e.rule_id, numbers[e.ticket_id or ""]) for e in await world.all(Execution)),
        "facts": Counter(entry.what for entry in told if entry.what in RULES_DO),
        "left over": [await world.all(of) for of in (Parked, DeadLetter)],
    }


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Any:
    """How work becomes durable."""
    return request.param


@pytest.fixture(autouse=True)
def _what_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.crash.test_every_commit.state", ruled)


async def test_without_a_kill_rules_do_what_they_say(tmp_path: Path, store: Store) -> None:
    """What the other test compares with: each message answered and noted once, each ticket tagged and assigned."""
    final = await RuledStory(tmp_path / "undisturbed", store).live(Life())

    assert final["on the page"] == [("n1", "thank you Ada"), ("n2", "thank you Ada"), ("n3", "thank you Bob")]
    assert final["tickets"] == [("Ada", "open", ("seen",), "bob", 6), ("Bob", "open", ("seen",), "bob", 3)]
    assert final["sequences"] == [(1, n) for n in range(1, 7)] + [(2, n) for n in range(1, 4)]
    assert final["executions"] == {("r1", 1): 2, ("r2", 1): 1, ("r1", 2): 1, ("r2", 2): 1}
    assert final["facts"] == {
        "reply_written": 3, "note_added": 3, "moderation_asked": 3, "ticket_changed": 4, "rule_event": 2,
    }  # fmt: skip
    assert final["left over"] == [[], []]


@pytest.mark.slow
async def test_a_kill_at_any_commit_changes_nothing_of_what_rules_do(tmp_path: Path, store: Store) -> None:
    """One kill, at each commit there is: before it becomes durable, and right after."""
    life = Life()
    expected = await RuledStory(tmp_path / "undisturbed", store).live(life)
    assert len(life.moments()) > 30
    for number, (at, when) in enumerate(life.moments()):
        story = RuledStory(tmp_path / f"{number}", store)
        assert await story.live(Life(at, when)) is None
        final = await story.live()
        assert final == expected, f"killed {when} commit {at}"
