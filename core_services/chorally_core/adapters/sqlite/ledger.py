"""The embedded ledger: documents, events and positions in one SQLite transaction."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chorally_core.adapters.sqlite.bus import SqliteBus
from chorally_core.adapters.sqlite.database import Database
from chorally_core.adapters.sqlite.documents import SqliteDocuments
from chorally_core.ports.bus import Bus
from chorally_core.ports.documents import Document, Documents, Write
from chorally_core.ports.ledger import Work


class SqliteLedger:
    """Commits work as one transaction; several commits of a turn share one."""

    documents: Documents
    bus: Bus

    def __init__(self, database: Database) -> None:
        self._database = database
        self.documents = SqliteDocuments(database)
        self.bus = SqliteBus(database)
        self._turn = asyncio.Lock()

    async def commit(self, work: Work) -> None:
        """Make the work durable, or nothing of it.

        Raises:
            Conflict: A document was changed meanwhile.
        """
        writes, removed = _settled(work)
        with self._database.transaction():
            if writes:
                await self.documents.write(writes)
            for of, ids in removed.items():
                await self.documents.delete(of, ids)
            await self.bus.publish([event for step in work.steps for event in step.events])
            if work.read is not None:
                consumer, batch = work.read
                await consumer.commit(batch)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold together the commits made within; what runs within must not wait for anything else."""
        async with self._turn:
            with self._database.transaction():
                yield


def _settled(work: Work) -> tuple[list[Write], dict[type[Document], list[str]]]:
    """The last state of each document that is written, and what is removed."""
    last: dict[tuple[type[Document], str], Write] = {}
    removed: dict[type[Document], list[str]] = {}
    for step in work.steps:
        for write in step.writes:
            name = (type(write.document), write.document.id)
            earlier = last.get(name)
            last[name] = write if earlier is None else Write(write.document, earlier.expected)
        for of, document_id in step.removed:
            removed.setdefault(of, []).append(document_id)
            last.pop((of, document_id), None)
    return list(last.values()), removed
