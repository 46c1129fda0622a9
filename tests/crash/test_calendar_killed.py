"""A kill at each commit while rules and calendar take turns: each message is answered once, by whose turn it is."""

from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from chorally_core.ports.calendars import Calendars
from chorally_core.ports.parking import DeadLetter, Parked
from chorally_core.ports.turns import Order
from chorally_core.services.log.model import LogEntry
from chorally_core.services.rule.model import Given
from chorally_core.services.rule_engine.model import Execution, Ruleset

from tests.crash.mortal import Life
from tests.crash.test_every_commit import STORES, Store, Story
from tests.support.calendars import add_calendar, add_reply, set_order
from tests.support.rules import a_rule, add
from tests.support.world import World

TOLD = {"reply_written", "automatic_message_refused", "ticket_changed"}


class ClosedStory(Story):
    """Two people write at night, where the calendar answers before a rule that answers and tags."""

    def __init__(self, folder: Path, store: Store) -> None:
        super().__init__(folder, store)
        self.page.next = []
        self.clock.forward(hours=12)
        self.steps: list[Callable[[World], Awaitable[None]]] = [
            self.connects, self.calendar_and_rule_are_made, self.two_people_say_something, self.it_is_told_again,
        ]  # fmt: skip

    async def calendar_and_rule_are_made(self, world: World) -> None:
        """The calendar comes first."""
        listed = await world.get(Calendars, "acme")
        if listed is None:
            await add_calendar(world)
        if listed is None or not listed.replies:
            await add_reply(world, text="By calendar")
        if await world.get(Order, "acme") is None:
            await set_order(world, "rule", "rule-engine", "chatbot")
        if await world.get(Ruleset, "acme") is None:
            tag = {"type": "add_tags", "tags": ["seen"]}
            await add(world, a_rule(world, "r1", {"type": "reply", "text": "By rule"}, tag))


async def answered(world: World, page: Any) -> dict[str, Any]:
    """Return what must be the same in the end."""
    tickets = await world.tickets()
    numbers = {ticket.id: ticket.number for ticket in tickets}
    told = {entry.id: entry for entry in await world.all(LogEntry)}.values()
    return {
        "on the page": sorted((answer["note"], answer["text"]) for answer in page.answers),
        "tickets": [(t.author_name, t.status, t.tags, t.message_count) for t in tickets],
        "given": sorted((numbers[given.ticket_id], given.reply_id) for given in await world.all(Given)),
        "executions": Counter((e.rule_id, numbers[e.ticket_id or ""]) for e in await world.all(Execution)),
        "facts": Counter(entry.what for entry in told if entry.what in TOLD),
        "left over": [await world.all(of) for of in (Parked, DeadLetter)],
    }


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Any:
    """How work becomes durable."""
    return request.param


@pytest.fixture(autouse=True)
def _what_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.crash.test_every_commit.state", answered)


async def test_without_a_kill_each_message_is_answered_once(tmp_path: Path, store: Store) -> None:
    """What the other test compares with: the calendar answers each ticket once, the rule what the calendar leaves."""
    final = await ClosedStory(tmp_path / "undisturbed", store).live(Life())

    assert final["on the page"] == [("n1", "By calendar"), ("n2", "By rule"), ("n3", "By calendar")]
    assert final["tickets"] == [("Ada", "open", ("seen",), 4), ("Bob", "open", ("seen",), 2)]
    assert final["given"] == [(1, "closed"), (2, "closed")]
    assert final["executions"] == {("r1", 1): 2, ("r1", 2): 1}
    assert final["facts"] == {"reply_written": 3, "ticket_changed": 2}
    assert final["left over"] == [[], []]


@pytest.mark.slow
async def test_a_kill_at_any_commit_changes_nothing_of_who_answers(tmp_path: Path, store: Store) -> None:
    """One kill, at each commit there is: before it becomes durable, and right after."""
    life = Life()
    expected = await ClosedStory(tmp_path / "undisturbed", store).live(life)
    assert len(life.moments()) > 25
    for number, (at, when) in enumerate(life.moments()):
        story = ClosedStory(tmp_path / f"{number}", store)
        assert await story.live(Life(at, when)) is None
        final = await story.live()
        assert final == expected, f"killed {when} commit {at}"
