"""What nobody asks for at the moment that it is done: jobs of the services, and short work every few seconds.

Erasure and retention are jobs: they take long, are seen, and go on in another process where this one ends. Waking
snoozed tickets is a matter of milliseconds every few seconds, and is done under a lease
(``runner.jobs_rounds`` says why).
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from prometheus_client import CollectorRegistry

from chorally_core.adapters.local import InProcess
from chorally_core.bootstrap.copies import downloading
from chorally_core.bootstrap.people import authors_of
from chorally_core.events import topics
from chorally_core.ports.bus import Trims
from chorally_core.ports.coordination import Coordination
from chorally_core.ports.documents import Condition, Document
from chorally_core.ports.files import File
from chorally_core.ports.job_kinds import JobKind
from chorally_core.ports.jobs import Job
from chorally_core.ports.leases import AlwaysHeld, Leases
from chorally_core.ports.ledger import Ledger
from chorally_core.ports.objects import Objects
from chorally_core.ports.parking import DeadLetter
from chorally_core.runner import Actions
from chorally_core.runner.erasure import EraseEvents, Eraser, EraseWaiting
from chorally_core.runner.jobs import Jobs
from chorally_core.runner.jobs_hands import Hands
from chorally_core.runner.jobs_metrics import JobFigures
from chorally_core.runner.jobs_rounds import Rounds
from chorally_core.runner.jobs_run import Terms
from chorally_core.runner.jobs_store import JobStore
from chorally_core.runner.jobs_worker import Worker
from chorally_core.runner.retention import Kept, retention
from chorally_core.services.io.arriving import Arriving
from chorally_core.services.io.erasure import EraseAttachments, EraseDeliveries, EraseHooks, EraseModerations
from chorally_core.services.io.model import Delivery, Hook, Moderation
from chorally_core.services.io.service import IoService
from chorally_core.services.log.erasure import EraseEntries
from chorally_core.services.log.model import LogEntry
from chorally_core.services.media.erasure import EraseFiles
from chorally_core.services.message.early import apply_early
from chorally_core.services.message.erasure import EraseMessages
from chorally_core.services.message.model import Early
from chorally_core.services.message.waking import wake_due
from chorally_core.services.publishing.timing import publish_due
from chorally_core.services.rule_engine.erasure import EraseExecutions
from chorally_core.services.rule_engine.model import Execution
from chorally_core.services.rule_engine.people import learns_people
from chorally_core.settings import Settings

_SETTLED = ("sent", "delivered", "read", "failed")
_ENDED = ("done", "failed")
_OVER = ("done", "dead", "cancelled")
_WAKING_S = 5.0
_PUBLISHING_S = 2.0
_ARRIVING_S = 2.0
_SPARED = 1 / 24  # days that a file outlives its time, so that nothing is removed that was just used


class Upkeep:
    """Has the jobs of some services done in this process, and goes its rounds."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        objects: Objects,
        actions: Actions,
        io: IoService,
        *,
        now: Callable[[], datetime],
        services: Collection[str] = ("io", "message", "log", "rule-engine", "publishing", "media"),
        coordination: Coordination | None = None,
        degraded: Callable[[], bool] = lambda: False,
        leases: Leases | None = None,
        ids: Callable[[], str] = lambda: uuid4().hex,
        terms: Terms | None = None,
        grace_s: float = 5.0,
    ) -> None:
        """Put it together; nothing is begun.

        Args:
            settings: How long things are kept.
            ledger: Where everything is stored.
            objects: Where large bodies are.
            actions: Change tickets.
            io: Reads webhooks again, to find who is erased.
            now: The clock.
            services: Those whose work is done here.
            coordination: Wakes workers; those of this process only where None.
            degraded: Whether it reaches this process only at the moment.
            leases: Tell who goes a round; this process always where None.
            ids: Gives unguessable ids.
            terms: On what terms jobs are held.
            grace_s: Seconds that running jobs have to end when the process does, before they are broken off.
        """
        self._settings = settings
        self._ledger = ledger
        self._objects = objects
        self._journal = io.journal
        self._now = now
        self._grace_s = grace_s
        self._topics = (*topics.FIXED, *(handler.topic for handler in io.handlers()))
        coordination = coordination or InProcess()
        self.hands = Hands(JobStore(ledger, self._kinds(services, io), now=now), terms or Terms(ids()))
        self.jobs = Jobs(self.hands, coordination, ids=ids, degraded=degraded)
        self.worker = Worker(self.hands, coordination)
        self.rounds: list[Rounds] = []
        self.arriving: Arriving | None = None
        if "message" in services:

            async def wake() -> int:
                return await wake_due(ledger.documents, actions, now)

            async def apply() -> int:
                return await apply_early(ledger.documents, actions, now)

            self.rounds.append(Rounds("message/waking", wake, leases or AlwaysHeld(), every_s=_WAKING_S))
            self.rounds.append(Rounds("message/early", apply, leases or AlwaysHeld(), every_s=_WAKING_S))

        if "io" in services and settings.attachments == "arrival":
            reading = downloading(settings, ledger, objects, io, now=now)
            self.arriving = Arriving(ledger, io.directory, reading, now=now)
            held = leases or AlwaysHeld()
            self.rounds.append(Rounds("io/attachments", self.arriving.round, held, every_s=_ARRIVING_S))
        if "publishing" in services:

            async def publish() -> int:
                return await publish_due(ledger.documents, actions, now)

            self.rounds.append(Rounds("publishing/due", publish, leases or AlwaysHeld(), every_s=_PUBLISHING_S))

    def figures(self, registry: CollectorRegistry) -> JobFigures:
        """Have the figures of jobs shown."""
        return JobFigures(registry, self.worker)

    def _kinds(self, services: Collection[str], io: IoService) -> list[JobKind[Any]]:
        ledger, kinds = self._ledger, list[JobKind[Any]]()
        if "io" in services:
            parts = (
                EraseMessages(ledger),
                EraseDeliveries(ledger),
                EraseModerations(ledger),
                EraseHooks(ledger, self._objects, io.directory, io.journal),
                EraseAttachments(ledger),
                EraseFiles(ledger, self._objects),
                EraseEntries(ledger),
                EraseExecutions(ledger),
                EraseWaiting(ledger),
                EraseEvents(ledger, self._topics),
            )
            kinds.append(Eraser(ledger, parts, now=self._now).kind)
            kinds.append(retention("io/retention", "io-service", self._kept_by_io, ledger, before=self._trim))
        if "log" in services:
            kinds.append(retention("log/retention", "log-service", self._kept_by_log, ledger))
        if "message" in services:
            kinds.append(retention("message/retention", "message-service", self._kept_by_message, ledger))
        if "rule-engine" in services:
            name = "rule-engine/retention"
            kinds.append(retention(name, "rule-engine-service", self._kept_by_rule_engine, ledger))
            kinds.append(learns_people(ledger.documents, authors_of(ledger.documents)))
        if "media" in services:
            kinds.append(retention("media/retention", "media-service", self._kept_by_media, ledger))
        return kinds

    async def run(self) -> None:
        """Go on until cancelled; then jobs that run are given back at their progress."""
        await self.jobs.schedule()
        tasks = [asyncio.create_task(rounds.run(), name=rounds.name) for rounds in self.rounds]
        try:
            await self.worker.run()
        finally:
            for task in tasks:
                task.cancel()
            await self.hands.stop(self._grace_s)
            await asyncio.gather(*tasks, return_exceptions=True)
            if self.arriving is not None:
                await self.arriving.stop()

    async def due(self) -> None:
        """Do everything that is due now, and return once it is done."""
        await self.jobs.schedule()
        for rounds in self.rounds:
            await rounds.round()
        while await self.worker.turn():
            await self.hands.idle()

    async def _kept_by_io(self) -> list[Kept]:
        """What was not read or settled stays, however old."""
        days, read = self._settings.retention_days, await self._journal.were_read()
        dead, own = days.dead_letters, self._own("dead_letters")
        return [
            Kept(Hook, "id", days.hooks, self._own("hooks"), (read,), removed=self._bodies),
            Kept(DeadLetter, "at", dead, own),
            Kept(Delivery, "created_at", days.deliveries, self._own("deliveries"), (_is_in(_SETTLED),)),
            Kept(Moderation, "created_at", days.deliveries, self._own("deliveries"), (_is_in(_ENDED),)),
            Kept(Job, "finished_at", dead, own, (_is_in(_OVER),)),
        ]

    async def _kept_by_log(self) -> list[Kept]:
        return [Kept(LogEntry, "id", self._settings.retention_days.logs, self._own("logs"))]

    async def _kept_by_message(self) -> list[Kept]:
        """What was told of messages that never came goes with the history."""
        return [Kept(Early, "at", self._settings.retention_days.logs, self._own("logs"))]

    async def _kept_by_rule_engine(self) -> list[Kept]:
        """What rules did goes with the history that they did it on."""
        return [Kept(Execution, "id", self._settings.retention_days.logs, self._own("logs"))]

    async def _kept_by_media(self) -> list[Kept]:
        """Each file knows how long it is kept."""
        return [Kept(File, "expires_at", _SPARED, {}, removed=self._bytes)]

    def _own(self, kind: str) -> dict[str, float]:
        """Days by tenant, of those that have their own; what a tenant does not say is as for everybody."""
        own = self._settings.tenant_retention_days
        return {tenant: getattr(said, kind) for tenant, said in own.items() if kind in said.model_fields_set}

    async def _bodies(self, hooks: Sequence[Document]) -> None:
        """Remove the large bodies of hooks that go."""
        for hook in hooks:
            if isinstance(hook, Hook) and hook.body_object:
                await self._objects.delete(hook.tenant, hook.body_object)

    async def _bytes(self, files: Sequence[Document]) -> None:
        """Remove the bytes of files that go."""
        for file in files:
            if isinstance(file, File):
                await self._objects.delete(file.tenant, file.place)

    async def _trim(self) -> int:
        """Trim an event log that does not trim itself."""
        bus = self._ledger.bus
        if not isinstance(bus, Trims):
            return 0
        before = self._now() - timedelta(hours=self._settings.bus_hours)
        return sum([await bus.trim(topic, before) for topic in self._topics])


def _is_in(states: Sequence[str]) -> Condition:
    return Condition("state", "in", states)
