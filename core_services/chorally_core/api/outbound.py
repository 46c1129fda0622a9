"""The outbound API, at ``/outbound/v1``: conversations that we begin, lists, and what people wish."""

from fastapi import FastAPI

from chorally_core.api import problem
from chorally_core.api.outbound_consents import consents_router
from chorally_core.api.outbound_conversations import conversations_router
from chorally_core.api.outbound_mailings import mailings_router
from chorally_core.api.outbound_parts import Outbound
from chorally_core.api.outbound_recipients import recipients_router
from chorally_core.api.responses import describe
from chorally_core.ports.identity import Identity

__all__ = ["UPLOAD", "Outbound", "create_app"]

UPLOAD = "/outbound/v1/recipients"
"""Where recipients are uploaded, which may be many."""


def create_app(identity: Identity, parts: Outbound) -> FastAPI:
    """Return the application to mount at ``/outbound/v1``."""
    app = FastAPI(
        title="Chorally outbound",
        version="1",
        description="Conversations that we begin, lists of them, and what people wish.",
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.identity = identity
    problem.install(app)
    describe(app)
    for router in (conversations_router, mailings_router, recipients_router, consents_router):
        app.include_router(router(parts))
    return app
