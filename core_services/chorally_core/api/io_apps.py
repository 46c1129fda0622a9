"""The routes of developer apps: a tenant's own, and the installation's for whoever runs it."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter

import chorally_sdk as sdk
from chorally_core.api.actor import actor
from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.idempotency import IdempotencyKey, answer
from chorally_core.api.io_errors import told
from chorally_core.api.io_parts import AccountWriter, Io
from chorally_core.api.io_views import AppAdd, AppChange, AppView
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems, with_etag
from chorally_core.ports.documents import Condition, Query
from chorally_core.ports.identity import Caller
from chorally_core.ports.permissions import Permission
from chorally_core.services.io.directory import INSTALLATION
from chorally_core.services.io.fitting import secret_fields
from chorally_core.services.io.model import App


def apps_router(io: Io) -> APIRouter:
    """Return the routes of apps."""
    router = APIRouter(prefix="/apps", tags=["apps"])
    service = io.service

    def view(app: App) -> AppView:
        connector = service.directory.connectors.get(app.platform)
        hooks = connector.manifest.hooks if connector else None
        path = f"/{app.platform}/v1/webhook/{app.hook_token}" if hooks is not None and hooks.scope == "app" else None
        hidden = secret_fields(connector.manifest.app_settings) if connector else ()
        asks = connector is not None and issubclass(connector, sdk.Authorizes)
        back = f"/{app.platform}/v1/callback" if asks else None
        return AppView.of(app, secrets=hidden, webhook_path=path, callback_path=back)

    async def own(app_id: str, caller: Caller) -> App:
        app = await io.documents.get(App, app_id)
        if app is None or app.tenant not in _tenants(caller):
            raise Problem(404, "there is no such app", code="unknown-app")
        return app

    @router.post(
        "",
        status_code=201,
        response_model=AppView,
        summary="Add an app",
        responses={201: with_etag("The app was added."), **problems(401, 403, 409)},
    )
    async def add_app(body: AppAdd, request: Request, caller: AccountWriter, key: IdempotencyKey = None) -> Response:
        """Add a developer app of the tenant's own, or of the installation, with its client and webhook secrets."""
        if body.installation:
            _check_installer(caller)

        async def make(app_id: str) -> Response:
            app = await io.documents.get(App, app_id)
            if app is None:
                check_connector(io, body.connector)
                with told():
                    app = await service.accounts.add_app(
                        INSTALLATION if body.installation else caller.tenant,
                        body.connector,
                        body.name,
                        body.settings,
                        app_id,
                        actor(caller),
                    )
            place = request.url_for("show_app", app_id=app.id).path
            return answer(view(app), 201, {"ETag": etag(app.version), "Location": place})

        return await io.once(request, caller, key, make)

    @router.get("", summary="List apps", responses=problems(400, 401, 403))
    async def list_apps(
        caller: AccountWriter,
        connector: Annotated[str | None, Parameter(title="Connector", description="Only of this platform.")] = None,
        installation: Annotated[
            bool, Parameter(title="Installation", description="The installation's apps instead of the tenant's own.")
        ] = False,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[AppView]:
        """Return the tenant's own apps, or those of the installation."""
        if installation:
            _check_installer(caller)
        tenant = INSTALLATION if installation else caller.tenant
        where = () if connector is None else (Condition("platform", "is", connector),)
        after = (None, decode_cursor(cursor, str)[0]) if cursor else None
        found = await io.documents.find(Query(App, tenant, where, limit=limit + 1, after=after))
        apps, following = paged(found, limit, lambda app: (app.id,))
        return Page(items=[view(app) for app in apps], next=following)

    @router.get("/{app_id}", summary="Show an app", responses={200: with_etag("The app."), **problems(401, 403, 404)})
    async def show_app(app_id: str, caller: AccountWriter, response: Response) -> AppView:
        """Return one app."""
        app = await own(app_id, caller)
        response.headers["ETag"] = etag(app.version)
        return view(app)

    @router.patch(
        "/{app_id}",
        summary="Change an app",
        responses={200: with_etag("The app as it is now."), **problems(401, 403, 404, 409, 412)},
    )
    async def change_app(
        app_id: str, body: AppChange, caller: AccountWriter, response: Response, if_match: IfMatch = None
    ) -> AppView:
        """Change an app in place: its webhook URL and its accounts stay.

        To rotate a secret without a gap, give the new one with `keep_previous`, change it at the platform, and give it
        again without.
        """
        app = await own(app_id, caller)
        check_match(if_match, app.version)
        check_connector(io, app.platform)
        with told():
            app = await service.accounts.change_app(
                app, name=body.name, settings=body.settings, keep_previous=body.keep_previous, actor=actor(caller)
            )
        response.headers["ETag"] = etag(app.version)
        return view(app)

    @router.delete("/{app_id}", status_code=204, summary="Delete an app", responses=problems(401, 403, 404, 409, 412))
    async def remove_app(app_id: str, caller: AccountWriter, if_match: IfMatch = None) -> None:
        """Delete an app that no connected account speaks through; its webhook URL is no longer answered."""
        app = await own(app_id, caller)
        check_match(if_match, app.version)
        await service.accounts.remove_app(app, actor(caller))

    return router


def _tenants(caller: Caller) -> tuple[str, ...]:
    """Whose apps a caller may see: the tenant's, and for whoever runs the installation its own."""
    return (caller.tenant, INSTALLATION) if caller.may(Permission.INSTALLATION_WRITE) else (caller.tenant,)


def _check_installer(caller: Caller) -> None:
    if not caller.may(Permission.INSTALLATION_WRITE):
        why = f"the installation's apps need the permission {Permission.INSTALLATION_WRITE}, which no tenant's role has"
        raise Problem(403, why, code="permission-missing")


def check_connector(io: Io, platform: str) -> None:
    """Refuse a connector that is not there or cannot be used.

    Raises:
        Problem: 422; it says why.
    """
    if platform in io.service.directory.connectors:
        return
    plugin = io.registry.plugins.get(platform)
    if plugin is not None and isinstance(plugin.loaded, str):
        why = f"cannot be used: {plugin.loaded}"
    else:
        why = f"is not installed; installed are {', '.join(sorted(io.service.directory.connectors)) or 'none'}"
    errors = [{"field": "/body/connector", "message": why}]
    raise Problem(422, f"the connector {platform!r} {why}", code="unknown-connector", errors=errors)
