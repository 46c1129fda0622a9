"""Jobs: work that is written down before it is done, so that it is done however often processes end.

A job is one document. Whoever runs it holds a lease in it, which is taken, renewed and ended by compare-and-swap:
each change stores the version behind the one that was read, so whoever has lost a job cannot change it any more.
A job is run at least once; what it does must bear to be begun again.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

import msgspec

from chorally_core.events import Event, LogAdd, topics
from chorally_core.events.ids import derived, timed
from chorally_core.events.records import ActorKind
from chorally_core.ports.documents import Document
from chorally_core.ports.refused import Refused
from chorally_core.ports.schedules import Schedule
from chorally_core.ports.storable import mistake_in

PLACE = "jobs"
"""Where workers listen for new jobs."""

LARGEST_BYTES = 64 * 1024
"""Arguments, what is kept between the steps, and a result, each as JSON."""

JobState = Literal["queued", "running", "done", "dead", "cancelled"]
"""``queued`` waits for its time or its turn, also after a failure; ``dead`` waits for a person."""


class Actor(NamedTuple):
    """Who asks for something."""

    kind: ActorKind = "service"
    id: str = ""


NOBODY = Actor()
"""The service itself."""


class Job(Document, frozen=True, kw_only=True):
    """One piece of work, and how far it has come."""

    kind = "job"
    unique = ("open_key",)
    sparse = ("lane", "holder", "due_at")
    indexes = (("created_at",), ("state", "created_at"), ("name", "created_at"), ("finished_at",))

    name: str
    """Which kind of job it is."""
    service: str
    """Whose it is: the issuer of its facts."""
    arguments: dict[str, Any] = {}
    key: str = ""
    """What it is about: nothing is queued twice under one key of a kind and tenant. Empty where it may be."""
    open_key: str | None = None
    """The key as it is unique; None once the job is over."""
    state: JobState = "queued"
    lane: str | None = None
    """The tenant while the job is queued: workers serve lanes in turn."""
    run_at: datetime
    """When it shall be run, or was to be run last."""
    due_at: datetime | None = None
    """The same while it is queued."""
    attempts: int = 0
    """How often it was begun since it last kept something new."""
    holder: str | None = None
    """The process that runs it; None while none does."""
    epoch: int = 0
    """How often it was begun in all: tells apart two runs in one process."""
    ttl_s: float = 0.0
    """Seconds for which others leave a version of it alone while it is held, by their own clocks."""
    done: int = 0
    total: int | None = None
    note: str = ""
    """What it is at, for people."""
    kept: dict[str, Any] = {}
    """What the job itself wants to know when it goes on."""
    result: dict[str, Any] | None = None
    error: str = ""
    """Why the last attempt failed."""
    schedule: Schedule | None = None
    """When it is due again; None where it is not."""
    created_by: str = ""
    created_by_kind: ActorKind = "service"
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_asked_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Whether nobody will run it, unless a person has it repeated."""
        return self.state in ("done", "dead", "cancelled")

    @property
    def is_cancelling(self) -> bool:
        """Whether it still runs although somebody has asked to cancel it."""
        return self.state == "running" and self.cancel_asked_at is not None

    def claimed(self, holder: str, ttl_s: float, at: datetime) -> "Job":
        """Return the job as a process begins to run it."""
        return self._with(
            state="running", lane=None, due_at=None, holder=holder, ttl_s=ttl_s, epoch=self.epoch + 1,
            attempts=self.attempts + 1, started_at=at,
        )  # fmt: skip

    def again(self, at: datetime, **changes: Any) -> "Job":
        """Return the job as it waits for its next run."""
        back: dict[str, Any] = {"state": "queued", "lane": self.tenant, "run_at": at, "due_at": at, "holder": None}
        return self._with(**back, **changes)

    def released(self, at: datetime) -> "Job":
        """Return the job as its process gives it back in good order, which counts as no attempt."""
        return self.again(at, attempts=max(0, self.attempts - 1))

    def ended(self, state: Literal["done", "dead", "cancelled"], at: datetime, **changes: Any) -> "Job":
        """Return the job as it is over; one with a schedule is queued for its next time unless it was cancelled."""
        if self.schedule is not None and state != "cancelled":
            fresh: dict[str, Any] = {"attempts": 0, "done": 0, "total": None, "note": "", "kept": {}}
            return self.again(self.schedule.following(self.run_at, at), finished_at=at, **fresh, **changes)
        return self._with(
            state=state, lane=None, due_at=None, holder=None, open_key=None, finished_at=at, **changes
        )  # fmt: skip

    def asked_to_cancel(self, at: datetime) -> "Job":
        """Return the job as somebody cancels it: at once where it waits, else when its process has noticed.

        Raises:
            Refused: It is over.
        """
        if self.is_over:
            raise Refused(
                "conflict", "job-over", f"the job is {self.state}; only one that is not over can be cancelled"
            )
        return self._with(cancel_asked_at=at) if self.state == "running" else self.ended("cancelled", at)

    def repeated(self, at: datetime) -> "Job":
        """Return the job as somebody has it tried again, from where it had come.

        Raises:
            Refused: It is not dead.
        """
        if self.state != "dead":
            raise Refused("conflict", "job-not-dead", f"the job is {self.state}; only one that is dead can be repeated")
        return self.again(at, attempts=0, finished_at=None, open_key=open_key(self.tenant, self.name, self.key))

    def told(self, what: str, actor: Actor, at: datetime) -> Event[LogAdd]:
        """Return the fact that something became of the job, by its state before that is stored."""
        version = self.version + 1
        snapshot = {"name": self.name, "state": self.state, "attempts": self.attempts}
        if self.error:
            snapshot["error"] = self.error
        return Event(
            topic=topics.LOGS,
            issuer=self.service,
            name="add",
            data=LogAdd(
                kind=what, subject_type="job", subject_id=self.id, version=version, actor_kind=actor.kind,
                actor_id=actor.id, snapshot=snapshot,
            ),
            id=derived(self.service, what, self.id, str(version)),
            tenant=self.tenant,
            key=f"{self.tenant}/job/{self.id}",
            occurred_at=at,
        )  # fmt: skip

    def _with(self, **changes: Any) -> "Job":
        return msgspec.structs.replace(self, **changes)


