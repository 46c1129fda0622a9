"""Removes what people said once the platform's time for it is over (``Channel.keep_for``), wherever it is kept.

First the message's owner is told, as if its platform had deleted it: its content goes, what comes of it again is
dropped, and the search index forgets it. What else is kept goes a while later, so that nothing on its way is missed:
what the history shows of it, and the copies of its files. Raw webhooks of such platforms go by retention.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from chorally_core.ports.documents import Condition, Query
from chorally_core.ports.files import File
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.objects import Objects
from chorally_core.services.io.arriving import AttachmentDue
from chorally_core.services.io.keeping import ContentDue
from chorally_core.services.log.model import LogEntry
from chorally_core.services.message.model import Message

EVERY_S = 60.0
"""Seconds between rounds."""

_STEP = 200
_LATER = timedelta(minutes=2)


class Keeping:
    """Does what is due."""

    def __init__(self, ledger: Ledger, objects: Objects, *, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._objects = objects
        self._now = now

    async def round(self) -> int:
        """Take up to 200 messages one step further, and return how many there were."""
        where = (Condition("next_at", "<=", self._now()),)
        query = Query(ContentDue, None, where, order="next_at", limit=_STEP)
        found: list[ContentDue] = await self._ledger.documents.find(query)
        for due in found:
            await (self._forgotten(due) if due.told else self._told(due))
        return len(found)

    async def _told(self, due: ContentDue) -> None:
        now = self._now()
        told = msgspec.structs.replace(due, told=True, next_at=now + _LATER)
        await self._ledger.commit(Work([Step.of([told], [due.event(now)])]))

    async def _forgotten(self, due: ContentDue) -> None:
        message = await self._ledger.documents.get(Message, due.id)
        if message is not None and message.ticket_id:
            await self._emptied(due, message.ticket_id)
        await self._ledger.documents.delete(AttachmentDue, due.copies)
        for file_id in due.copies:
            file = await self._ledger.documents.get(File, file_id)
            if file is not None and file.tenant == due.tenant:
                for place in file.places:
                    await self._objects.delete(file.tenant, place)
        await self._ledger.documents.delete(File, due.copies)
        await self._ledger.documents.delete(ContentDue, [due.id])

    async def _emptied(self, due: ContentDue, ticket_id: str) -> None:
        """Empty what the history of the ticket shows of the message; that something happened stays."""
        where, after = (Condition("ticket_id", "is", ticket_id),), None
        while True:
            query = Query(LogEntry, due.tenant, where, limit=_STEP, after=after)
            found: list[LogEntry] = await self._ledger.documents.find(query)
            emptied = [
                msgspec.structs.replace(entry, snapshot={})
                for entry in found
                if entry.message_id == due.id and entry.snapshot
            ]
            if emptied:
                await self._ledger.commit(Work([Step.of([entry]) for entry in emptied]))
            if len(found) < _STEP:
                return
            after = (None, found[-1].id)
