"""The hands of a process: claims jobs, runs them, renews what it holds, and gives it back when the process ends."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from chorally_core.ports.documents import Conflict
from chorally_core.ports.job_kinds import LeaseLost
from chorally_core.ports.jobs import Job
from chorally_core.runner.jobs_run import Run, Terms
from chorally_core.runner.jobs_store import JobStore

log = structlog.get_logger(__name__)


class Hands:
    """Runs jobs, each in a task of its own."""

    def __init__(self, store: JobStore, terms: Terms, *, freed: Callable[[], None] = lambda: None) -> None:
        """Prepare.

        Args:
            store: Where jobs are.
            terms: On what terms they are held.
            freed: Called whenever a run has ended.
        """
        self.store = store
        self.terms = terms
        self.freed = freed
        self.running: dict[str, Run] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopped = False

    async def take(self, job: Job) -> asyncio.Task[None] | None:
        """Claim a job and begin to run it; None where another was faster, or the process ends."""
        kind = self.store.kinds.get(job.name)
        if kind is None or job.state != "queued" or job.id in self.running or self._stopped:
            return None
        began = self.terms.monotonic()
        wanted = job.claimed(self.terms.holder, self.terms.ttl_s, self.store.now())
        try:
            claimed = await self.store.put(job, wanted)
        except Conflict:
            return None
        run = self.running[job.id] = Run(self.store, kind, claimed, self.terms, began)
        run.stopping = self._stopped  # it may have been stopped while the claim was stored
        task = self._tasks[job.id] = asyncio.create_task(self._run(run), name=f"job {job.name}")
        return task

    async def _run(self, run: Run) -> None:
        work = asyncio.create_task(run.work(), name=f"run {run.job.name}")
        renewing = asyncio.create_task(self._renew(run, work), name=f"lease {run.job.name}")
        try:
            await asyncio.wait([work])
        finally:
            renewing.cancel()
            work.cancel()
            ended, _ = await asyncio.gather(work, renewing, return_exceptions=True)
            self.running.pop(run.job_id, None)
            self._tasks.pop(run.job_id, None)
            if isinstance(ended, LeaseLost):
                self.store.counted(run.job, "lost")
                log.warning("what became of a job is not stored: it is another's", job_id=run.job_id)
            elif isinstance(ended, Exception):
                self.store.counted(run.job, "lost")
                log.error("what became of a job could not be stored", job_id=run.job_id, exc_info=ended)
            self.freed()

    async def _renew(self, run: Run, work: asyncio.Task[Any]) -> None:
        """Renew the lease until the run ends; break it off where it is lost, or was cancelled and does not end."""
        told = False
        while True:
            await self.terms.sleep(min(self.terms.ttl_s / 4, run.certain_s))
            try:
                async with asyncio.timeout(run.certain_s):
                    await run.renew()
            except LeaseLost:
                work.cancel()
                return
            except Exception as error:
                log.warning("a job's lease could not be renewed", job_id=run.job_id, exc_info=error)
            if not run.is_certain or told:
                work.cancel()
                return
            told = run.job.cancel_asked_at is not None

    async def idle(self) -> None:
        """Return once nothing runs."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def stop(self, grace_s: float = 5.0) -> None:
        """Ask every run to end, break off what has not ended in time, and give it all back at its progress."""
        self._stopped = True
        for run in self.running.values():
            run.stopping = True
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=grace_s)
        left = list(self._tasks.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
