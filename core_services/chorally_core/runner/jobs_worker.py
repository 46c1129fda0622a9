"""The worker: finds jobs that are due, in turn among tenants, and those whose process is no more."""

import asyncio
from collections import Counter
from typing import Literal, NamedTuple

import structlog

from chorally_core.ports.coordination import Coordination
from chorally_core.ports.documents import Condition, Query
from chorally_core.ports.jobs import PLACE, Job
from chorally_core.runner.jobs_hands import Hands
from chorally_core.runner.jobs_store import JobStore

log = structlog.get_logger(__name__)

_AT_ONCE = 500
_COUNTED_EVERY_S = 30.0


class _Seen(NamedTuple):
    """A version of a job, and since when this process knows it."""

    version: int
    since: float


class Worker:
    """Keeps the hands of one process busy."""

    def __init__(
        self,
        hands: Hands,
        coordination: Coordination,
        *,
        most: int = 4,
        most_of_tenant: int | None = None,
        look_s: float = 5.0,
    ) -> None:
        """Prepare to work.

        Args:
            hands: Run the jobs.
            coordination: Wakes the worker.
            most: Jobs at once.
            most_of_tenant: Jobs of one tenant at once, so that long ones leave room for others; half of ``most``
                where None.
            look_s: Seconds after which it looks by itself although nobody has woken it.
        """
        self.hands = hands
        self._store: JobStore = hands.store
        self._coordination = coordination
        self._most = most
        self._most_of_tenant = max(1, most // 2) if most_of_tenant is None else most_of_tenant
        self._look_s = look_s
        self._woken = asyncio.Event()
        self._seen: dict[str, _Seen] = {}
        self._looked_at = self._counted_at = float("-inf")
        self._lane = ""
        self._of_ours = (Condition("name", "in", tuple(self._store.kinds)),)
        self.waiting: Counter[str] = Counter()
        """Jobs that were queued when they were counted last, by kind."""
        hands.freed = self._woken.set

    async def run(self) -> None:
        """Work until cancelled; ``hands.stop`` then gives back what is running."""
        end = self._coordination.listen(PLACE, self._woken.set)
        try:
            while True:
                self._woken.clear()
                try:
                    await self.turn()
                except Exception as error:  # such as a store that is away: the next turn may go well
                    log.error("jobs cannot be looked for", exc_info=error)
                await self._wait()
        finally:
            end()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._look_s):
                await self._woken.wait()
        except TimeoutError:
            return

    async def turn(self) -> int:
        """Take over what others have left, now and then, and begin what is due while there is room."""
        now = self.hands.terms.monotonic()
        if now - self._looked_at >= self._look_s:
            await self.take_over()
            self._looked_at = now
        if now - self._counted_at >= _COUNTED_EVERY_S:
            await self._count()
            self._counted_at = now
        begun = 0
        while len(self.hands.running) < self._most and (job := await self._next()) is not None:
            begun += await self.hands.take(job) is not None
        return begun

    async def _next(self) -> Job | None:
        """The oldest job that is due in the next lane that has one and may have one more."""
        running = Counter(run.tenant for run in self.hands.running.values())
        due = (*self._of_ours, Condition("due_at", "<=", self._store.now()))
        beyond: Literal[">", ">="]
        for beyond, lane in ((">", self._lane), (">=", "")):
            while found := await self._first(Condition("lane", beyond, lane), *due):
                if running[found.tenant] < self._most_of_tenant:
                    self._lane = found.tenant
                    return found
                beyond, lane = ">", found.tenant
        return None

    async def _first(self, *where: Condition) -> Job | None:
        found: list[Job] = await self._store.documents.find(Query(Job, None, where, order="lane", limit=1))
        return found[0] if found else None

    async def take_over(self) -> int:
        """Queue again what is not renewed for its whole time by this process's own clock; return how much."""
        held = (*self._of_ours, Condition("holder", "present"))
        found: list[Job] = await self._store.documents.find(Query(Job, None, held, limit=_AT_ONCE))
        now, seen, taken = self.hands.terms.monotonic(), self._seen, 0
        self._seen = {}
        for job in found:
            if job.id in self.hands.running:
                continue
            known = seen.get(job.id)
            if known is None or known.version != job.version:
                known = _Seen(job.version, now)
            if now - known.since >= job.ttl_s:
                taken += await self._left(job)
            else:
                self._seen[job.id] = known
        return taken

    async def _left(self, job: Job) -> bool:
        """Take a job from a process that is taken for dead."""
        at = self._store.now()
        limit = self._store.kinds[job.name].attempts
        spent = job.attempts >= limit

        def change(stored: Job) -> Job | None:
            if stored.version != job.version:
                return None  # it lives
            if stored.cancel_asked_at is not None:
                return stored.ended("cancelled", at)
            if spent:
                return stored.ended("dead", at, error=f"its process ended {limit} times while it ran")
            return stored.again(at)

        after = await self._store.change(job, change, "job_died" if spent and job.cancel_asked_at is None else "")
        if after is not None:
            log.warning("job taken over", job_id=job.id, name=job.name, holder=job.holder, state=after.state)
            self._store.counted(job, "taken over")
            if after.is_over:
                self._store.counted(job, after.state)
        return after is not None

    async def _count(self) -> None:
        for name in self._store.kinds:
            where = (Condition("lane", "present"), Condition("name", "is", name))
            self.waiting[name] = await self._store.documents.count(Query(Job, None, where))
