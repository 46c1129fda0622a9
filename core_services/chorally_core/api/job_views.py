"""What goes out of the API about jobs."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from chorally_core.ports.jobs import Job, JobState


class JobView(BaseModel):
    """A job, and how far it has come."""

    id: str = Field(title="Id", description="Id of the job.")
    name: str = Field(title="Name", description="Which kind of job it is, such as `author/erase`.")
    key: str = Field(title="Key", description="What it is about, where the same is never queued twice; may be empty.")
    state: JobState = Field(
        title="State",
        description="`queued` (waits for its time or turn, also after a failure), `running`, `done`, `dead` (given up "
        "until a person has it repeated), `cancelled`.",
    )
    cancelling: bool = Field(title="Cancelling", description="Whether it was cancelled and still ends its step.")
    done: int = Field(title="Done", description="How much is done.")
    total: int | None = Field(title="Total", description="Of how much; null where that is not known.")
    note: str = Field(title="Note", description="What it is at.")
    attempts: int = Field(title="Attempts", description="How often it was begun since it last came further.")
    error: str = Field(title="Error", description="Why the last attempt failed; empty if none did.")
    created_by: str = Field(title="Created by", description="Who asked for it; empty where a service did.")
    created_at: datetime = Field(title="Created", description="When it was asked for.")
    run_at: datetime = Field(title="Run at", description="When it is, or was, due.")
    started_at: datetime | None = Field(title="Started", description="When it was begun last; null if never.")
    finished_at: datetime | None = Field(title="Finished", description="When it ended last; null if never.")
    version: int = Field(title="Version", description="Goes up with each change; the `ETag` is made of it.")

    @classmethod
    def of(cls, job: Job) -> "JobView":
        """Return what is seen of a job in a list."""
        return cls(**_same(job, JobView, "cancelling"), cancelling=job.is_cancelling)


class JobDetail(JobView):
    """A job with what it was given and what it gave."""

    arguments: dict[str, Any] = Field(title="Arguments", description="What it was asked to do.")
    result: dict[str, Any] | None = Field(title="Result", description="What came of it; null until it is done.")

    @classmethod
    def of(cls, job: Job) -> "JobDetail":
        """Return all that is shown of a job."""
        return cls(**_same(job, JobDetail, "cancelling"), cancelling=job.is_cancelling)


def _same(job: Job, view: type[BaseModel], *but: str) -> dict[str, Any]:
    return {name: getattr(job, name) for name in view.model_fields if name not in but}
