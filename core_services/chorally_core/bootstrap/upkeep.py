"""What must be done from time to time: wake snoozed tickets, erase people, remove what is too old."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from chorally_core.events import topics
from chorally_core.ports.bus import Bus, Trims
from chorally_core.ports.documents import Condition, Document
from chorally_core.ports.ledger import Ledger
from chorally_core.ports.objects import Objects
from chorally_core.ports.parking import DeadLetter
from chorally_core.runner import Actions
from chorally_core.runner.erasure import EraseEvents, Eraser, EraseWaiting
from chorally_core.runner.retention import Kept, sweep
from chorally_core.services.io.erasure import EraseDeliveries, EraseHooks
from chorally_core.services.io.model import Delivery, Hook
from chorally_core.services.io.service import IoService
from chorally_core.services.log.erasure import EraseEntries
from chorally_core.services.log.model import LogEntry
from chorally_core.services.message.erasure import EraseMessages
from chorally_core.services.message.waking import wake_due
from chorally_core.settings import Settings

log = structlog.get_logger(__name__)

_EVERY_S = 5.0
_SWEPT_EVERY = 720  # rounds: an hour
_SETTLED = ("sent", "delivered", "read", "failed")


class Upkeep:
    """Does it, round by round."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        objects: Objects,
        actions: Actions,
        io: IoService,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._objects = objects
        self._actions = actions
        self._now = now
        self._journal = io.journal
        self._topics = (*topics.FIXED, *(handler.topic for handler in io.handlers()))
        parts = (
            EraseMessages(ledger),
            EraseDeliveries(ledger),
            EraseHooks(ledger, objects, io.directory, io.journal),
            EraseEntries(ledger),
            EraseWaiting(ledger),
            EraseEvents(ledger, self._topics),
        )
        self.eraser = Eraser(ledger, parts, now=now)

    async def run(self) -> None:
        """Go on until cancelled; what fails is tried again in the next round."""
        rounds = 0
        while True:
            await asyncio.sleep(_EVERY_S)
            await self._try("waking", self._wake)
            await self._try("erasure", self.eraser.work)
            if rounds % _SWEPT_EVERY == 0:
                await self._try("retention", self.sweep)
            rounds += 1

    async def _try(self, what: str, job: Callable[[], object]) -> None:
        try:
            done = job()
            if asyncio.iscoroutine(done):
                await done
        except Exception as error:
            log.error("upkeep failed", what=what, exc_info=error)

    async def _wake(self) -> int:
        return await wake_due(self._ledger.documents, self._actions, self._now)

    async def sweep(self) -> int:
        """Remove what is older than it may be kept; return how much. What was not read or settled stays."""
        days = self._settings.retention_days
        read = (Condition("id", "<=", self._journal.upto),)
        settled = (Condition("state", "in", _SETTLED),)
        kept = [
            Kept(Hook, "id", days.hooks, self._own("hooks"), read, removed=self._bodies),
            Kept(LogEntry, "id", days.logs, self._own("logs")),
            Kept(DeadLetter, "at", days.dead_letters, self._own("dead_letters")),
            Kept(Delivery, "created_at", days.deliveries, self._own("deliveries"), settled),
        ]
        removed = await sweep(self._ledger, kept, self._now)
        removed += await self._trim(self._ledger.bus)
        if removed:
            log.info("retention", removed=removed)
        return removed

    def _own(self, kind: str) -> dict[str, float]:
        """Days by tenant, of those that have their own; what a tenant does not say is as for everybody."""
        own = self._settings.tenant_retention_days
        return {tenant: getattr(said, kind) for tenant, said in own.items() if kind in said.model_fields_set}

    async def _bodies(self, hooks: Sequence[Document]) -> None:
        """Remove the large bodies of hooks that go."""
        for hook in hooks:
            if isinstance(hook, Hook) and hook.body_object:
                await self._objects.delete(hook.tenant, hook.body_object)

    async def _trim(self, bus: Bus) -> int:
        """Trim an event log that does not trim itself."""
        if not isinstance(bus, Trims):
            return 0
        before = self._now() - timedelta(hours=self._settings.bus_hours)
        return sum([await bus.trim(topic, before) for topic in self._topics])
