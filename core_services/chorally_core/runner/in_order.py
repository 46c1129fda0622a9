"""The ledger for back ends that share no transaction: documents, then events, then the position.

A document that a decision changes carries the events it caused until they are relayed, so a kill in between
loses none: whoever starts next, or the relay, tells them. Whoever changes a document that still carries some
tells them before its own, so a document's events are first told in their order, however often they are repeated.
Work that is done again finds its documents stored, decides nothing, and moves on. Events that no document carries
come before anything else, as the work that caused them is repeated until its position is stored. So every event is
told at least once, and has its effect once.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import structlog

from chorally_core.events import Event, envelope, headers
from chorally_core.ports.bus import Bus
from chorally_core.ports.documents import Conflict, Document, Documents, Unsent, Write
from chorally_core.ports.ledger import Step, Work, settled
from chorally_core.ports.storable import is_of_content, shown
from chorally_core.runner.parking import dead

log = structlog.get_logger(__name__)

_AT_ONCE = 500
_UNTOLD = "relay"


class InOrder:
    """Commits work over any bus and any documents."""

    documents: Documents
    bus: Bus

    def __init__(self, documents: Documents, bus: Bus) -> None:
        self.documents = documents
        self.bus = bus

    async def commit(self, work: Work) -> None:
        """Make the work durable, each part when the parts before it are.

        Raises:
            Conflict: A document was changed meanwhile; what was stored before it is told all the same.
        """
        free = [event for step in work.steps if not step.writes for event in step.events]
        if free:
            await self.bus.publish(free)
        steps = [_carrying(step) for step in work.steps if step.writes or step.removed]
        writes, removed = settled(Work(_joined(steps)))
        if writes:
            await self._store(writes)
        for of, ids in removed.items():
            await self.documents.delete(of, ids)
        if work.read is not None:
            consumer, batch = work.read
            await consumer.commit(batch)

    async def _store(self, writes: Sequence[Write]) -> None:
        try:
            unsent = await self.documents.write(writes)
        except Conflict:
            carrying: dict[type[Document], list[str]] = {}
            for write in writes:
                if write.outbox:
                    carrying.setdefault(type(write.document), []).append(write.document.id)
            for of, ids in carrying.items():
                await self._relay(await self.documents.carried(of, ids))
            raise
        await self._relay(unsent)

    async def _relay(self, unsent: Unsent) -> None:
        if unsent.events:
            await self.bus.publish(unsent.events)
        if unsent.token:
            await self.documents.relayed(unsent)

    async def recover(self, older_than: timedelta = timedelta(0)) -> int:
        """Relay what is stored and not told; return how many events that was."""
        count = 0
        while (unsent := await self.documents.unsent(_AT_ONCE, older_than)).token:
            try:
                await self._relay(unsent)
            except Exception as error:
                if not is_of_content(error):
                    raise
                await self._relay_singly(unsent)
            count += len(unsent.events)
        return count

    async def _relay_singly(self, unsent: Unsent) -> None:
        """Relay what can be; what the bus never takes becomes a dead letter, and holds up nothing more."""
        for event in unsent.events:
            try:
                await self.bus.publish([event])
            except Exception as error:
                if not is_of_content(error):
                    raise
                log.error("event is a dead letter", topic=event.topic, event_id=event.id, error=shown(error))
                await self.commit(Work([_given_up(event, error)]))
        await self.documents.relayed(unsent)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold nothing together: each commit stands by itself."""
        yield


def _given_up(event: Event[Any], error: Exception) -> Step:
    """The dead letter of an event that cannot be told."""
    letter, told = dead(
        tenant=event.tenant,
        source=event.topic,
        group=_UNTOLD,
        key=event.key,
        value=envelope(event).decode(),
        head=headers(event),
        error=shown(error),
        attempts=1,
        at=event.occurred_at,
        of=event.id,
    )
    return Step.of([letter], [told])


def _carrying(step: Step) -> Step:
    """The step with its events on its last write, which owns the order of what happened."""
    if not step.writes:
        return step
    *added, owner = step.writes
    return Step([*added, Write(owner.document, owner.expected, tuple(step.events))], (), step.removed)


def _joined(steps: Sequence[Step]) -> list[Step]:
    """The steps with a document's events together on each of its writes so far: the last one carries all."""
    carried: dict[tuple[type, str], list[Event[Any]]] = {}
    joined = []
    for step in steps:
        writes = []
        for document, expected, outbox in step.writes:
            events = carried.setdefault((type(document), document.id), [])
            events += outbox
            writes.append(Write(document, expected, tuple(events)))
        joined.append(Step(writes, (), step.removed))
    return joined
