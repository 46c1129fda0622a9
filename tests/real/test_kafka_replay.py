"""A dead letter over Kafka goes back to its topic, and the order of its key holds around it."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chorally_core.adapters.sqlite import SqliteDocuments
from chorally_core.adapters.sqlite.database import Database
from chorally_core.events import Event, TriggerEvaluate, topics
from chorally_core.ports.documents import Query
from chorally_core.ports.handlers import Change, Found
from chorally_core.runner import DeadLetter, InOrder, Parked, Runner
from chorally_core.services.io.replay import Replay

from tests.support import kafka
from tests.support.patience import patiently
from tests.support.tally import Count, Tally, an_event

pytestmark = pytest.mark.real


class Quiet(Count):
    """Notes events down and tells nobody."""

    def decide(self, event: Event[TriggerEvaluate], found: Found) -> Change:
        """Note it down."""
        return Change(super().decide(event, found).writes)


async def test_a_replayed_dead_letter_is_handled_in_its_turn(tmp_path: Path) -> None:
    """What waited behind it went on when it was given up; replayed, it comes behind what is there, once."""
    at = [datetime(2026, 11, 23, 9, 0, tzinfo=UTC)]
    failures = Counter({"bad": 2})
    async with kafka.a_prefix() as prefix, kafka.a_bus(prefix) as bus:
        database = Database(tmp_path / "documents.db")
        ledger = InOrder(SqliteDocuments(database), bus)
        runner = Runner("g", [Quiet(failures)], ledger, now=lambda: at[0], attempts=2)
        await runner.start()
        unused: Any = None
        replay = Replay(ledger, unused, now=lambda: at[0])

        async def all_of(of: type[Any]) -> list[Any]:
            return await ledger.documents.find(Query(of, None))

        async def until_seen(*names: str) -> None:
            async with patiently():
                while [tally.seen for tally in await all_of(Tally)] != [names]:
                    at[0] += timedelta(seconds=1)
                    await runner.step()
                    await bus.wait(0.2)

        await bus.publish([an_event(name, "k") for name in ("first", "bad", "behind")])
        await until_seen("first", "behind")
        (letter,) = await all_of(DeadLetter)
        assert (letter.source, letter.key, await all_of(Parked)) == (topics.RULE_TRIGGERS, "k", [])

        await bus.publish([an_event("later", "k")])
        await replay.letter(letter)
        await bus.publish([an_event("last", "k")])
        await until_seen("first", "behind", "later", "bad", "last")
        database.close()
