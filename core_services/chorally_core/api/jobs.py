"""The routes of jobs: what a tenant's jobs are at, and what a person decides about them.

A tenant sees its own. Work of the installation, such as retention, is no tenant's; it is told of in logs and metrics.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter

from chorally_core.api.actor import actor
from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.idempotency import IdempotencyKey, answer
from chorally_core.api.io_parts import Io, OperationsReader, OperationsWriter
from chorally_core.api.job_views import JobDetail, JobView
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems, with_etag
from chorally_core.ports.documents import Condition, Conflict, Query
from chorally_core.ports.identity import Caller
from chorally_core.ports.jobs import Actor, Job, JobState
from chorally_core.ports.ledger import Step, Work

_TRIES = 8


def jobs_router(io: Io) -> APIRouter:
    """Return the routes of jobs."""
    router = APIRouter(prefix="/jobs", tags=["operations"])

    async def own(job_id: str, caller: Caller) -> Job:
        job = await io.documents.get(Job, job_id)
        if job is None or job.tenant != caller.tenant:
            raise Problem(404, "there is no such job", code="unknown-job")
        return job

    async def decided(
        job_id: str, caller: Caller, if_match: str | None, what: str, decide: Callable[[Job, datetime], Job]
    ) -> Response:
        """The job after a person's decision, stored over the version that it was decided on."""
        for _ in range(_TRIES):
            job = await own(job_id, caller)
            check_match(if_match, job.version)
            at = io.now()
            after = decide(job, at)
            try:
                await io.ledger.commit(Work([Step.of([after], [after.told(what, Actor(*actor(caller)), at)])]))
            except Conflict:
                continue
            return answer(JobDetail.of(after), 200, {"ETag": etag(after.version)})
        why = "the job changes all the time, or another with its key is queued; look at it again"
        raise Problem(409, why, code="changed-meanwhile")

    @router.get("", summary="List jobs", responses=problems(400, 401, 403))
    async def list_jobs(
        caller: OperationsReader,
        state: Annotated[JobState | None, Parameter(title="State", description="Only in this state.")] = None,
        name: Annotated[str | None, Parameter(title="Name", description="Only of this kind.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[JobView]:
        """Return the tenant's jobs, the newest first."""
        where = [] if state is None else [Condition("state", "is", state)]
        if name is not None:
            where.append(Condition("name", "is", name))
        after = decode_cursor(cursor, datetime, str) if cursor else None
        found = await io.documents.find(
            Query(
                Job,
                caller.tenant,
                tuple(where),
                order="created_at",
                descending=True,
                limit=limit + 1,
                after=(after[0], after[1]) if after else None,
            )
        )
        jobs, following = paged(found, limit, lambda job: (job.created_at, job.id))
        return Page(items=[JobView.of(job) for job in jobs], next=following)

    @router.get("/{job_id}", summary="Show a job", responses={200: with_etag("The job."), **problems(401, 403, 404)})
    async def show_job(job_id: str, caller: OperationsReader, response: Response) -> JobDetail:
        """Return one job with how far it has come."""
        job = await own(job_id, caller)
        response.headers["ETag"] = etag(job.version)
        return JobDetail.of(job)

    @router.post(
        "/{job_id}/cancel",
        response_model=JobDetail,
        summary="Cancel a job",
        responses={200: with_etag("The job, cancelled or about to be."), **problems(401, 403, 404, 409, 412)},
    )
    async def cancel_job(
        job_id: str, request: Request, caller: OperationsWriter, key: IdempotencyKey = None, if_match: IfMatch = None
    ) -> Response:
        """Cancel a job that is not over.

        One that runs ends its step first: until then it is `running` and `cancelling`. What it has done stays done.
        """

        async def make(_: str) -> Response:
            return await decided(job_id, caller, if_match, "job_cancelled", lambda job, at: job.asked_to_cancel(at))

        return await io.once(request, caller, key, make)

    @router.post(
        "/{job_id}/repeat",
        response_model=JobDetail,
        summary="Repeat a dead job",
        responses={200: with_etag("The job, queued again."), **problems(401, 403, 404, 409, 412)},
    )
    async def repeat_job(
        job_id: str, request: Request, caller: OperationsWriter, key: IdempotencyKey = None, if_match: IfMatch = None
    ) -> Response:
        """Have a dead job tried again, from where it had come; any other state is refused with 409."""

        async def make(_: str) -> Response:
            return await decided(job_id, caller, if_match, "job_repeated", lambda job, at: job.repeated(at))

        return await io.once(request, caller, key, make)

    return router