def open_key(tenant: str, name: str, key: str) -> str | None:
    """Return a job's key as it is unique; None for none."""
    return derived("job", tenant, name, key) if key else None


def queued(
    name: str,
    service: str,
    tenant: str,
    arguments: Mapping[str, Any],
    at: datetime,
    *cause: str,
    key: str = "",
    run_at: datetime | None = None,
    schedule: Schedule | None = None,
    created_by: Actor = NOBODY,
    job_id: str = "",
) -> Job:
    """Return a new job.

    Args:
        name: Its kind.
        service: Whose it is.
        tenant: For whom; empty for work of the installation, which no tenant sees.
        arguments: As JSON types.
        at: The time.
        cause: What makes it this one: the same at the same time give the same id.
        key: What it is about, where it shall not be queued twice.
        run_at: When it shall be run; at once where None.
        schedule: When it is due again.
        created_by: Who asks for it.
        job_id: Its id, where it does not come of the time and cause.

    Raises:
        ValueError: The arguments cannot be stored.
    """
    due = at if run_at is None else run_at
    return Job(
        id=job_id or timed(at, "job", name, tenant, *cause),
        tenant=tenant,
        name=name,
        service=service,
        arguments=bounded(arguments, "arguments"),
        key=key,
        open_key=open_key(tenant, name, key),
        lane=tenant,
        run_at=due,
        due_at=due,
        schedule=schedule,
        created_by=created_by.id,
        created_by_kind=created_by.kind,
        created_at=at,
    )


def bounded(value: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return a JSON object that a job may bear.

    Raises:
        ValueError: It cannot be stored, or is too large.
    """
    if mistake := mistake_in(value):
        raise ValueError(f"the {what} of a job {mistake}")
    size = len(msgspec.json.encode(value))
    if size > LARGEST_BYTES:
        raise ValueError(f"the {what} of a job take {size:,} bytes of JSON, at most {LARGEST_BYTES:,} are kept")
    return dict(value)
