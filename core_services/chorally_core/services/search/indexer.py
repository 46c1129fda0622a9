"""Feeds the index from the log, behind everything else.

What a fact names is read as it is now, so facts may come late, twice, or in any order of their keys. While the index
cannot be reached, the place in the log waits, and everything is taken up from there; nothing is kept in memory
meanwhile. An index that is lost is filled anew from the documents (``rebuilding``).
"""

import time
from collections.abc import Callable, Sequence

import structlog

from chorally_core.events import Event, LogAdd, topics
from chorally_core.ports.indexing import Source
from chorally_core.ports.ledger import Ledger, Work
from chorally_core.ports.search import Entry, Search, SearchUnavailable
from chorally_core.services.search.entries import Entries

log = structlog.get_logger(__name__)

GROUP = "search"
_FIRST_WAIT_S, _MOST_WAIT_S = 1.0, 30.0  # before an index that cannot be reached is tried again


class Indexer:
    """A stage that indexes what the log tells of."""

    def __init__(
        self,
        ledger: Ledger,
        search: Search,
        sources: Sequence[Source],
        *,
        batch: int = 200,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare.

        Args:
            ledger: Its log is read, its documents are indexed.
            search: The index.
            sources: What is searched.
            batch: Facts that are taken at once.
            monotonic: A clock, for the waiting.
        """
        self._ledger = ledger
        self._search = search
        self._entries = Entries(ledger.documents, sources)
        self._batch = batch
        self._monotonic = monotonic
        self._consumer = ledger.bus.consumer(GROUP, [topics.LOGS])
        self._waits_s = 0.0
        self._again_at = float("-inf")

    async def recover(self) -> None:
        """Read again from the last commit."""
        await self._consumer.rewind()

    async def step(self) -> int:
        """Index what some facts are about; return how many there were."""
        if self._monotonic() < self._again_at:
            return 0
        batch = await self._consumer.poll(self._batch)
        if not batch.delivered:
            return 0
        facts = [
            delivered.event
            for delivered in batch.delivered
            if isinstance(delivered.event, Event) and isinstance(delivered.event.data, LogAdd)
        ]
        try:
            tickets, others = await self._entries.touched(facts)
            moved = await self._entries.moved(facts)
            work = Work((), (self._consumer, batch))
            if self._search.in_turns:
                of_moved = [entry for name in moved async for page in self._entries.of_ticket(name) for entry in page]
                async with self._ledger.turn():
                    await self._search.put([*others, *of_moved, *tickets])
                    await self._ledger.commit(work)
            else:
                await self._put(tickets, others, moved)
                await self._ledger.commit(work)
        except SearchUnavailable as error:
            await self._wait(str(error))
            return 0
        if self._waits_s:
            log.info("the index is reached again and catches up", waiting=self._consumer.waiting())
        self._waits_s = 0.0
        return len(batch.delivered)

    async def _put(self, tickets: Sequence[Entry], others: Sequence[Entry], moved: Sequence[str]) -> None:
        """Index what is touched; a ticket comes behind its messages, so that a kill in between has them put again."""
        await self._search.put(others)
        whole = set(moved)
        if self._search.bears_tickets:
            whole |= await self._search.bear(tickets)
        for ticket_id in sorted(whole):
            async for page in self._entries.of_ticket(ticket_id):
                await self._search.put(page)
        await self._search.put(tickets)

    async def _wait(self, why: str) -> None:
        if not self._waits_s:
            log.warning("the index cannot be reached; what is to be indexed waits in the log", why=why)
        self._waits_s = min(_MOST_WAIT_S, self._waits_s * 2 or _FIRST_WAIT_S)
        self._again_at = self._monotonic() + self._waits_s
        await self._consumer.rewind()
