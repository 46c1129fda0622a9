"""What nobody asks for at the moment that it is done: jobs of the services, and short work every few seconds.

Erasure and retention are jobs: they take long, are seen, and go on in another process where this one ends. Waking
snoozed tickets is a matter of milliseconds every few seconds, and is done under a lease
(``runner.jobs_rounds`` says why).
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from prometheus_client import CollectorRegistry

from chorally_core.bootstrap.added import added
from chorally_core.bootstrap.parts import installed
from chorally_core.bootstrap.service import Around, Round
from chorally_core.bootstrap.services import declared
from chorally_core.bootstrap.services.io import topics_of
from chorally_core.ports.job_kinds import JobKind
from chorally_core.ports.leases import Leases
from chorally_core.runner.erasure import CannotErase, EraseEvents, Eraser, EraseWaiting
from chorally_core.runner.jobs import Jobs
from chorally_core.runner.jobs_hands import Hands
from chorally_core.runner.jobs_metrics import JobFigures
from chorally_core.runner.jobs_rounds import Rounds
from chorally_core.runner.jobs_run import Terms
from chorally_core.runner.jobs_store import JobStore
from chorally_core.runner.jobs_worker import Worker

_BEFORE_OTHERS = "message"  # with the person's messages goes what others could be made from anew


class Upkeep:
    """Has the jobs of some services done in this process, and goes its rounds."""

    def __init__(
        self,
        around: Around,
        services: Sequence[str],
        leases: Leases,
        *,
        terms: Terms | None = None,
        grace_s: float = 5.0,
    ) -> None:
        """Put it together; nothing is begun.

        Args:
            around: What services stand on.
            services: Those whose work is done here.
            leases: Tell who goes a round.
            terms: On what terms jobs are held.
            grace_s: Seconds that running jobs have to end when the process does, before they are broken off.
        """
        self._grace_s = grace_s
        self.hands = Hands(
            JobStore(around.ledger, _kinds(around, services), now=around.now), terms or Terms(around.ids())
        )
        unshared = around.stores.unshared
        self.jobs = Jobs(self.hands, around.coordination, ids=around.ids, degraded=lambda: bool(unshared()))
        self.worker = Worker(self.hands, around.coordination)
        self.declared: list[Round] = [one for service in declared(services) for one in service.rounds(around)]
        self.rounds = [Rounds(one.name, one.once, leases, every_s=one.every_s) for one in self.declared]

    def figures(self, registry: CollectorRegistry) -> JobFigures:
        """Have the figures of jobs shown."""
        return JobFigures(registry, self.worker)

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
            for one in self.declared:
                if one.stop is not None:
                    await one.stop()

    async def due(self) -> None:
        """Do everything that is due now, and return once it is done."""
        await self.jobs.schedule()
        for rounds in self.rounds:
            await rounds.round()
        while await self.worker.turn():
            await self.hands.idle()


def _kinds(around: Around, services: Sequence[str]) -> list[JobKind[Any]]:
    kinds = [kind for service in declared(services) for kind in service.jobs(around)]
    if "io" in services:
        kinds.append(_eraser(around).kind)
    return kinds


def _eraser(around: Around) -> Eraser:
    """What erases people everywhere: one process does the parts of all services, whichever it is of."""
    names = sorted(installed(), key=lambda name: name != _BEFORE_OTHERS)
    parts = [part for service in declared(names) for part in service.erases(around)]
    parts += [EraseWaiting(around.ledger), EraseEvents(around.ledger, topics_of(around))]
    parts += [CannotErase(broken.name, broken.package, broken.reason) for broken in added().broken]
    return Eraser(around.ledger, parts, now=around.now)
