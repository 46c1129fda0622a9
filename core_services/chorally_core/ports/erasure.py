"""The erasure of a person: a record of how far it has come, and the job that each service does its part of."""

from datetime import datetime
from typing import Protocol

import msgspec

from chorally_core.events.ids import derived
from chorally_core.ports.documents import Document
from chorally_core.ports.jobs import Job, queued

JOB = "author/erase"
"""Name of the job."""
SERVICE = "author-service"
"""Whose it is."""


class ErasePerson(msgspec.Struct, frozen=True):
    """Arguments of the job."""

    author_id: str
    at: datetime
    """When it was asked for; where it was asked for again since, another job does it."""


class Erasure(Document, frozen=True, kw_only=True):
    """How far the erasure of one person has come; its id is the author's.

    What was said and done until ``at`` is erased; what the person writes later is new. Everything is gone
    through twice: at once, and again later for what was on its way when the first round passed it. What is
    needed to find the person is forgotten with the last step.
    """

    kind = "erasure"
    indexes = (("finished_at", "next_at"),)

    platform: str
    external_id: str = ""
    """The platform's id of the person, kept only until the job is done; empty where it is erased already."""
    since: datetime
    """Before this nothing is known of the person."""
    at: datetime
    """When it was asked for last."""
    next_at: datetime
    """When the round begins."""
    round: int = 1
    done: tuple[str, ...] = ()
    """Parts that are done in this round."""
    places: dict[str, str] = {}
    """How far the others have come, in words of their own."""
    finished_at: datetime | None = None

    def again(self, at: datetime) -> "Erasure":
        """Return the erasure as it begins anew, for what was written since it was asked for before."""
        return msgspec.structs.replace(self, at=at, next_at=at, round=1, done=(), places={}, finished_at=None)

    def job(self) -> Job:
        """Return the job that does it; the same for the same request."""
        arguments = msgspec.to_builtins(ErasePerson(self.id, self.at))
        name = derived("job", JOB, self.tenant, self.id, self.at.isoformat())
        return queued(JOB, SERVICE, self.tenant, arguments, self.at, job_id=name)

    @property
    def key(self) -> str:
        """Ordering key of the person's events; those of their threads begin with it and a slash."""
        return f"{self.tenant}/{self.id}"


class Part(Protocol):
    """One service's part of an erasure."""

    name: str
    """Stays the same for ever: jobs remember it."""

    async def step(self, erasure: Erasure, place: str) -> str | None:
        """Erase a bounded amount and return the place to go on from, None where nothing is left.

        Done again from the same place it changes nothing more: a kill may come before the place is stored.

        Args:
            erasure: Who is erased.
            place: What the step before returned; empty at the beginning.

        Raises:
            Conflict: Somebody changed what was to be erased; the step is taken again.
        """
