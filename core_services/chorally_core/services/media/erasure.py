"""The media service's part of an erasure: files that came from the person, or went to nobody else."""

from chorally_core.ports.documents import Condition, Query
from chorally_core.ports.erasure import Erasure
from chorally_core.ports.files import File
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.objects import Objects

_STEP = 100


class EraseFiles:
    """Goes through the tenant's files that concern the person."""

    name = "files"

    def __init__(self, ledger: Ledger, objects: Objects) -> None:
        self._ledger = ledger
        self._objects = objects

    async def step(self, erasure: Erasure, place: str) -> str | None:
        """Erase at most 100 files; a place is the last one done."""
        where = (Condition("people", "has", erasure.id), Condition("created_at", "<=", erasure.at))
        query = Query(File, erasure.tenant, where, limit=_STEP, after=(None, place) if place else None)
        found: list[File] = await self._ledger.documents.find(query)
        for file in found:
            left = file.without(erasure.id)
            if left is not None:
                await self._ledger.commit(Work([Step.of([left])]))
                continue
            for place in file.places:
                await self._objects.delete(file.tenant, place)
            await self._ledger.documents.delete(File, [file.id])
        return found[-1].id if len(found) == _STEP else None
