"""Stores what becomes of jobs, each change over the version that was read."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import structlog

from chorally_core.events import Event
from chorally_core.ports.documents import Conflict, Write
from chorally_core.ports.job_kinds import JobKind
from chorally_core.ports.jobs import NOBODY, Job
from chorally_core.ports.ledger import Ledger, Step, Work

log = structlog.get_logger(__name__)

_TRIES = 5


class JobStore:
    """The jobs of the kinds that this process knows, and what it counted."""

    def __init__(self, ledger: Ledger, kinds: Sequence[JobKind[Any]], *, now: Callable[[], datetime]) -> None:
        """Prepare.

        Args:
            ledger: Where jobs are.
            kinds: Those that this process knows; it leaves others alone.
            now: The clock.

        Raises:
            ValueError: Two kinds have one name.
        """
        self.ledger = ledger
        self.documents = ledger.documents
        self.kinds = {kind.name: kind for kind in kinds}
        if len(self.kinds) != len(kinds):
            raise ValueError(f"two kinds of jobs have one name: {sorted(kind.name for kind in kinds)}")
        self.now = now
        self.counts: Counter[tuple[str, str]] = Counter()
        """What became of jobs in this process, by kind and outcome."""

    async def put(self, before: Job, after: Job, events: Sequence[Event[Any]] = ()) -> Job:
        """Store a job as it follows from the version read, and return it with its own.

        Raises:
            Conflict: It was changed meanwhile.
        """
        stored = _with_version(after, before.version + 1)
        write = Write(stored, before.version)
        if events:
            await self.ledger.commit(Work([Step([write], events)]))
        else:
            await self.documents.write([write])
        return stored

    async def change(self, before: Job, change: Callable[[Job], Job | None], what: str = "") -> Job | None:
        """Change a job as somebody who does not hold it; None where there was nothing to change any more.

        Args:
            before: The job as it was read.
            change: Returns the job as it shall be; None where it has become another's affair.
            what: The fact to tell of it.
        """
        job: Job | None = before
        for _ in range(_TRIES):
            after = None if job is None else change(job)
            if job is None or after is None:
                return None
            try:
                return await self.put(job, after, self.facts(job, after, what))
            except Conflict:
                job = await self.documents.get(Job, before.id)
        log.warning("a job changes all the time", job_id=before.id)
        return None

    def facts(self, before: Job, after: Job, what: str) -> list[Event[Any]]:
        """What the log is told of a change; the work of the installation is no tenant's, and is not told."""
        if not what or not after.tenant:
            return []
        return [_with_version(after, before.version).told(what, NOBODY, self.now())]

    def counted(self, job: Job, outcome: str) -> None:
        """Count what became of a job."""
        self.counts[job.name, outcome] += 1


def _with_version(job: Job, version: int) -> Job:
    return msgspec.structs.replace(job, version=version)
