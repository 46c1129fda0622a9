"""Erases people, step by step: each service does its part, and what waits or lies on the bus is removed."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import msgspec
import structlog

from chorally_core.ports.bus import Erases
from chorally_core.ports.documents import Condition, Conflict, Query
from chorally_core.ports.erasure import Erasure, Part
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.parking import DeadLetter, Parked

log = structlog.get_logger(__name__)

ROUNDS = 2
_AGAIN_AFTER = timedelta(hours=1)
_STEP = 200


class Eraser:
    """Drives the jobs; a kill at any point loses at most the place of one step."""

    def __init__(
        self,
        ledger: Ledger,
        parts: Sequence[Part],
        *,
        now: Callable[[], datetime],
        again_after: timedelta = _AGAIN_AFTER,
    ) -> None:
        """Prepare to erase.

        Args:
            ledger: Where jobs are stored.
            parts: Done in this order; each once in a round.
            now: The clock.
            again_after: Time between the rounds, in which what is on its way arrives.
        """
        self._ledger = ledger
        self._parts = parts
        self._now = now
        self._again_after = again_after

    async def work(self, most: int = 100) -> int:
        """Take steps while there is something to do, at most ``most``; return how many."""
        for taken in range(most):
            if not await self.step():
                return taken
        return most

    async def step(self) -> bool:
        """Take one step of the job that is due first; return whether there was one."""
        due = (Condition("finished_at", "absent"), Condition("next_at", "<=", self._now()))
        jobs: list[Erasure] = await self._ledger.documents.find(Query(Erasure, None, due, order="next_at", limit=1))
        if not jobs:
            return False
        try:
            await self._ledger.commit(Work([Step.of([await self._taken(jobs[0])])]))
        except Conflict:
            log.debug("the erasure was begun anew meanwhile", author_id=jobs[0].id)
        return True

    async def _taken(self, job: Erasure) -> Erasure:
        """The job after its next step."""
        part = next((part for part in self._parts if part.name not in job.done), None)
        if part is None:
            return self._round_done(job)
        try:
            place = await part.step(job, job.places.get(part.name, ""))
        except Conflict:
            return msgspec.structs.replace(job, next_at=self._now() + timedelta(seconds=1))
        except Exception as error:
            log.error("erasure failed and is tried again", part=part.name, author_id=job.id, exc_info=error)
            return msgspec.structs.replace(job, next_at=self._now() + timedelta(minutes=1))
        places = {name: known for name, known in job.places.items() if name != part.name}
        if place is None:
            return msgspec.structs.replace(job, done=(*job.done, part.name), places=places)
        return msgspec.structs.replace(job, places={**places, part.name: place})

    def _round_done(self, job: Erasure) -> Erasure:
        now = self._now()
        if job.round < ROUNDS:
            return msgspec.structs.replace(
                job, round=job.round + 1, done=(), places={}, next_at=now + self._again_after
            )
        log.info("erased", author_id=job.id, tenant=job.tenant)
        return msgspec.structs.replace(job, finished_at=now, external_id="", places={})


class EraseWaiting:
    """Removes dead letters and parked events of the person."""

    name = "waiting"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def step(self, erasure: Erasure, place: str) -> str | None:
        """Remove at most 200 of each kind; a place is the kind and the last one looked at."""
        name, _, after = place.partition("/")
        of: type[DeadLetter] | type[Parked] = Parked if name == Parked.kind else DeadLetter
        where = (Condition("key", "contains", erasure.id),)
        query = Query(of, erasure.tenant, where, limit=_STEP, after=(None, after) if after else None)
        found: list[DeadLetter | Parked] = await self._ledger.documents.find(query)
        gone = [one.id for one in found if one.key.startswith(erasure.key) and _occurred(one) <= erasure.at]
        if gone:
            await self._ledger.documents.delete(of, gone)
        if len(found) == _STEP:
            return f"{of.kind}/{found[-1].id}"
        return f"{Parked.kind}/" if of is DeadLetter else None


def _occurred(waiting: DeadLetter | Parked) -> datetime:
    told = waiting.headers.get("occurred_at")
    if told is not None:
        return datetime.fromisoformat(told)
    return waiting.at if isinstance(waiting, DeadLetter) else waiting.next_at


class EraseEvents:
    """Removes the person's events from the bus, as far as it offers that; the rest goes when it is trimmed."""

    name = "events"

    def __init__(self, ledger: Ledger, topics: Iterable[str]) -> None:
        """Prepare.

        Args:
            ledger: Its bus is erased from.
            topics: Every topic that may carry something of a person, those of the channels too.
        """
        self._bus = ledger.bus
        self._topics = sorted(topics)

    async def step(self, erasure: Erasure, place: str) -> str | None:
        """Erase one topic; a place is the last one done."""
        topic = next((name for name in self._topics if name > place), None)
        if topic is None or not isinstance(self._bus, Erases):
            return None
        await self._bus.erase(topic, [erasure.key])
        return topic
