"""One run of one job: what its function sees, and what becomes of it."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

import msgspec
import structlog

from chorally_core.ports.documents import Conflict
from chorally_core.ports.job_kinds import (
    Interrupted,
    JobCancelled,
    JobKind,
    Later,
    LeaseLost,
    Outcome,
    Stopping,
    WillNeverWork,
)
from chorally_core.ports.jobs import Job, bounded
from chorally_core.ports.storable import shown
from chorally_core.runner.jobs_store import JobStore

log = structlog.get_logger(__name__)

_TRIES = 5
_TOLD_EVERY_S = 1.0


class Terms(NamedTuple):
    """On what terms a process holds jobs."""

    holder: str
    """This process; another one after each start, and not to be guessed."""
    ttl_s: float = 10.0
    """Seconds after which others take a job over that is not renewed."""
    margin_s: float = 2.0
    """Seconds before that at which it counts as not held any more."""
    monotonic: Callable[[], float] = time.monotonic
    """Seconds that only grow."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random
    """Gives a number from 0 to 1, which spreads waits from half to all of what they would be."""


class Run:
    """A job in the hands of this process; it is what the job's function gets as its context."""

    def __init__(self, store: JobStore, kind: JobKind[Any], job: Job, terms: Terms, began: float) -> None:
        """Begin with a job that was just claimed.

        Args:
            store: Where jobs are.
            kind: Its kind.
            job: As it was stored.
            terms: On what terms it is held.
            began: The monotonic time before it was stored.
        """
        self.job = job
        self.stopping = False
        self._store = store
        self._kind = kind
        self._terms = terms
        self._until = began + terms.ttl_s - terms.margin_s
        self._lost = False
        self._changing = asyncio.Lock()
        self._told_at = began
        self._unstored: dict[str, Any] = {}

    @property
    def tenant(self) -> str:
        """For whom the job is done."""
        return self.job.tenant

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self.job.id

    @property
    def kept(self) -> Mapping[str, Any]:
        """What an earlier run kept."""
        return self.job.kept

    @property
    def is_certain(self) -> bool:
        """Whether no other process may have taken the job over."""
        return self.certain_s > 0

    @property
    def certain_s(self) -> float:
        """For how many seconds that will be so if the lease is not renewed."""
        return 0.0 if self._lost else max(0.0, self._until - self._terms.monotonic())

    def now(self) -> datetime:
        """Return the time."""
        return self._store.now()

    def check(self) -> None:
        """Return where the job may go on.

        Raises:
            Interrupted: It shall end.
        """
        if not self.is_certain:
            raise LeaseLost(f"the job {self.job.id} may be another process's by now")
        if self.job.cancel_asked_at is not None:
            raise JobCancelled("somebody has cancelled the job")
        if self.stopping:
            raise Stopping("the process ends")

    async def progress(
        self, done: int, total: int | None = None, note: str = "", *, keep: Mapping[str, Any] | None = None
    ) -> None:
        """Tell how far the job has come, and check.

        Raises:
            Interrupted: It shall end.
        """
        self.check()
        self._unstored = {**self._unstored, "done": done, "total": total, "note": note[:500]}
        if keep is not None and keep != self.job.kept:
            self._unstored = {**self._unstored, "kept": bounded(keep, "notes"), "attempts": 1}
        elif self._terms.monotonic() - self._told_at < _TOLD_EVERY_S:
            return
        await self.renew()
        self.check()

    async def renew(self) -> None:
        """Store a new version of the job, with what it has told since.

        Raises:
            LeaseLost: It is this process's no more.
        """
        await self._put(lambda job: job)

    async def _put(self, change: Callable[[Job], Job], what: str = "") -> None:
        async with self._changing:
            for _ in range(_TRIES):
                began, before, unstored = self._terms.monotonic(), self.job, self._unstored
                after = change(msgspec.structs.replace(before, **unstored))
                try:
                    self.job = await self._store.put(before, after, self._store.facts(before, after, what))
                except Conflict:
                    self.job = await self._as_stored(before)
                else:
                    if self._unstored is unstored:  # nothing was told while this was stored
                        self._unstored = {}
                    self._told_at = began
                    self._until = began + self._terms.ttl_s - self._terms.margin_s
                    return
        raise LeaseLost(f"the job {self.job.id} changes all the time")

    async def _as_stored(self, before: Job) -> Job:
        """The job as somebody else changed it: a person may ask to cancel it, who took it over ends this run."""
        stored = await self._store.documents.get(Job, before.id)
        ours = (before.holder, before.epoch)
        if stored is None or stored.state != "running" or (stored.holder, stored.epoch) != ours:
            self._lost = True
            raise LeaseLost(f"the job {before.id} is another process's")
        return stored

    async def work(self) -> None:
        """Call the function and store what became of the job; this lets nothing of the function's pass."""
        try:
            arguments = msgspec.convert(self.job.arguments, self._kind.arguments)
        except msgspec.ValidationError as error:
            await self._end("dead", error=f"the arguments do not fit: {error}")
            return
        try:
            await self._became(await self._kind.run(arguments, self))
        except (Interrupted, asyncio.CancelledError) as error:
            await self._interrupted(error)
        except Exception as error:
            await self._failed(error)

    async def _became(self, outcome: Outcome) -> None:
        if isinstance(outcome, Later):
            if self.job.cancel_asked_at is not None:
                await self._end("cancelled")
                return
            at = outcome.at
            await self._put(lambda job: job.again(at, attempts=0, error=""))
            self._store.counted(self.job, "continued")
            return
        result = None if outcome is None else bounded(outcome, "result")
        await self._end("done", result=result, error="")

    async def _interrupted(self, error: BaseException) -> None:
        """End a run that was broken off, in the way that it was asked to."""
        if not self._lost and self.job.cancel_asked_at is not None:
            await self._end("cancelled")
        elif not self._lost and self.stopping:
            await self._put(lambda job: job.released(self.now()))
            self._store.counted(self.job, "released")
        elif isinstance(error, Interrupted) and not isinstance(error, LeaseLost):
            await self._failed(error)
        else:
            self._store.counted(self.job, "lost")
            log.warning("a job is left to whoever takes it over", job_id=self.job.id, name=self.job.name)

    async def _failed(self, error: Exception) -> None:
        kind, why = self._kind, shown(error)
        spent = max(self.job.attempts, self._unstored.get("attempts", 0)) >= kind.attempts
        log.error("job failed", job_id=self.job.id, name=self.job.name, attempts=self.job.attempts, exc_info=error)
        if self.job.cancel_asked_at is not None:
            await self._end("cancelled", error=why)
        elif spent or isinstance(error, WillNeverWork):
            await self._end("dead", error=str(error) if isinstance(error, WillNeverWork) else why)
        else:
            wait_s = kind.wait_s(self.job.attempts) * (0.5 + 0.5 * self._terms.jitter())
            await self._put(lambda job: job.again(self.now() + timedelta(seconds=wait_s), error=why))
            self._store.counted(self.job, "failed")

    async def _end(self, state: Literal["done", "dead", "cancelled"], **changes: Any) -> None:
        what = {"dead": "job_died", "cancelled": ""}.get(state, "")
        await self._put(lambda job: job.ended(state, self.now(), **changes), what)
        self._store.counted(self.job, state)
