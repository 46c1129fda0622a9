"""The publishing API, at ``/publishing/v1``: posts of our own, from draft to approval, schedule and outcome."""

from fastapi import FastAPI

from chorally_core.api import problem
from chorally_core.api.publishing_approval import approval_router
from chorally_core.api.publishing_calendar import calendar_router
from chorally_core.api.publishing_out import out_router
from chorally_core.api.publishing_parts import Publishing
from chorally_core.api.publishing_posts import posts_router
from chorally_core.api.publishing_series import series_router
from chorally_core.api.publishing_settings import settings_router
from chorally_core.api.responses import describe
from chorally_core.ports.identity import Identity

__all__ = ["Publishing", "create_app"]


def create_app(identity: Identity, parts: Publishing) -> FastAPI:
    """Return the application to mount at ``/publishing/v1``."""
    app = FastAPI(
        title="Chorally publishing",
        version="1",
        description="Posts of our own: drafted, approved, planned, published, at once or again and again.",
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.identity = identity
    problem.install(app)
    describe(app)
    for router in (posts_router, approval_router, out_router, series_router, calendar_router, settings_router):
        app.include_router(router(parts))
    return app
