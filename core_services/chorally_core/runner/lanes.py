"""The keys of a group that wait behind a failed event, as far as this member of the group works on them.

Members share out a topic's partitions, and a key that waits goes with its partition. So a member learns the lanes
anew whenever its share changes, before it decides about anything of the new share, and leaves alone those of others.
What a former member stores late is learned from time to time; until then its lane may be taken for empty, which does
no harm: the event is read again by whoever has the partition, and the one that waits is a repeat of it.
"""

from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from chorally_core.ports.bus import Consumer
from chorally_core.ports.documents import Condition, Documents, Query
from chorally_core.ports.parking import Parked
from chorally_core.runner.parking import lane

_PAGE = 1000


class Lanes:
    """Remembers which keys wait, and when the first of them is to be taken up."""

    def __init__(self, documents: Documents, group: str, *, relearn: timedelta) -> None:
        """Prepare; nothing is known yet.

        Args:
            documents: Where the events wait.
            group: Whose lanes they are.
            relearn: How long what was learned is good for where a group has several members.
        """
        self._documents = documents
        self._within = (Condition("lane", ">=", lane(group, "")), Condition("lane", "<", f"{group}\x20"))
        self._relearn = relearn
        self._counts: Counter[str] = Counter()
        self._share = 0
        self._until: datetime | None = None
        self.retry_at: datetime | None = None
        """When something may be taken up; None where nothing waits."""

    def __bool__(self) -> bool:
        return bool(self._counts)

    @property
    def total(self) -> int:
        """How many events wait."""
        return self._counts.total()

    def names(self) -> Collection[str]:
        """Return the lanes in which something waits."""
        return list(self._counts)

    def waits(self, name: str) -> bool:
        """Whether something waits in a lane."""
        return name in self._counts

    def add(self, counts: Counter[str]) -> None:
        """Take in what was stored in lanes."""
        self._counts += counts

    def left(self, name: str, count: int) -> None:
        """Take in that events left a lane in which others wait."""
        self._counts[name] = max(self._counts[name] - count, 1)

    def emptied(self, name: str) -> None:
        """Take in that nothing waits in a lane any more."""
        self._counts.pop(name, None)

    def due(self, at: datetime) -> None:
        """Have something taken up at an instant, if nothing is before."""
        self.retry_at = min(self.retry_at or at, at)

    def is_stale(self, consumer: Consumer, now: datetime) -> bool:
        """Whether what was learned is of an earlier share, or long ago."""
        return consumer.shares != self._share or (self._until is not None and now >= self._until)

    async def learn(self, consumer: Consumer, now: datetime) -> None:
        """Look which lanes of the consumer's share wait."""
        self._share = consumer.shares
        self._until = now + self._relearn if self._share else None
        counts: Counter[str] = Counter()
        owned: set[str] = set()
        retry_at: datetime | None = None
        after: tuple[Any, str] | None = None
        while True:
            query = Query(Parked, None, self._within, order="lane", limit=_PAGE, after=after)
            waiting: list[Parked] = await self._documents.find(query)
            for row in waiting:
                counts[row.lane] += 1
                if row.lane in owned or consumer.owns(row.position):
                    owned.add(row.lane)
                    retry_at = min(retry_at or row.next_at, row.next_at)
            if len(waiting) < _PAGE:
                break
            after = (waiting[-1].lane, waiting[-1].id)
        self._counts = Counter({name: counts[name] for name in owned})
        self.retry_at = retry_at
