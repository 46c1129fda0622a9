"""Jobs as services ask for them: queued durably, woken through coordination, run here where that is away."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import msgspec
import structlog

from chorally_core.ports.coordination import Coordination
from chorally_core.ports.documents import Conflict, Write
from chorally_core.ports.job_kinds import JobKind
from chorally_core.ports.jobs import NOBODY, PLACE, Actor, Job, open_key, queued
from chorally_core.runner.jobs_hands import Hands
from chorally_core.runner.jobs_store import JobStore

log = structlog.get_logger(__name__)

A = TypeVar("A", bound=msgspec.Struct)


class Jobs:
    """Queues jobs."""

    def __init__(
        self,
        hands: Hands,
        coordination: Coordination,
        *,
        ids: Callable[[], str],
        degraded: Callable[[], bool] = lambda: False,
        most_inline: int = 4,
    ) -> None:
        """Prepare.

        Args:
            hands: Run jobs in this process, where the kinds that it knows are run here.
            coordination: Wakes workers.
            ids: Gives ids that nobody else gives.
            degraded: Whether coordination reaches this process only at the moment.
            most_inline: Jobs that this process runs at once in place of workers that cannot be woken.
        """
        self._hands = hands
        self._store: JobStore = hands.store
        self._coordination = coordination
        self._ids = ids
        self._degraded = degraded
        self._most_inline = most_inline

    async def submit(
        self,
        kind: JobKind[A],
        arguments: A,
        *,
        tenant: str,
        key: str = "",
        run_at: datetime | None = None,
        created_by: Actor = NOBODY,
        job_id: str = "",
        inline_when_degraded: bool = False,
        wait: bool = False,
    ) -> Job:
        """Queue a job durably and return it; the one that is there already where its key, or its id, is taken.

        Args:
            kind: What is to be done.
            arguments: With what.
            tenant: For whom; empty for work of the installation, which no tenant sees.
            key: What it is about, where the same thing shall not be queued twice.
            run_at: When; at once where None.
            created_by: Who asks for it.
            job_id: Its id, where a repeat of the request shall meet it.
            inline_when_degraded: Where workers cannot be woken, this process runs it, if it has room and it is due.
                Whoever claims it first runs it, so a worker that sees it too does no harm.
            wait: Where it is run here, return once it has ended.

        Raises:
            ValueError: The arguments cannot be stored.
        """
        at = self._store.now()
        job = queued(
            kind.name, kind.service, tenant, msgspec.to_builtins(arguments), at, self._ids(), key=key, run_at=run_at,
            created_by=created_by, job_id=job_id,
        )  # fmt: skip
        stored = await self._added(job)
        if stored.state != "queued":
            return stored
        if inline_when_degraded and stored.run_at <= at and self._degraded():
            return await self._here(stored, wait)
        await self._coordination.wake(PLACE)
        return stored

    async def _added(self, job: Job) -> Job:
        """The job as it is stored now, or the one in its place."""
        added = msgspec.structs.replace(job, version=1)
        while True:
            try:
                await self._store.documents.write([Write(added, 0)])
            except Conflict:
                taken = await self._store.documents.get(Job, job.open_key or "", "open_key")
                if taken is not None:
                    return taken
                continue  # it has ended in between
            return await self._store.documents.get(Job, job.id) or added

    async def _here(self, job: Job, wait: bool) -> Job:
        """Run a job in this process, if it has room and nobody else has it."""
        if len(self._hands.running) >= self._most_inline:
            return job
        task = await self._hands.take(job)
        if wait and task is not None:
            await asyncio.shield(task)
        return await self._store.documents.get(Job, job.id) or job

    async def schedule(self) -> None:
        """See that there is one job for each kind with a schedule, and that it follows the schedule of today."""
        for kind in self._store.kinds.values():
            if kind.schedule is None:
                continue
            at = self._store.now()
            wanted = queued(
                kind.name, kind.service, "", {}, at, key="schedule", run_at=kind.schedule.first(at),
                schedule=kind.schedule, job_id=open_key("", kind.name, "schedule") or "",
            )  # fmt: skip
            stored = await self._added(wanted)
            if stored.schedule != kind.schedule:
                await self._store.change(stored, _following(wanted))
        await self._coordination.wake(PLACE)


def _following(wanted: Job) -> Callable[[Job], Job]:
    """What gives a stored job the schedule that is wanted; one that is running gets its next time by it."""

    def change(stored: Job) -> Job:
        changed = msgspec.structs.replace(stored, schedule=wanted.schedule)
        return changed.again(wanted.run_at) if stored.state == "queued" else changed

    return change
