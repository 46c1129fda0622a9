"""How much a tenant's files may take together.

The sum is a document, changed with each upload and removal, and counted anew once an hour: what retention and erasure
removed, what copies of received files take, and what a kill left out is in it from then on.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from chorally_core.events.ids import derived
from chorally_core.ports.documents import Conflict, Document, Documents, Query, Write
from chorally_core.ports.files import File

_COUNTED_EVERY = timedelta(hours=1)
_STEP = 1000
_TRIES = 20


class FilesSum(Document, frozen=True, kw_only=True):
    """Bytes of a tenant's files."""

    kind = "files_sum"

    size_bytes: int = 0
    counted_at: datetime


class Quota:
    """Knows how much room a tenant has left."""

    def __init__(
        self, documents: Documents, *, most_bytes: Callable[[str], int | None], now: Callable[[], datetime]
    ) -> None:
        """Prepare.

        Args:
            documents: Where files and their sums are.
            most_bytes: Returns what a tenant's files may take; None for no bound.
            now: The clock.
        """
        self._documents = documents
        self._most_bytes = most_bytes
        self._now = now

    async def left(self, tenant: str) -> int | None:
        """Return the bytes that there is room for, never negative; None where there is no bound."""
        most = self._most_bytes(tenant)
        if most is None:
            return None
        return max(0, most - (await self._sum(tenant)).size_bytes)

    async def changed(self, tenant: str, by: int) -> None:
        """Take note of bytes that came, or went where negative."""
        if self._most_bytes(tenant) is None:
            return
        for _ in range(_TRIES):
            known = await self._sum(tenant)
            if await self._stored(known, size_bytes=max(0, known.size_bytes + by)):
                return

    async def _sum(self, tenant: str) -> FilesSum:
        name = derived("files-sum", tenant)
        known = await self._documents.get(FilesSum, name)
        if known is not None and self._now() - known.counted_at < _COUNTED_EVERY:
            return known
        fresh = known or FilesSum(id=name, tenant=tenant, counted_at=self._now())
        counted = await self._counted(tenant)
        await self._stored(fresh, size_bytes=counted, counted_at=self._now())
        return await self._documents.get(FilesSum, name) or fresh

    async def _counted(self, tenant: str) -> int:
        size, after = 0, None
        while True:
            query = Query(File, tenant, limit=_STEP, after=(None, after) if after else None)
            found: list[File] = await self._documents.find(query)
            size += sum(file.size_bytes for file in found)
            if len(found) < _STEP:
                return size
            after = found[-1].id

    async def _stored(self, known: FilesSum, **changes: object) -> bool:
        changed = msgspec.structs.replace(known, version=known.version + 1, **changes)
        try:
            await self._documents.write([Write(changed, known.version)])
        except Conflict:
            return False
        return True
