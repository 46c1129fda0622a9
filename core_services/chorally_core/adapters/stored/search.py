"""The index of messages as documents: for several processes, and for as many messages as one can look through.

Each search looks through the messages of a tenant, from the newest backwards, so it is bounded in what it gives
and not quick. An index of its own serves large installations.
"""

import re
import unicodedata
from collections.abc import Sequence

from chorally_core.ports.documents import ARRIVAL, Condition, Conflict, Document, Documents, Key, Query, Write
from chorally_core.ports.search import Indexed

_WORD = re.compile(r"\w+", re.UNICODE)
_MOST_WORDS = 8  # of a search; the others are not looked for
_LONGEST = 20_000  # characters of a message that are searched
_PAGE = 200
_PAGES = 10  # after which a search gives what it has found


class SearchText(Document, frozen=True, kw_only=True):
    """One message as it is searched; its id is the message's."""

    kind = "search_text"
    followed = True

    ticket_id: str
    words: str
    """Its words in order, lower case without accents, each with a space before and behind it."""


class StoredSearch:
    """Serves the search port from any documents."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def put(self, messages: Sequence[Indexed]) -> None:
        """Index messages; one that is there already is replaced."""
        last = {message.message_id: message for message in messages}
        while True:
            known = await self._documents.load([Key.by_id(SearchText, name) for name in last])
            versions = {key.value: document.version for key, document in known.items()}
            gone = [name for name, message in last.items() if not message.text]
            writes = [_write(message, versions.get(name, 0)) for name, message in last.items() if message.text]
            try:
                await self._documents.write(writes)
            except Conflict:  # another process indexes the same: whoever is last reads what both have read
                continue
            await self._documents.delete(SearchText, gone)
            return

    async def tickets(self, tenant: str, text: str, *, limit: int) -> list[str]:
        """Return the tickets whose messages have all the words; the last may be the beginning of one."""
        words = _words(text)[:_MOST_WORDS]
        if not words:
            return []
        where = [Condition("words", "contains", f" {word} ") for word in words[:-1]]
        where.append(Condition("words", "contains", f" {words[-1]}"))
        found: dict[str, None] = {}
        after = None
        for _ in range(_PAGES):
            query = Query(SearchText, tenant, tuple(where), order=ARRIVAL, descending=True, limit=_PAGE, after=after)
            page: list[SearchText] = await self._documents.find(query)
            found.update(dict.fromkeys(entry.ticket_id for entry in page))
            if len(page) < _PAGE or len(found) >= limit:
                break
            after = (None, page[-1].id)
        return list(found)[:limit]


def _write(message: Indexed, version: int) -> Write:
    words = f" {' '.join(_words(message.text[:_LONGEST]))} "
    document = SearchText(
        id=message.message_id, tenant=message.tenant, version=version + 1, ticket_id=message.ticket_id, words=words
    )
    return Write(document, version)


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(letter for letter in plain if not unicodedata.combining(letter)))
