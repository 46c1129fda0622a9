"""The I/O API, at ``/io/v1``: connectors, apps, accounts, deliveries, and what operators need.

Webhooks do not come through here: each platform has a door of its own (``webhooks``).
"""

from fastapi import FastAPI

from chorally_core.api import problem
from chorally_core.api.io_accounts import accounts_router
from chorally_core.api.io_apps import apps_router
from chorally_core.api.io_attachments import attachments_router
from chorally_core.api.io_authorizations import authorizations_router
from chorally_core.api.io_connectors import connectors_router
from chorally_core.api.io_deliveries import deliveries_router
from chorally_core.api.io_moderations import moderations_router
from chorally_core.api.io_operations import dead_letters_router, hooks_router
from chorally_core.api.io_parts import Io
from chorally_core.api.io_replay_diff import replay_diff_router
from chorally_core.api.io_templates import templates_router
from chorally_core.api.jobs import jobs_router
from chorally_core.ports.identity import Identity
from chorally_core.services.io.replay import Replay

__all__ = ["Io", "create_app"]


def create_app(identity: Identity, parts: Io) -> FastAPI:
    """Return the application to mount at ``/io/v1``.

    Args:
        identity: Proves the callers.
        parts: The I/O service and what it stands on.
    """
    app = FastAPI(
        title="Chorally I/O",
        version="1",
        description="Connectors and their accounts, what goes out through them, and the journal of what came in.",
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.identity = identity
    problem.install(app)
    replay = Replay(parts.ledger, parts.service.intake, now=parts.now)
    app.include_router(connectors_router(parts))
    app.include_router(apps_router(parts))
    app.include_router(accounts_router(parts))
    app.include_router(templates_router(parts))
    app.include_router(authorizations_router(parts))
    app.include_router(deliveries_router(parts))
    app.include_router(moderations_router(parts))
    if parts.downloading is not None:
        app.include_router(attachments_router(parts, parts.downloading))
    app.include_router(dead_letters_router(parts, replay))
    app.include_router(hooks_router(parts, replay))
    app.include_router(replay_diff_router(parts, replay))
    app.include_router(jobs_router(parts))
    return app
