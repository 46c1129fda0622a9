"""The metadata API, at ``/metadata/v1``: tags, fields, canned replies, saved views and macros."""

from fastapi import APIRouter, FastAPI, Response

from chorally_core.api import problem
from chorally_core.api.etag import etag
from chorally_core.api.job_views import JobView
from chorally_core.api.metadata_canned import canned_router
from chorally_core.api.metadata_fields import fields_router
from chorally_core.api.metadata_macros import macros_router
from chorally_core.api.metadata_parts import Metadata, Reader
from chorally_core.api.metadata_saved import views_router
from chorally_core.api.metadata_tags import tags_router
from chorally_core.api.problem import Problem
from chorally_core.api.responses import describe, problems, with_etag
from chorally_core.ports.identity import Identity
from chorally_core.ports.jobs import Job
from chorally_core.services.metadata.retagging import JOB


def create_app(identity: Identity, parts: Metadata) -> FastAPI:
    """Return the application to mount at ``/metadata/v1``."""
    app = FastAPI(
        title="Chorally metadata",
        version="1",
        description="Tags, fields of the tenant's own, canned replies, saved views and macros.",
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.identity = identity
    problem.install(app)
    describe(app)
    for router in (tags_router, fields_router, canned_router, views_router, macros_router, _jobs_router):
        app.include_router(router(parts))
    return app


def _jobs_router(parts: Metadata) -> APIRouter:
    router = APIRouter(prefix="/jobs", tags=["tags"], responses=problems(401, 403, 429))

    @router.get(
        "/{job_id}", summary="Show how far a renaming is", responses={200: with_etag("The job."), **problems(404)}
    )
    async def show_renaming(job_id: str, caller: Reader, response: Response) -> JobView:
        """Return the job that brings a tag's new name to all that is tagged: `done` of `total`."""
        job = await parts.documents.get(Job, job_id)
        if job is None or job.tenant != caller.tenant or job.name != JOB:
            raise Problem(404, "there is no such job of the metadata service", code="unknown-job")
        response.headers["ETag"] = etag(job.version)
        return JobView.of(job)

    return router
