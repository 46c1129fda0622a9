"""The embedded ledger: documents, events and positions in one SQLite transaction."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from chorally_core.adapters.sqlite.bus import SqliteBus
from chorally_core.adapters.sqlite.database import Database
from chorally_core.adapters.sqlite.documents import SqliteDocuments
from chorally_core.ports.bus import Bus
from chorally_core.ports.documents import Documents
from chorally_core.ports.ledger import Work, settled


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
        writes, removed = settled(work)
        with self._database.transaction():
            if writes:
                await self.documents.write(writes)
            for of, ids in removed.items():
                await self.documents.delete(of, ids)
            await self.bus.publish([event for step in work.steps for event in step.events])
            if work.read is not None:
                consumer, batch = work.read
                await consumer.commit(batch)

    async def recover(self, older_than: timedelta = timedelta(0)) -> int:
        """Do nothing: what was stored was told in the same transaction."""
        return 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold together the commits made within; what runs within must not wait for anything else."""
        async with self._turn:
            with self._database.transaction():
                yield
