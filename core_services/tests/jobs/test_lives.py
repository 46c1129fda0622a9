"""Any order of what can happen to jobs and to the processes that have them done."""

import asyncio
import contextlib
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chorally_core.adapters.sqlite import Database
from chorally_core.adapters.sqlite.ledger import SqliteLedger
from chorally_core.ports.documents import Conflict
from chorally_core.ports.jobs import Job
from chorally_core.runner.jobs_store import JobStore
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.support.jobs import TTL_S, Count, Counting, Office, Process, settle

TENANTS = st.sampled_from(["acme", "umbrella", ""])
WHICH = st.integers(0, 1)
SOME = st.integers(0, 5)


class Watched(Counting):
    """Says at each step whether anybody else was certain of the job."""

    def __init__(self, machine: "Lives") -> None:
        super().__init__()
        self._machine = machine

    async def __call__(self, arguments: Count, context: Any) -> dict[str, Any]:
        """Count, and look around first."""
        assert context.job_id not in self._machine.over, "a job that was over was begun again"
        return await super().__call__(arguments, context)


class Lives(RuleBasedStateMachine):
    """Two processes that are killed, cut off, deaf, and do not agree on whether they can be woken."""

    @initialize()
    def begin(self) -> None:
        """Begin with an empty store."""
        self.folder = TemporaryDirectory()
        self.database = Database(Path(self.folder.name) / "jobs.db")
        self.database.writer.execute("pragma synchronous=off")
        self.runner = asyncio.Runner()
        self.office = Office(SqliteLedger(self.database))
        self.counting = Watched(self)
        self.counting.open = False
        self.kind = self.counting.kind(attempts=3, first_wait_s=1.0)
        self.started = 0
        self.processes = [self._process(), self._process()]
        self.jobs: list[Job] = []
        self.over: set[str] = set()
        self.counted: dict[str, int] = {}

    def _process(self) -> Process:
        self.started += 1
        return self.office.process(f"p{self.started}", self.kind, most=3)

    def _run(self, work: Any) -> Any:
        async def settled() -> Any:
            try:
                return await work
            finally:
                await settle()

        return self.runner.run(settled())

    @rule(which=WHICH, tenant=TENANTS, to=st.integers(0, 3), fails=st.integers(0, 4), inline=st.booleans(),
          key=st.sampled_from(["", "k"]))  # fmt: skip
    def somebody_asks(self, which: int, tenant: str, to: int, fails: int, inline: bool, key: str) -> None:
        """A job is queued, or begun where it was asked for."""
        process = self.processes[which]
        asked = process.jobs.submit(
            self.kind, Count(to, fails), tenant=tenant, key=key, inline_when_degraded=inline
        )  # fmt: skip
        with contextlib.suppress(ConnectionError):
            job = self._run(asked)
            if job.id not in [one.id for one in self.jobs]:
                self.jobs.append(job)

    @rule(which=WHICH)
    def a_worker_looks(self, which: int) -> None:
        """It takes what it finds."""
        with contextlib.suppress(ConnectionError):
            self._run(self.processes[which].worker.turn())

    @rule(which=WHICH)
    def a_worker_looks_for_what_was_left(self, which: int) -> None:
        """It notes what it sees, and takes what it has seen for long enough."""
        with contextlib.suppress(ConnectionError):
            self._run(self.processes[which].worker.take_over())

    @precondition(lambda self: self.jobs)
    @rule(number=SOME)
    def a_job_takes_a_step(self, number: int) -> None:
        """Where it runs."""
        self.counting.let(self.jobs[number % len(self.jobs)].id)
        self._run(settle())

    @rule(seconds=st.sampled_from([0.5, 2.6, TTL_S - 1, TTL_S + 1]))
    def time_passes(self, seconds: float) -> None:
        """Leases are renewed meanwhile."""
        self._run(self.office.time.passes(seconds))

    @rule(seconds=st.sampled_from([3.0, TTL_S - 1, TTL_S + 1]))
    def all_sleep(self, seconds: float) -> None:
        """Time passes of which nobody notices anything until it is over."""
        self.all_sleeps(seconds)

    @rule(which=WHICH, how=st.sampled_from(["down", "deaf", "asleep"]), rests=st.integers(1, 3), back=st.booleans())
    def another_waits_for_what_is_left(self, which: int, how: str, rests: int, back: bool) -> None:
        """A process is cut off or asleep for a while, and the other one looks again and again."""
        other = self.processes[1 - which]
        other.line.state = "up"
        if how != "asleep":
            self.processes[which].line.state = how
        for _ in range(rests):
            self._run(other.worker.take_over())
            self._run(other.worker.turn())
            self.nobody_else_is_certain()
            if how == "asleep":
                self.all_sleeps(4.0)
            else:
                self._run(self.office.time.passes(4.0))
        self._run(other.worker.take_over())
        self._run(other.worker.turn())
        if back:
            self.processes[which].line.state = "up"
            self.nobody_else_is_certain()
            self._run(self.office.time.passes(0.1))

    def all_sleeps(self, seconds: float) -> None:
        """Let time pass of which nobody notices anything."""
        self.office.time._to(self.office.time.seconds + seconds)

    @rule(which=WHICH, state=st.sampled_from(["up", "down", "deaf"]))
    def the_line_changes(self, which: int, state: str) -> None:
        """The store is reached, or not, or the answers are lost."""
        self.processes[which].line.state = state

    @rule(which=WHICH, degraded=st.booleans())
    def redis_changes(self, which: int, degraded: bool) -> None:
        """As this process sees it."""
        self.processes[which].degraded = degraded

    @rule(which=WHICH)
    def a_process_is_killed(self, which: int) -> None:
        """Another one starts in its place."""
        self._run(self.processes[which].killed())
        self.processes[which] = self._process()

    @rule(which=WHICH)
    def a_process_stops(self, which: int) -> None:
        """In good order, as far as its line lets it."""
        process = self.processes[which]
        self._run(process.hands.stop(grace_s=0.001))
        self.processes[which] = self._process()

    @precondition(lambda self: self.jobs)
    @rule(number=SOME, what=st.sampled_from(["asked_to_cancel", "repeated"]))
    def a_person_decides(self, number: int, what: str) -> None:
        """They cancel what is not over, or repeat what is dead."""
        job = self._stored(self.jobs[number % len(self.jobs)])
        if job.state == "dead" if what == "repeated" else not job.is_over:
            with contextlib.suppress(Conflict):  # another with its key is queued
                self._run(self._put(job, getattr(job, what)(self.office.time.now())))
                if what == "repeated":
                    self.over.discard(job.id)

    async def _put(self, before: Job, after: Job) -> None:
        await JobStore(self.office.ledger, [self.kind], now=self.office.time.now).put(before, after)

    def _stored(self, job: Job) -> Job:
        found: Job = self.runner.run(self.office.job(job))
        return found

    @invariant()
    def nobody_else_is_certain(self) -> None:
        """Of each job at most one process believes that it holds it, whoever was killed or cut off."""
        certain = Counter(
            name for process in self.office.processes for name, run in process.hands.running.items() if run.is_certain
        )
        assert not certain or max(certain.values()) == 1, certain

    @invariant()
    def what_is_over_stays_over_and_what_was_kept_is_kept(self) -> None:
        """Nothing is forgotten of how far a job has come."""
        for job in self.jobs:
            stored = self._stored(job)
            if job.id in self.over:
                assert stored.is_over
            if stored.is_over:
                self.over.add(job.id)
            assert stored.kept.get("n", 0) >= self.counted.get(job.id, 0)
            self.counted[job.id] = stored.kept.get("n", 0)
            assert stored.attempts <= 3
            assert (stored.holder is not None) == (stored.state == "running")
            assert (stored.lane is not None) == (stored.due_at is not None) == (stored.state == "queued")

    def teardown(self) -> None:
        """Once all is well again, every job comes to its end."""
        if not hasattr(self, "runner"):
            return
        for process in self.processes:
            process.line.state = "up"
        self.counting.open = True
        for job in self.jobs:
            self.counting.let(job.id)
        for _ in range(12):
            for process in self.processes:
                self._run(process.drain())
            self._run(self.office.time.passes(TTL_S + 1))
        for job in self.jobs:
            stored = self._stored(job)
            assert stored.is_over, stored
            if stored.state == "done":
                assert stored.kept.get("n", 0) == stored.arguments["to"]
        self.runner.run(self.office.close())
        self.runner.close()
        self.database.close()
        self.folder.cleanup()


TestLives = Lives.TestCase
TestLives.__doc__ = Lives.__doc__
TestLives.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
