"""The index as documents: for several processes without a search server, and for as much as one can look through.

Each search looks through what a tenant has, from the newest backwards, so it is bounded in what it gives and not
quick. Words are found as they were written, not in other forms; nothing is ranked or counted. OpenSearch does all
of that (``CHORALLY_SEARCH``).
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from chorally_core.ports.documents import ARRIVAL, Condition, Conflict, Document, Documents, Key, Query, Write
from chorally_core.ports.search import FIELDS, INDEX_SCHEMA, OF_TICKET, Asked, Entry, EntryKind, Hit, Hits, NotOffered
from chorally_core.ports.words import Term, Wanted, said

_PAGE = 200
_PAGES = 10  # after which a search gives what it has found
_INSTEAD = "this installation searches without an index; set CHORALLY_SEARCH=opensearch://… for that"
_MADE = "tag/"  # the id of what tells that entries were made of everything: no tag's, and no tenant's
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


class SearchText(Document, frozen=True, kw_only=True):
    """One entry; its id is the message's, or the kind and id of anything else."""

    kind = "search_text"
    followed = True
    sparse = ("author_id",)

    ticket_id: str
    words: str
    """Its words in order, lower case without accents, each with a space before and behind it."""
    of: EntryKind = "message"
    at: datetime | None = None
    fields: dict[str, list[str]] = {}
    """What it is filtered by."""
    author_id: str | None = None
    entry_version: int = 0

    def hit(self) -> Hit:
        """Return what it is found as."""
        name = self.id if self.of == "message" else self.id.partition("/")[2]
        return Hit(self.of, name, self.at or _EARLIEST, 0.0)


class StoredSearch:
    """Serves the search port from any documents."""

    in_turns = False
    bears_tickets = True

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def start(self) -> bool:
        """Return whether the entries were never made from all documents."""
        made = await self._documents.get(SearchText, _MADE)
        return made is None or made.entry_version != INDEX_SCHEMA

    async def put(self, entries: Sequence[Entry]) -> None:
        """Index entries; one that is there already is replaced, unless it is newer."""
        last = {_id(entry.kind, entry.id): entry for entry in entries}
        while last:
            known = await self._documents.load([Key.by_id(SearchText, name) for name in last])
            there = {key.value: document for key, document in known.items() if isinstance(document, SearchText)}
            due = {
                name: entry
                for name, entry in last.items()
                if name not in there or there[name].entry_version <= entry.version
            }
            gone = [name for name, entry in due.items() if entry.gone]
            writes = [
                _write(entry, there[name].version if name in there else 0)
                for name, entry in due.items()
                if not entry.gone
            ]
            try:
                await self._documents.write(writes)
            except Conflict:  # another process indexes the same: whoever is last reads what both have read
                continue
            await self._documents.delete(SearchText, gone)
            return

    async def find(self, tenant: str, asked: Asked) -> Hits:
        """Return what is found among what was indexed last, the newest first; ``relevance`` is that, too.

        Raises:
            NotOffered: Facets, or the oldest first.
        """
        if asked.facets:
            raise NotOffered(f"facets are not counted: {_INSTEAD}")
        if asked.sort == "oldest":
            raise NotOffered(f"the oldest first is not offered: {_INSTEAD}")
        after = None if asked.behind is None else _id(*_parts(asked.behind.name))
        found = await self._through(tenant, asked, after, asked.limit)
        return Hits([entry.hit() for entry in found[: asked.limit]], None)

    async def tickets(self, tenant: str, wanted: Wanted, *, limit: int) -> list[str]:
        """Return the tickets in which something is found, the newest hits first."""
        if not wanted.all_of:
            return []
        found = await self._through(tenant, Asked(wanted, ("message", "ticket")), None, _PAGES * _PAGE)
        return list(dict.fromkeys(entry.ticket_id for entry in found))[:limit]

    async def _through(self, tenant: str, asked: Asked, after: str | None, enough: int) -> list[SearchText]:
        """Look through a tenant's entries: the one place that says whose they are."""
        every = [either[0] for either in asked.wanted.all_of if len(either) == 1]
        where = tuple(Condition("words", "contains", _part(term)) for term in every)
        found: list[SearchText] = []
        for _ in range(_PAGES):
            place = None if after is None else (None, after)
            query = Query(SearchText, tenant, where, order=ARRIVAL, descending=True, limit=_PAGE, after=place)
            try:
                page: list[SearchText] = await self._documents.find(query)
            except LookupError:
                raise NotOffered("what the page before ended with is gone; begin again without the cursor") from None
            found += [entry for entry in page if _fits(entry, asked)]
            if len(page) < _PAGE or len(found) >= enough:
                break
            after = page[-1].id
        return found

    async def bear(self, tickets: Sequence[Entry]) -> set[str]:
        """Return the tickets of which something else is stored than they are now."""
        known = await self._documents.load([Key.by_id(SearchText, _id("ticket", ticket.id)) for ticket in tickets])
        there = {document.id: document.fields for document in known.values() if isinstance(document, SearchText)}
        return {
            ticket.id
            for ticket in tickets
            if {field: there.get(_id("ticket", ticket.id), {}).get(field) for field in OF_TICKET}
            != {field: _fields(ticket)[field] for field in OF_TICKET}
        }

    async def forget(self, tenant: str, author_id: str, until: datetime) -> None:
        """Remove what an author said until then, and the author."""
        where = (Condition("author_id", "is", author_id),)
        after = None
        while True:
            found: list[SearchText] = await self._documents.find(
                Query(SearchText, tenant, where, limit=_PAGE, after=after)
            )
            gone = [entry.id for entry in found if entry.at is None or entry.at <= until]
            await self._documents.delete(SearchText, gone)
            if len(found) < _PAGE:
                return
            after = (None, found[-1].id)

    async def begin_rebuild(self, name: str) -> None:
        """Do nothing: entries are put in their places anew."""

    async def fill(self, name: str, entries: Sequence[Entry]) -> None:
        """Index entries in the places that they have."""
        await self.put(entries)

    async def end_rebuild(self, name: str) -> None:
        """Remember that it was done; what is not there any more is not shown."""
        known = await self._documents.get(SearchText, _MADE)
        version = known.version if known is not None else 0
        made = SearchText(
            id=_MADE, tenant="", version=version + 1, ticket_id="", words="", of="tag", entry_version=INDEX_SCHEMA
        )
        await self._documents.write([Write(made, version)])

    async def aclose(self) -> None:
        """Do nothing: the documents are closed by whoever opened them."""


