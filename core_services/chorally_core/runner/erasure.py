"""Erases people, step by step: each service does its part, and what waits or lies on the bus is removed."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import count

import msgspec
import structlog

from chorally_core.ports.bus import Erases
from chorally_core.ports.documents import Condition, Conflict, Query
from chorally_core.ports.erasure import JOB, SERVICE, ErasePerson, Erasure, Part
from chorally_core.ports.job_kinds import Context, JobKind, Later, Outcome
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.parking import DeadLetter, Parked

log = structlog.get_logger(__name__)

ROUNDS = 2
_AGAIN_AFTER = timedelta(hours=1)
_SOON = timedelta(seconds=1)
_ATTEMPTS = 12
_STEP = 200


class CannotErase:
    """The part of a service that is installed and broken: what it stored of the person cannot be found."""

    def __init__(self, name: str, package: str, reason: str) -> None:
        self.name = f"{name} that is broken"
        self._why = f"what the service {name!r} keeps of the person is not erased, as {package} is broken: {reason}"

    async def step(self, erasure: Erasure, place: str) -> str | None:
        """Fail, so that the erasure is not done before the package is mended or uninstalled.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError(self._why)


class Eraser:
    """Does the jobs; a kill at any point loses at most the place of one step."""

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
            ledger: Where erasures are stored.
            parts: Done in this order; each once in a round.
            now: The clock.
            again_after: Time between the rounds, in which what is on its way arrives.
        """
        self._ledger = ledger
        self._parts = parts
        self._now = now
        self._again_after = again_after
        self.kind = JobKind(
            name=JOB, service=SERVICE, arguments=ErasePerson, run=self._run, attempts=_ATTEMPTS, first_wait_s=60.0,
            most_wait_s=6 * 3600.0,
        )  # fmt: skip
        """Somebody who asked to be erased is not forgotten about soon: it is tried for more than a day."""

    async def _run(self, arguments: ErasePerson, context: Context) -> Outcome:
        """Take step after step of one erasure until its round is done."""
        for steps in count(context.kept.get("steps", 0) + 1):
            erasure = await self._ledger.documents.get(Erasure, arguments.author_id)
            if erasure is None or erasure.at != arguments.at:
                return {"superseded": True}
            if erasure.finished_at is not None:
                return {"rounds": erasure.round}
            if erasure.next_at > self._now():
                return Later(erasure.next_at)
            try:
                after = await self._taken(erasure)
                await self._ledger.commit(Work([Step.of([after])]))
            except Conflict:
                log.debug("somebody changed what was to be erased", author_id=erasure.id)
                return Later(self._now() + _SOON)
            done = (after.round - 1) * len(self._parts) + len(after.done)
            await context.progress(done, ROUNDS * len(self._parts), _at(after), keep={"steps": steps})
        raise AssertionError("unreachable")

    async def _taken(self, erasure: Erasure) -> Erasure:
        """The erasure after its next step."""
        part = next((part for part in self._parts if part.name not in erasure.done), None)
        if part is None:
            return self._round_done(erasure)
        place = await part.step(erasure, erasure.places.get(part.name, ""))
        places = {name: known for name, known in erasure.places.items() if name != part.name}
        if place is None:
            return msgspec.structs.replace(erasure, done=(*erasure.done, part.name), places=places)
        return msgspec.structs.replace(erasure, places={**places, part.name: place})

    def _round_done(self, erasure: Erasure) -> Erasure:
        now = self._now()
        if erasure.round < ROUNDS:
            return msgspec.structs.replace(
                erasure, round=erasure.round + 1, done=(), places={}, next_at=now + self._again_after
            )
        log.info("erased", author_id=erasure.id, tenant=erasure.tenant)
        return msgspec.structs.replace(erasure, finished_at=now, external_id="", places={})


def _at(erasure: Erasure) -> str:
    return f"round {erasure.round}: {', '.join(erasure.done)}" if erasure.done else f"round {erasure.round}"


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
