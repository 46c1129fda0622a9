"""Feeds the search index from the log, behind everything else.

An index that lags or is lost is no loss: it is brought up to date from the messages themselves.
"""

from chorally_core.events import Event, LogAdd, topics
from chorally_core.ports.documents import Key
from chorally_core.ports.ledger import Ledger, Work
from chorally_core.ports.search import Indexed, Search
from chorally_core.services.message.model import Message

GROUP = "search"


class Indexer:
    """A stage that indexes messages that the log tells of."""

    def __init__(self, ledger: Ledger, search: Search, *, batch: int = 200) -> None:
        self._ledger = ledger
        self._search = search
        self._batch = batch
        self._consumer = ledger.bus.consumer(GROUP, [topics.LOGS])

    async def recover(self) -> None:
        """Read again from the last commit."""
        await self._consumer.rewind()

    async def step(self) -> int:
        """Index what some facts are about; return how many there were."""
        batch = await self._consumer.poll(self._batch)
        if not batch.delivered:
            return 0
        names = {
            delivered.event.data.message_id
            for delivered in batch.delivered
            if isinstance(delivered.event, Event) and isinstance(delivered.event.data, LogAdd)
        }
        keys = [Key.by_id(Message, name) for name in names if name]
        messages = [m for m in (await self._ledger.documents.load(keys)).values() if isinstance(m, Message)]
        rows = [
            Indexed(m.id, m.ticket_id, m.tenant, f"{m.subject} {m.body} {m.author_name}".strip())
            for m in messages
            if m.ticket_id is not None
        ]
        async with self._ledger.turn():
            await self._search.put(rows)
            await self._ledger.commit(Work((), (self._consumer, batch)))
        return len(batch.delivered)
