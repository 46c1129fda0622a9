"""Answers questions: the index names what is found, the documents say what it is.

So nothing is shown that was deleted or erased since it was indexed, however far the index lags.
"""

from collections.abc import Sequence
from typing import NamedTuple

from chorally_core.ports.documents import Documents, Key
from chorally_core.ports.indexing import Source
from chorally_core.ports.search import Asked, Behind, Entry, Hit, Hits, Search
from chorally_core.services.search.entries import Entries
from chorally_core.services.search.excerpts import Excerpt, excerpts

_TEXTS = ("title", "body", "names")


class Shown(NamedTuple):
    """A hit, and what it is now."""

    hit: Hit
    entry: Entry
    excerpts: dict[str, Sequence[Excerpt]]
    """By text of the entry, where the words stand in it."""


class Answer(NamedTuple):
    """A page of what was found."""

    found: Hits
    shown: Sequence[Shown]
    following: Behind | None
    """The last hit, where others follow."""


class Searching:
    """Asks the index for a tenant."""

    def __init__(self, documents: Documents, search: Search, sources: Sequence[Source]) -> None:
        """Prepare.

        Args:
            documents: What is indexed.
            search: The index.
            sources: What is searched.
        """
        self._documents = documents
        self._search = search
        self._by_kind = {source.kind: source for source in sources}
        self._entries = Entries(documents, sources)

    async def answer(self, tenant: str, asked: Asked) -> Answer:
        """Return a page; one that is shorter than asked for may yet be followed by others.

        Raises:
            NotOffered: The index cannot do what is asked.
            SearchUnavailable: It cannot be reached.
        """
        found = await self._search.find(tenant, asked._replace(limit=asked.limit + 1))
        hits = found.hits[: asked.limit]
        following = Behind(hits[-1].score, hits[-1].at, hits[-1].name) if len(found.hits) > asked.limit else None
        return Answer(found, await self._shown(tenant, hits, asked), following)

    async def _shown(self, tenant: str, hits: Sequence[Hit], asked: Asked) -> list[Shown]:
        keys = {
            hit: Key.by_id(source.of, source.document_of(tenant, hit.id))
            for hit in hits
            if (source := self._by_kind.get(hit.kind)) is not None
        }
        documents = await self._documents.load(list(set(keys.values())))
        there: dict[Hit, Entry] = {}
        for hit, key in keys.items():
            document = documents.get(key)
            entries = () if document is None else self._by_kind[hit.kind].entries(document)
            entry = next((entry for entry in entries if entry.id == hit.id), None)
            if entry is not None and entry.tenant == tenant and not entry.gone:
                there[hit] = entry
        complete = await self._entries.complete(list(there.values()))
        return [Shown(hit, entry, _marked(entry, asked)) for hit, entry in zip(there, complete, strict=True)]


def _marked(entry: Entry, asked: Asked) -> dict[str, Sequence[Excerpt]]:
    texts = {name: getattr(entry, name) for name in _TEXTS}
    marked = {
        name: excerpts(text, asked.wanted, entry.language if name != "names" else "") for name, text in texts.items()
    }
    return {name: found for name, found in marked.items() if found}
