"""The log's part of an erasure: what happened stays, without what it shows of the person."""

from datetime import datetime, timedelta

import msgspec

from chorally_core.events.ids import before
from chorally_core.ports.documents import Condition, Query
from chorally_core.ports.erasure import Erasure
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.services.log.model import LogEntry

_STEP = 200
_WINDOW = timedelta(days=1)
_EMPTY_WINDOWS = 30  # that one step passes over


class EraseEntries:
    """Goes through the days in which the person was known: entries about them, and about their tickets."""

    name = "log"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def step(self, erasure: Erasure, place: str) -> str | None:
        """Erase at most 200 entries about the person, with those of the tickets that they name.

        A place is an instant, and the last entry behind it that is done.
        """
        text, _, after = place.partition(" ")
        begins = datetime.fromisoformat(text) if text else erasure.since - _WINDOW
        for _ in range(_EMPTY_WINDOWS):
            if begins > erasure.at:
                return None
            found = await self._about(erasure, begins, after)
            if found:
                await self._erase(found)
                await self._erase_of_tickets(erasure, {entry.ticket_id for entry in found if entry.ticket_id})
            if len(found) == _STEP:
                return f"{begins.isoformat()} {found[-1].id}"
            begins, after = begins + _WINDOW, ""
        return begins.isoformat()

    async def _about(self, erasure: Erasure, begins: datetime, after: str) -> list[LogEntry]:
        ends = min(begins + _WINDOW, erasure.at + timedelta(milliseconds=1))
        where = (
            Condition("author_id", "is", erasure.id),
            Condition("id", ">=", before(begins)),
            Condition("id", "<", before(ends)),
        )
        query = Query(LogEntry, erasure.tenant, where, limit=_STEP, after=(None, after) if after else None)
        found: list[LogEntry] = await self._ledger.documents.find(query)
        return found

    async def _erase_of_tickets(self, erasure: Erasure, tickets: set[str]) -> None:
        """Erase what is told of their tickets without naming them, such as an answer given elsewhere."""
        for ticket_id in sorted(tickets):
            after = None
            while True:
                where = (
                    Condition("ticket_id", "is", ticket_id),
                    Condition("id", "<", before(erasure.at + timedelta(milliseconds=1))),
                )
                query = Query(LogEntry, erasure.tenant, where, limit=_STEP, after=after)
                found: list[LogEntry] = await self._ledger.documents.find(query)
                await self._erase(found)
                if len(found) < _STEP:
                    break
                after = (None, found[-1].id)

    async def _erase(self, entries: list[LogEntry]) -> None:
        emptied = [msgspec.structs.replace(entry, snapshot={}) for entry in entries if entry.snapshot]
        if emptied:
            await self._ledger.commit(Work([Step.of([entry]) for entry in emptied]))
