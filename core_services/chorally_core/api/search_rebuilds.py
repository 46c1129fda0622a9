"""The routes by which an operator has the index made anew."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from chorally_core.api.actor import actor
from chorally_core.api.auth import allowed
from chorally_core.api.etag import etag
from chorally_core.api.idempotency import IdempotencyKey, Once, answer
from chorally_core.api.job_views import JobDetail
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems, with_etag
from chorally_core.ports.documents import Documents
from chorally_core.ports.identity import Caller
from chorally_core.ports.jobs import Actor, Job
from chorally_core.ports.permissions import Permission
from chorally_core.services.search.rebuilding import JOB, Rebuilding

Operator = Annotated[Caller, allowed(Permission.INSTALLATION_WRITE)]


def rebuilds_router(rebuilding: Rebuilding, documents: Documents, once: Once) -> APIRouter:
    """Return the routes of rebuilds."""
    router = APIRouter(prefix="/rebuilds", tags=["operations"], responses=problems(401, 403, 429))

    @router.post(
        "",
        status_code=202,
        response_model=JobDetail,
        summary="Make the index anew",
        responses={202: with_etag("The job; the one that runs already where there is one."), **problems(409)},
    )
    async def rebuild_index(request: Request, caller: Operator, key: IdempotencyKey = None) -> Response:
        """Fill a new index from the documents of all tenants, beside the one that serves, and have it take over."""

        async def make(_: str) -> Response:
            job = await rebuilding.ask(Actor(*actor(caller)))
            return answer(JobDetail.of(job), 202, {"ETag": etag(job.version)})

        return await once(request, caller, key, make)

    @router.get("/{job_id}", summary="Show a rebuild", responses={200: with_etag("The job."), **problems(404)})
    async def show_rebuild(job_id: str, caller: Operator, response: Response) -> JobDetail:
        """Return how far it has come."""
        job = await documents.get(Job, job_id)
        if job is None or job.name != JOB or job.tenant:
            raise Problem(404, "there is no such rebuild", code="unknown-rebuild")
        response.headers["ETag"] = etag(job.version)
        return JobDetail.of(job)

    return router
