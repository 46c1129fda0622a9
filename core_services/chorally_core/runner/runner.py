"""One service's reader: polls a batch, loads its documents at once, decides event by event, commits together."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from chorally_core.events import Event, Unknown, Unreadable, decode
from chorally_core.events.ids import derived
from chorally_core.ports.bus import Batch, Delivered, Moved
from chorally_core.ports.documents import Condition, Conflict, Key, Query
from chorally_core.ports.handlers import Handler
from chorally_core.ports.ledger import Ledger, Work
from chorally_core.ports.parking import Parked, to_raw
from chorally_core.ports.storable import Storable, shown
from chorally_core.runner import traced
from chorally_core.runner.lanes import Lanes
from chorally_core.runner.parking import ATTEMPTS, backoff, dead, lane, parked, unreadable
from chorally_core.runner.workspace import Numbers, Workspace

log = structlog.get_logger(__name__)


class Runner:
    """Feeds one group's handlers."""

    def __init__(
        self,
        group: str,
        handlers: Iterable[Handler[Any]],
        ledger: Ledger,
        *,
        now: Callable[[], datetime],
        batch: int = 200,
        attempts: int = ATTEMPTS,
        relearn: timedelta = timedelta(seconds=30),
    ) -> None:
        """Prepare to run.

        Args:
            group: The consumer group, which is the service's name.
            handlers: One for each event it handles.
            ledger: Where work becomes durable.
            now: The clock.
            batch: Most events in one commit.
            attempts: How often an event may fail before it becomes a dead letter.
            relearn: How long what is known of waiting keys is good for, where the group has several members.
        """
        self.group = group
        self._handlers = {(handler.topic, handler.event): handler for handler in handlers}
        self._ledger = ledger
        self._now = now
        self._batch = batch
        self._attempts = attempts
        self._numbers = Numbers(ledger.documents)
        self._lanes = Lanes(ledger.documents, group, relearn=relearn)
        self._storable = Storable()
        self.consumer = ledger.bus.consumer(group, sorted({topic for topic, _ in self._handlers}))
        self.counts: Counter[str] = Counter()
        """Events handled, unknown, unreadable, parked, dead and repeated after a conflict, since the start."""

    async def start(self) -> None:
        """Learn which keys wait."""
        await self._lanes.learn(self.consumer, self._now())

    @property
    def parked(self) -> int:
        """How many events wait behind a failed one, itself included, of the partitions that this member has."""
        return self._lanes.total

    async def step(self) -> int:
        """Handle one batch, and what waits and is due; return how many events that was."""
        now = self._now()
        if self._lanes.is_stale(self.consumer, now):
            await self.start()
        retried = 0
        if self._lanes.retry_at is not None and now >= self._lanes.retry_at:
            retried = await self._retry()
        batch = await self.consumer.poll(self._storable.limit(self._batch))
        if batch.delivered and self._lanes.is_stale(self.consumer, now):
            await self.start()  # the batch may be of a share that came meanwhile
            if self._lanes.is_stale(self.consumer, now):
                raise Moved(self.group)  # and is of one that is gone: what waits there is another member's to know
        if not batch.delivered:
            return retried
        names = [_name(delivered) for delivered in batch.delivered]
        try:
            with traced.handled(self.group, batch) as carrying:
                await self._handle(carrying)
        except Exception as error:
            if isinstance(error, Conflict):
                self.counts["repeated"] += len(batch.delivered)
            if not isinstance(error, Moved):
                self._storable.failed(names, error)
            raise
        self._storable.stored(names)
        return retried + len(batch.delivered)

    async def recover(self) -> None:
        """Read again from the last commit, and learn anew which keys wait."""
        await self.consumer.rewind()
        await self.start()

    async def _handle(self, batch: Batch) -> None:
        space = Workspace(self._ledger.documents, self._numbers)
        await self._prefetch(space, batch.delivered)
        lanes: Counter[str] = Counter()
        counts: Counter[str] = Counter()
        for delivered in batch.delivered:
            counts[await self._one(space, delivered, lanes)] += 1
        await self._ledger.commit(Work(space.steps, (self.consumer, batch)))
        self._lanes.add(lanes)
        self.counts += counts

    async def _prefetch(self, space: Workspace, delivered: Sequence[Delivered]) -> None:
        keys: list[Key] = []
        numbered: Counter[tuple[Any, str]] = Counter()
        for _, event in delivered:
            if isinstance(event, Event) and (handler := self._handlers.get((event.topic, event.name))):
                try:
                    keys += handler.reads(event)
                except Exception as error:  # its own key waits, as if the decision had failed
                    self._storable.blame(event.id, error)
                if handler.numbers is not None:
                    numbered[handler.numbers, event.tenant] += 1
        if keys:
            await space.look_up(list(dict.fromkeys(keys)))
        for (of, tenant), count in numbered.items():
            await self._numbers.ensure(of, tenant, count)

    async def _one(self, space: Workspace, delivered: Delivered, lanes: Counter[str]) -> str:
        """Decide about one thing delivered, and say what became of it."""
        position, event = delivered
        if isinstance(event, Unreadable):
            letter, told = unreadable(event, self.group, position, self._now())
            space.add(letter, (told,))
            log.warning("unreadable event", topic=event.raw.topic, position=position, error=event.error)
            return "unreadable"
        if isinstance(event, Unknown):
            return "unknown"
        handler = self._handlers.get((event.topic, event.name))
        if handler is None:
            return "unknown"
        if (self._lanes or lanes) and self._waits(name := lane(self.group, event.key), lanes):
            space.add(parked(event, self.group, position, attempts=0, next_at=self._now(), error=""))
            lanes[name] += 1
            return "parked"
        try:
            self._storable.check(event.id)
            await self._decide(space, handler, event)
        except Exception as error:  # whatever a handler raises concerns its own key only
            if isinstance(error, Conflict):
                raise
            at = self._now() + backoff(1)
            self._lanes.due(at)
            space.add(parked(event, self.group, position, attempts=1, next_at=at, error=shown(error)))
            lanes[lane(self.group, event.key)] += 1
            about = {"topic": event.topic, "event_id": event.id, **traced.trace_of(event)}
            log.warning("event parked", group=self.group, **about, exc_info=error)
            return "parked"
        return "handled"

    def _waits(self, name: str, lanes: Counter[str]) -> bool:
        return self._lanes.waits(name) or lanes[name] > 0

    async def _decide(self, space: Workspace, handler: Handler[Any], event: Event[Any]) -> None:
        while missing := space.missing(handler.follows(event, space.found)):
            await space.look_up(missing)
        space.apply(handler.decide(event, space.found))

    async def _retry(self) -> int:
        """Take up the waiting lanes whose time has come, each until it fails again or is empty, a batch in all."""
        now = self._now()
        self._lanes.retry_at = None
        done = 0
        for name in self._lanes.names():
            done += await self._retry_lane(name, now, self._batch - done)
            if done >= self._batch:
                self._lanes.retry_at = now
                break
        return done

    async def _retry_lane(self, name: str, now: datetime, most: int) -> int:
        """Handle the oldest events of a lane, in order; return how many left it."""
        where = (Condition("lane", "is", name),)
        waiting: list[Parked] = await self._ledger.documents.find(Query(Parked, None, where, limit=most))
        for done, first in enumerate(waiting):
            if first.next_at > now:
                self._lanes.due(first.next_at)
                return done
            if not await self._retry_first(first):
                return done
            self._lanes.left(name, 1)
        if len(waiting) < most:
            self._lanes.emptied(name)
        return len(waiting)

    async def _retry_first(self, first: Parked) -> bool:
        """Handle the oldest event of a lane; return whether the next may follow at once."""
        event = decode(to_raw(first, first.topic))
        space = Workspace(self._ledger.documents, self._numbers)
        outcome = "handled"
        try:
            if not isinstance(event, Event):
                raise ValueError("the parked event can no longer be read")
            self._storable.check(first.id)
            handler = self._handlers[event.topic, event.name]
            if handler.numbers is not None:
                await self._numbers.ensure(handler.numbers, event.tenant, 1)
            await space.look_up(list(handler.reads(event)))
            with traced.taken_up(self.group, event) as carrying:
                await self._decide(space, handler, carrying)
        except Exception as error:
            if isinstance(error, Conflict):
                raise
            space = Workspace(self._ledger.documents, self._numbers)
            outcome = self._failed(space, first, error)
        if outcome != "again":
            space.remove(first)
        try:
            await self._ledger.commit(Work(space.steps))
        except Exception as error:
            self._storable.failed([first.id], error)
            raise
        self._storable.stored([first.id])
        if outcome == "again":
            return False
        self.counts[outcome] += 1
        return True

    def _failed(self, space: Workspace, first: Parked, error: Exception) -> str:
        """Put the event back for later, or among the dead letters."""
        attempts = first.attempts + 1
        if attempts < self._attempts:
            at = self._now() + backoff(attempts)
            self._lanes.due(at)
            space.replace(first, attempts=attempts, next_at=at, error=shown(error))
            return "again"
        letter, told = dead(
            tenant=first.tenant,
            source=first.topic,
            group=self.group,
            key=first.key,
            value=first.value,
            head=first.headers,
            error=shown(error),
            attempts=attempts,
            at=self._now(),
            of=derived(first.topic, first.position, first.headers.get("id", "")),
        )
        space.add(letter, (told,))
        log.error("event is a dead letter", group=self.group, topic=first.topic, error=shown(error))
        return "dead"


def _name(delivered: Delivered) -> str:
    """What tells one thing delivered apart from the others."""
    event = delivered.event
    return event.id if isinstance(event, Event) else f"{event.raw.topic}/{delivered.position}"
