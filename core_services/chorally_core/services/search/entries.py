"""Makes entries of documents: of those that facts touch, of a ticket's, of all of them page by page.

A ticket that was merged keeps its messages; they are found in the ticket that goes on for it.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog

from chorally_core.events import Event, LogAdd
from chorally_core.ports.documents import Condition, Document, Documents, Key, Query
from chorally_core.ports.indexing import Source
from chorally_core.ports.search import Entry
from chorally_core.ports.storable import shown

log = structlog.get_logger(__name__)

_PAGE = 200  # documents within a ticket that are read at once
_MOST_MERGES = 8  # one after the other, that are followed to the ticket that goes on
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Entries:
    """Reads documents, and makes entries of them."""

    def __init__(
        self, documents: Documents, sources: Sequence[Source], *, clock: Callable[[], float] = time.time
    ) -> None:
        """Prepare.

        Args:
            documents: Where they lie.
            sources: What is searched.
            clock: Seconds since 1970.
        """
        self._documents = documents
        self._sources = sources
        self._clock = clock
        self._ticket = next(source for source in sources if source.kind == "ticket")

    async def touched(self, facts: Sequence[Event[LogAdd]]) -> tuple[list[Entry], list[Entry]]:
        """Return the tickets that facts are about, and everything else, each as it is now."""
        asked: dict[Key, tuple[Source, str, dict[str, int]]] = {}
        for fact in facts:
            for source in self._sources:
                for document_id, entry_id in source.touched(fact):
                    key = Key.by_id(source.of, document_id)
                    _, _, names = asked.setdefault(key, (source, fact.tenant, {}))
                    name = entry_id or document_id
                    names[name] = max(names.get(name, 0), fact.data.version)
        read_ms = self._now_ms()
        found = await self._documents.load(list(asked))
        entries: list[Entry] = []
        for key, (source, tenant, names) in asked.items():
            document = found.get(key)
            made = [] if document is None or document.tenant != tenant else _made(source, [document])
            entries += made
            there = {entry.id for entry in made}
            missing = [n for n in names if n not in there and (document is None or n != key.value)]
            entries += [_gone(source, name, tenant, names[name]) for name in missing]  # one of several, too
        entries = await self.complete(entries, read_ms)
        return [e for e in entries if e.kind == "ticket"], [e for e in entries if e.kind != "ticket"]

    async def moved(self, facts: Sequence[Event[LogAdd]]) -> list[str]:
        """Return the tickets all of whose documents are to be indexed again after some facts."""
        return list(dict.fromkeys(name for f in facts for source in self._sources for name in source.moved(f)))

    async def page(self, source: Source, after: str, limit: int) -> tuple[list[Entry], str]:
        """Return the next documents of a kind as entries, of all tenants, and the last one's id; empty at the end."""
        read_ms = self._now_ms()
        query = Query(source.of, None, limit=limit, after=(None, after) if after else None)
        found: list[Document] = await self._documents.find(query)
        return await self.complete(_made(source, found), read_ms), found[-1].id if found else ""

    async def of_ticket(self, ticket_id: str) -> AsyncIterator[list[Entry]]:
        """Give everything within a ticket, and within those that it goes on for, in pages."""
        ticket = await self._documents.get(self._ticket.of, ticket_id)
        if ticket is None:
            return
        for source in self._sources:
            for name in (ticket_id, *getattr(ticket, "merged", ())) if source.within else ():
                after = None
                while True:
                    read_ms = self._now_ms()
                    where = (Condition(source.within, "is", name),)
                    found: list[Document] = await self._documents.find(
                        Query(source.of, ticket.tenant, where, limit=_PAGE, after=after)
                    )
                    yield await self.complete(_made(source, found), read_ms)
                    if len(found) < _PAGE:
                        break
                    after = (None, found[-1].id)

    async def complete(self, entries: Sequence[Entry], read_ms: int = 0) -> list[Entry]:
        """Return entries with what is the ticket's that they are in now."""
        known: dict[str, Any] = {}
        wanted = {e.ticket_id for e in entries if e.kind in ("message", "ticket") and not e.gone} - {""}
        for _ in range(_MOST_MERGES):
            keys = [Key.by_id(self._ticket.of, name) for name in wanted - known.keys()]
            if not keys:
                break
            found = await self._documents.load(keys)
            known |= {key.value: found.get(key) for key in keys}
            wanted = {ticket.merged_into for ticket in known.values() if ticket is not None and ticket.merged_into}
        made: dict[str, Entry | None] = {entry.id: entry for entry in entries if _is_of(entry, known)}
        return [msgspec.structs.replace(self._within(entry, known, made), read_ms=read_ms) for entry in entries]

    def _within(self, entry: Entry, tickets: Mapping[str, Any], made: dict[str, Entry | None]) -> Entry:
        """An entry with what is its ticket's; what was made of a ticket is kept in ``made`` for the next entry."""
        ticket = tickets.get(entry.ticket_id)
        if entry.kind not in ("message", "ticket") or entry.gone or ticket is None:
            return entry
        for _ in range(_MOST_MERGES):
            following = tickets.get(ticket.merged_into or "")
            if following is None:
                break
            ticket = following
        if entry.kind == "ticket":
            return entry if entry.ticket_id == ticket.id else msgspec.structs.replace(entry, ticket_id=ticket.id)
        if ticket.id not in made:
            made[ticket.id] = next(iter(_made(self._ticket, [ticket])), None)
        of = made[ticket.id]
        return entry if of is None else entry.within(of)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _is_of(entry: Entry, tickets: Mapping[str, Any]) -> bool:
    """Whether an entry is that of a ticket as it is now, and need not be made again for its messages."""
    ticket = tickets.get(entry.id)
    return entry.kind == "ticket" and ticket is not None and ticket.version == entry.version


def _made(source: Source, documents: Iterable[Document]) -> list[Entry]:
    """Entries of documents; one of which none can be made is told of, and holds up no other."""
    made: list[Entry] = []
    for document in documents:
        try:
            made += source.entries(document)
        except Exception as error:
            log.error("cannot be indexed", kind=source.kind, document_id=document.id, error=shown(error))
    return made


def _gone(source: Source, name: str, tenant: str, version: int) -> Entry:
    return Entry(kind=source.kind, id=name, tenant=tenant, version=version, at=_NEVER, gone=True)
