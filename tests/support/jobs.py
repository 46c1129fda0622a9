"""Jobs in several processes of one office: each has its own hands, and time passes when told to."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec
from chorally_core.adapters.local import InProcess
from chorally_core.ports.documents import Query
from chorally_core.ports.job_kinds import Context, JobKind
from chorally_core.ports.jobs import Job
from chorally_core.ports.ledger import Ledger
from chorally_core.ports.schedules import Schedule
from chorally_core.runner.jobs import Jobs
from chorally_core.runner.jobs_hands import Hands
from chorally_core.runner.jobs_run import Terms
from chorally_core.runner.jobs_store import JobStore
from chorally_core.runner.jobs_worker import Worker

TTL_S, MARGIN_S = 10.0, 2.0


class Time:
    """Two clocks that go together, and the sleepers that they wake."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
        self.seconds = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """Return the time, a millisecond later at each call."""
        self.at += timedelta(milliseconds=1)
        return self.at

    def monotonic(self) -> float:
        """Return the seconds."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Sleep until the time has come."""
        waiting = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.seconds + seconds, waiting))
        await waiting

    async def passes(self, seconds: float) -> None:
        """Let time pass, from one sleeper's hour to the next."""
        end = self.seconds + seconds
        await settle()
        while due := [sleeper for sleeper in self._sleepers if sleeper[0] <= end]:
            sleeper = min(due, key=lambda one: one[0])
            self._sleepers.remove(sleeper)
            self._to(max(self.seconds, sleeper[0]))
            if not sleeper[1].done():
                sleeper[1].set_result(None)
            await settle()
        self._to(end)

    def _to(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds - self.seconds)
        self.seconds = seconds


async def settle() -> None:
    """Let everything happen that waits for nothing."""
    for _ in range(12):
        await asyncio.sleep(0)


class Count(msgspec.Struct, frozen=True):
    """Arguments of the job of these tests."""

    to: int = 1
    fails: int = 0
    """How many of its runs fail at their end."""


class Counting:
    """A job that counts, one number for each time that it is let; it remembers how far it came."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        """Ids of jobs, for each run."""
        self.steps: list[tuple[str, int]] = []
        self.open = True
        """Whether it goes on by itself; otherwise each step waits for ``let``."""
        self._gates: dict[str, asyncio.Event] = {}

    def let(self, job_id: str) -> None:
        """Let one run of a job take one step."""
        self._gates.setdefault(job_id, asyncio.Event()).set()

    async def __call__(self, arguments: Count, context: Context) -> dict[str, Any]:
        """Count."""
        self.begun.append(context.job_id)
        for number in range(context.kept.get("n", 0), arguments.to):
            if not self.open:
                gate = self._gates.setdefault(context.job_id, asyncio.Event())
                await gate.wait()
                gate.clear()
            context.check()
            self.steps.append((context.job_id, number + 1))
            await context.progress(number + 1, arguments.to, f"at {number + 1}", keep={"n": number + 1})
        if Counter(self.begun)[context.job_id] <= arguments.fails:
            raise RuntimeError("not today")
        return {"counted": arguments.to}

    def kind(self, name: str = "count", *, schedule: Schedule | None = None, **terms: Any) -> JobKind[Count]:
        """Declare it."""
        return JobKind(name=name, service="io-service", arguments=Count, run=self, schedule=schedule, **terms)


class Process:
    """One process that has jobs done."""

    def __init__(self, office: "Office", holder: str, kinds: list[JobKind[Any]], **options: Any) -> None:
        self.degraded = False
        self.coordination = options.pop("coordination", None) or office.coordination
        inline = options.pop("most_inline", 4)
        self.line = Line(office.ledger)
        reached: Any = self.line
        self.store = JobStore(reached, kinds, now=office.time.now)
        clocks: dict[str, Any] = {"monotonic": office.time.monotonic, "sleep": office.time.sleep}
        self.hands = Hands(self.store, Terms(holder, TTL_S, MARGIN_S, jitter=lambda: 1.0, **clocks))
        self.worker = Worker(self.hands, self.coordination, **options)
        self.jobs = Jobs(
            self.hands, self.coordination, ids=office.ids, degraded=lambda: self.degraded, most_inline=inline
        )

    async def drain(self) -> None:
        """Do what is due now."""
        while await self.worker.turn():
            await self.hands.idle()
        await self.hands.idle()

    async def killed(self) -> None:
        """End as if it never had a chance to say goodbye: nothing is stored any more."""
        self.line.state = "down"
        for task in list(self.hands._tasks.values()):
            task.cancel()
        await asyncio.gather(*self.hands._tasks.values(), return_exceptions=True)
        await settle()


class Line:
    """The way of one process to the store.

    It is ``up``, ``down``, or ``deaf``: what is asked for is done, and the answer lost.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.state = "up"
        self.documents: Any = _Through(self, ledger.documents)
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return _through(self, getattr(self._ledger, name))


class _Through:
    def __init__(self, line: Line, documents: Any) -> None:
        self._line = line
        self._documents = documents

    def __getattr__(self, name: str) -> Any:
        return _through(self._line, getattr(self._documents, name))


def _through(line: Line, ask: Any) -> Any:
    async def asked(*what: Any) -> Any:
        if line.state == "down":
            raise ConnectionError("the line is down")
        answer = await ask(*what)
        if line.state == "deaf":
            raise ConnectionError("the line went down")
        return answer

    return asked


class Office:
    """Processes over one store."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.time = Time()
        self.coordination = InProcess(self.time.monotonic)
        numbers = count(1)
        self.ids = lambda: f"{next(numbers):032x}"
        self.processes: list[Process] = []

    def process(self, holder: str, *kinds: JobKind[Any], **options: Any) -> Process:
        """Start a process that knows some kinds."""
        self.processes.append(Process(self, holder, list(kinds), **options))
        return self.processes[-1]

    async def job(self, job: Job) -> Job:
        """Return a job as it is now."""
        found = await self.ledger.documents.get(Job, job.id)
        assert found is not None
        return found

    async def all(self) -> list[Job]:
        """Return every job."""
        found: list[Job] = await self.ledger.documents.find(Query(Job, None, limit=10_000))
        return found

    async def close(self) -> None:
        """End every process."""
        for process in self.processes:
            await process.hands.stop(grace_s=0.01)
