"""The ledger: makes what one piece of work changes durable, so that a repeat of the work changes nothing.

On one machine documents, events and positions go into one transaction. In a cluster there is none: the
documents go first, each bearing the events it caused, then the events, then the position; whoever
repeats the work finds it done. Handlers see no difference.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

import msgspec

from chorally_core.events import Event
from chorally_core.ports.bus import Batch, Bus, Consumer
from chorally_core.ports.documents import Document, Documents, Write


class Step(NamedTuple):
    """One decision's writes, in order, and the events that it causes."""

    writes: Sequence[Write] = ()
    events: Sequence[Event[Any]] = ()
    removed: Sequence[tuple[type[Document], str]] = ()
    """Documents that the work used up, such as a parked event."""

    @classmethod
    def of(
        cls,
        documents: Iterable[Document] = (),
        events: Sequence[Event[Any]] = (),
        removed: Iterable[Document] = (),
    ) -> "Step":
        """Return the step that stores documents as they shall be, over the versions that they bear."""
        writes = []
        for document in documents:
            expected = document.version
            msgspec.structs.force_setattr(document, "version", expected + 1)
            writes.append(Write(document, expected))
        return cls(writes, events, [(type(document), document.id) for document in removed])


class Work(NamedTuple):
    """What shall become durable."""

    steps: Sequence[Step] = ()
    read: tuple[Consumer, Batch] | None = None
    """What was consumed to do the work."""


class Ledger(Protocol):
    """Commits work."""

    documents: Documents
    bus: Bus

    async def commit(self, work: Work) -> None:
        """Make the work durable.

        Raises:
            Conflict: A document was changed meanwhile; nothing that matters is done, decide again.
        """

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Hold together several commits that follow each other at once, where the back end can."""

    async def recover(self, older_than: timedelta = timedelta(0)) -> int:
        """Relay what a process that died had stored and not told; return how many events that was.

        What another process is about to tell itself is told twice, unless it is passed by as not ``older_than``.
        """


def settled(work: Work) -> tuple[list[Write], dict[type[Document], list[str]]]:
    """Return the last state of each document that is written, and what is removed, by kind."""
    last: dict[tuple[type[Document], str], Write] = {}
    removed: dict[type[Document], list[str]] = {}
    for step in work.steps:
        for write in step.writes:
            name = (type(write.document), write.document.id)
            earlier = last.pop(name, None)  # and takes its place after what was written meanwhile
            last[name] = write if earlier is None else Write(write.document, earlier.expected, write.outbox)
        for of, document_id in step.removed:
            removed.setdefault(of, []).append(document_id)
            last.pop((of, document_id), None)
    return list(last.values()), removed
