"""One service's reader: polls a batch, loads its documents at once, decides event by event, commits together."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import structlog

from chorally_core.events import Event, Unknown, Unreadable, decode
from chorally_core.events.ids import derived
from chorally_core.ports.bus import Batch, Delivered
from chorally_core.ports.documents import Condition, Conflict, Key, Query
from chorally_core.ports.handlers import Handler
from chorally_core.ports.ledger import Ledger, Work
from chorally_core.ports.parking import Parked, to_raw
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
    ) -> None:
        """Prepare to run.

        Args:
            group: The consumer group, which is the service's name.
            handlers: One for each event it handles.
            ledger: Where work becomes durable.
            now: The clock.
            batch: Most events in one commit.
            attempts: How often an event may fail before it becomes a dead letter.
        """
        self.group = group
        self._handlers = {(handler.topic, handler.event): handler for handler in handlers}
        self._ledger = ledger
        self._now = now
        self._batch = batch
        self._attempts = attempts
        self._numbers = Numbers(ledger.documents)
        self._lanes: Counter[str] = Counter()
        self._retry_at: datetime | None = None
        self._singly = 0  # events still to be taken one by one, after a batch that could not be stored
        self.consumer = ledger.bus.consumer(group, sorted({topic for topic, _ in self._handlers}))
        self.counts: Counter[str] = Counter()
        """Events handled, unknown, unreadable, parked, dead and repeated after a conflict, since the start."""

    async def start(self) -> None:
        """Learn which keys wait."""
        self._lanes.clear()
        self._retry_at = None
        after: tuple[Any, str] | None = None
        while True:
            where = (Condition("group", "is", self.group),)
            waiting = await self._ledger.documents.find(Query(Parked, None, where, limit=1000, after=after))
            for row in waiting:
                self._lanes[row.lane] += 1
                self._retry_at = min(self._retry_at or row.next_at, row.next_at)
            if len(waiting) < 1000:
                return
            after = (waiting[-1].id, waiting[-1].id)

    @property
    def parked(self) -> int:
        """How many events wait behind a failed one, itself included."""
        return self._lanes.total()

    async def step(self) -> int:
        """Handle one batch; return how many events it had."""
        if self._retry_at is not None and self._now() >= self._retry_at:
            await self._retry()
        batch = await self.consumer.poll(1 if self._singly else self._batch)
        if not batch.delivered:
            return 0
        try:
            await self._handle(batch)
        except Conflict:
            self.counts["repeated"] += len(batch.delivered)
            raise
        except Exception as error:
            if len(batch.delivered) > 1:
                self._singly = len(batch.delivered)
                raise
            await self._set_aside(batch, error)
        self._singly = max(self._singly - 1, 0)
        return len(batch.delivered)

    async def _set_aside(self, batch: Batch, error: Exception) -> None:
        """Park the one event of a batch that cannot be stored."""
        position, event = batch.delivered[0]
        if not isinstance(event, Event):
            raise error
        at = self._now() + backoff(1)
        space = Workspace(self._ledger.documents, self._numbers)
        space.add(parked(event, self.group, position, attempts=1, next_at=at, error=_text(error)))
        await self._ledger.commit(Work(space.steps, (self.consumer, batch)))
        self._lanes[lane(self.group, event.key)] += 1
        self._retry_at = min(self._retry_at or at, at)
        self.counts["parked"] += 1
        log.error("event cannot be stored", group=self.group, topic=event.topic, event_id=event.id, exc_info=error)

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
        self._lanes += lanes
        self.counts += counts

    async def _prefetch(self, space: Workspace, delivered: Sequence[Delivered]) -> None:
        keys: list[Key] = []
        numbered: Counter[tuple[Any, str]] = Counter()
        for _, event in delivered:
            if isinstance(event, Event) and (handler := self._handlers.get((event.topic, event.name))):
                keys += handler.reads(event)
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
            await self._decide(space, handler, event)
        except Exception as error:  # whatever a handler raises concerns its own key only
            if isinstance(error, Conflict):
                raise
            at = self._now() + backoff(1)
            self._retry_at = min(self._retry_at or at, at)
            space.add(parked(event, self.group, position, attempts=1, next_at=at, error=_text(error)))
            lanes[lane(self.group, event.key)] += 1
            log.warning("event parked", group=self.group, topic=event.topic, event_id=event.id, exc_info=error)
            return "parked"
        return "handled"

    def _waits(self, name: str, lanes: Counter[str]) -> bool:
        return self._lanes[name] > 0 or lanes[name] > 0

    async def _decide(self, space: Workspace, handler: Handler[Any], event: Event[Any]) -> None:
        while missing := space.missing(handler.follows(event, space.found)):
            await space.look_up(missing)
        space.apply(handler.decide(event, space.found))

    async def _retry(self) -> None:
        """Take up the waiting lanes whose time has come, each until it fails again or is empty."""
        now = self._now()
        self._retry_at = None
        for name in [name for name, count in self._lanes.items() if count]:
            while await self._retry_first(name, now):
                pass

    async def _retry_first(self, name: str, now: datetime) -> bool:
        """Handle the oldest event of a lane; return whether the next may follow at once."""
        where = (Condition("lane", "is", name),)
        waiting: list[Parked] = await self._ledger.documents.find(Query(Parked, None, where, limit=10_000))
        waiting.sort(key=lambda row: (row.topic, row.position))
        if not waiting:
            del self._lanes[name]
            return False
        first = waiting[0]
        if first.next_at > now:
            self._retry_at = min(self._retry_at or first.next_at, first.next_at)
            return False
        event = decode(to_raw(first, first.topic))
        space = Workspace(self._ledger.documents, self._numbers)
        outcome = "handled"
        try:
            if not isinstance(event, Event):
                raise ValueError("the parked event can no longer be read")
            handler = self._handlers[event.topic, event.name]
            if handler.numbers is not None:
                await self._numbers.ensure(handler.numbers, event.tenant, 1)
            await space.look_up(list(handler.reads(event)))
            await self._decide(space, handler, event)
        except Exception as error:
            if isinstance(error, Conflict):
                raise
            space = Workspace(self._ledger.documents, self._numbers)
            outcome = self._failed(space, first, error)
        if outcome != "again":
            space.remove(first)
        await self._ledger.commit(Work(space.steps))
        if outcome == "again":
            return False
        self.counts[outcome] += 1
        self._lanes[name] -= 1
        return True

    def _failed(self, space: Workspace, first: Parked, error: Exception) -> str:
        """Put the event back for later, or among the dead letters."""
        attempts = first.attempts + 1
        if attempts < self._attempts:
            at = self._now() + backoff(attempts)
            self._retry_at = min(self._retry_at or at, at)
            space.replace(first, attempts=attempts, next_at=at, error=_text(error))
            return "again"
        letter, told = dead(
            tenant=first.tenant,
            source=first.topic,
            group=self.group,
            key=first.key,
            value=first.value,
            head=first.headers,
            error=_text(error),
            attempts=attempts,
            at=self._now(),
            of=derived(first.topic, first.position, first.headers.get("id", "")),
        )
        space.add(letter, (told,))
        log.error("event is a dead letter", group=self.group, topic=first.topic, error=_text(error))
        return "dead"


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:2000]