def _id(kind: str, name: str) -> str:
    return name if kind == "message" else f"{kind}/{name}"


def _parts(name: str) -> tuple[str, str]:
    kind, _, rest = name.partition("/")
    return kind, rest


def _fields(entry: Entry) -> dict[str, list[str]]:
    given = {field: getattr(entry, field) for field in FIELDS}
    return {field: list(value) if field == "tags" else [value] for field, value in given.items()}


def _write(entry: Entry, version: int) -> Write:
    words = f" {' '.join(said(' '.join((entry.title, entry.body, entry.names))))} "
    document = SearchText(
        id=_id(entry.kind, entry.id), tenant=entry.tenant, version=version + 1, ticket_id=entry.ticket_id, words=words,
        of=entry.kind, at=entry.at, fields=_fields(entry), author_id=entry.author_id or None,
        entry_version=entry.version,
    )  # fmt: skip
    return Write(document, version)


def _part(term: Term) -> str:
    return f" {' '.join(term.words)}{'' if term.begins else ' '}"


def _fits(entry: SearchText, asked: Asked) -> bool:
    """Whether what the documents were not asked for holds."""
    if entry.of not in asked.kinds or (entry.at is None and (asked.since or asked.until)):
        return False
    if entry.at is not None and (
        (asked.since is not None and entry.at < asked.since) or (asked.until is not None and entry.at >= asked.until)
    ):
        return False
    for field, values in asked.where.items():
        if not {*(entry.fields.get(field) or ("",))} & {*values}:
            return False
    if not all(any(_part(term) in entry.words for term in either) for either in asked.wanted.all_of):
        return False
    return not any(_part(term) in entry.words for term in asked.wanted.none_of)
