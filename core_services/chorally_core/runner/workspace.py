"""The documents of one batch: loaded together, changed in memory, written once."""

from collections import deque
from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from chorally_core.ports.documents import Document, Documents, Key, Write
from chorally_core.ports.handlers import Change, Found
from chorally_core.ports.ledger import Step


class Numbers:
    """Numbers reserved ahead, by kind and tenant; what one batch does not use the next one does."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._reserved: dict[tuple[type[Document], str], deque[int]] = {}

    async def ensure(self, of: type[Document], tenant: str, count: int) -> None:
        """Have at least ``count`` numbers ready."""
        ready = self._reserved.setdefault((of, tenant), deque())
        if len(ready) < count:
            ready.extend(await self._documents.reserve(of, tenant, count - len(ready)))

    def take(self, of: type[Document], tenant: str) -> int:
        """Return the next number.

        Raises:
            LookupError: None was reserved: the handler does not declare ``numbers``.
        """
        ready = self._reserved.get((of, tenant))
        if not ready:
            raise LookupError(f"no number of {of.__name__} is reserved; declare it in the handler's numbers")
        return ready.popleft()


Place = tuple[type[Document], str, str]
"""A key as it is looked up here: equal to a ``Key``, and cheaper to make."""


class Workspace:
    """What is known of some documents while decisions are made about them."""

    def __init__(self, documents: Documents, numbers: Numbers) -> None:
        self._documents = documents
        self._known: dict[Place, Document | None] = {}
        self.found = Found(self._known, numbers.take)
        self.steps: list[Step] = []

    def missing(self, keys: Iterable[Key]) -> list[Key]:
        """Return the keys that were not looked up yet."""
        known = self._known
        return [key for key in keys if key not in known]

    async def look_up(self, keys: Collection[Key]) -> None:
        """Load what the keys name."""
        loaded = await self._documents.load(keys)
        for key in keys:
            self._known.setdefault(key, None)
        for document in loaded.values():
            self._learn(document)

    def _learn(self, document: Document) -> None:
        kind = type(document)
        known = self._known
        present = known.get((kind, "id", document.id))
        if present is not None and present.version >= document.version:
            document = present
        known[(kind, "id", document.id)] = document
        for field in kind.unique:
            value = getattr(document, field)
            if value is not None:
                known[(kind, field, value)] = document

    def _forget(self, document: Document) -> None:
        """Take a document out from under its unique fields, before it is replaced."""
        kind = type(document)
        for field in kind.unique:
            value = getattr(document, field)
            if value is not None:
                self._known[(kind, field, value)] = None

    def apply(self, change: Change) -> None:
        """Take over a decision, so that the next one sees it."""
        writes = []
        known = self._known
        for document in (*change.mended, *change.writes) if change.mended else change.writes:
            kind = type(document)
            expected = document.version
            place = (kind, "id", document.id)
            earlier = known.get(place)
            if earlier is not None:
                if not expected:
                    continue  # it is there already: adding it again does nothing
                self._forget(earlier)
            msgspec.structs.force_setattr(document, "version", expected + 1)
            writes.append(Write(document, expected))
            known[place] = document
            for field in kind.unique:
                value = getattr(document, field)
                if value is not None:
                    known[kind, field, value] = document
        removed: list[tuple[type[Document], str]] = []
        for document in change.remove:
            self._forget(document)
            self._known[(type(document), "id", document.id)] = None
            removed.append((type(document), document.id))
        if writes or change.events or removed:
            self.steps.append(Step(writes, change.events, removed))

    def add(self, document: Document, events: Collection[Any] = ()) -> None:
        """Store a new document of the runner's own beside the decisions."""
        self.apply(Change((document,), tuple(events)))

    def remove(self, document: Document) -> None:
        """Remove a document of the runner's own that is used up."""
        self.apply(Change(remove=(document,)))

    def replace(self, document: Document, **changes: Any) -> None:
        """Store a document of the runner's own anew with some fields changed."""
        self.apply(Change((msgspec.structs.replace(document, **changes),)))
