"""A store whose every call waits to be let through, for processes that interleave."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any, cast

from chorally_core.ports.documents import Conflict, Document, Documents, Key, Unsent, Write


class Shelf:
    """What is stored, changed by compare-and-swap."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}

    def write(self, writes: Sequence[Write]) -> None:
        """Store each by itself, as a back end without transactions does."""
        lost = None
        for document, expected, _ in writes:
            stored = self.documents.get(document.id)
            if not expected:
                self.documents.setdefault(document.id, document)
            elif stored is not None and stored.version == expected:
                self.documents[document.id] = document
            else:
                lost = document
        if lost is not None:
            raise Conflict(lost.kind, lost.id)


class Gated:
    """One process's way to the shelf: each call waits, happens, and its answer waits once more, or is lost."""

    def __init__(self, shelf: Shelf, *, is_open: bool = True) -> None:
        self.shelf = shelf
        self.is_open = is_open
        self.waiting: list[asyncio.Future[None]] = []
        self.writes = 0

    async def _gate(self) -> None:
        if self.is_open:
            return
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(gate)
        await gate

    async def load(self, keys: Collection[Key]) -> dict[Key, Document]:
        """Return those of the documents that exist."""
        await self._gate()
        found = {key: self.shelf.documents[key.value] for key in keys if key.value in self.shelf.documents}
        await self._gate()
        return found

    async def write(self, writes: Sequence[Write]) -> Unsent:
        """Store documents."""
        self.writes += 1
        await self._gate()
        self.shelf.write(writes)
        await self._gate()
        return Unsent((), None)

    def let_one_through(self, *, lost: bool = False) -> None:
        """Let the oldest call go one step on, or fail."""
        if self.waiting:
            gate = self.waiting.pop(0)
            if gate.done():
                return
            if lost:
                gate.set_exception(ConnectionError("the line is cut"))
            else:
                gate.set_result(None)

    def as_documents(self) -> Documents:
        """Return it as the port, of which leases use two methods."""
        port: Any = self
        return cast("Documents", port)
