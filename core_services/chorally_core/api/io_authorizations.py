"""The routes of consents: asking for one, and choosing the accounts that it gives."""

from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response

from chorally_core.api.actor import actor
from chorally_core.api.idempotency import IdempotencyKey, answer
from chorally_core.api.io_apps import check_connector
from chorally_core.api.io_authorization_views import (
    AuthorizationAdd,
    AuthorizationView,
    Choices,
    ConnectedList,
    ConnectedView,
    FoundList,
    FoundView,
)
from chorally_core.api.io_errors import told
from chorally_core.api.io_parts import AccountWriter, Io
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems
from chorally_core.ports.identity import Caller
from chorally_core.services.io.accounts import since_days
from chorally_core.services.io.authorizations import LASTS, Authorization, Choice
from chorally_core.services.io.model import Account


def authorizations_router(io: Io) -> APIRouter:
    """Return the routes of consents."""
    router = APIRouter(prefix="/authorizations", tags=["authorizations"])
    service = io.service

    async def own(authorization_id: str, caller: Caller) -> Authorization:
        asked = await service.authorizations.get(authorization_id, caller.tenant, _person(caller))
        if asked is None:
            raise Problem(404, "there is no such authorization of yours", code="unknown-authorization")
        return asked

    @router.post(
        "",
        status_code=201,
        summary="Ask for a consent",
        responses=problems(401, 403, 404, 503),
    )
    async def add_authorization(
        body: AuthorizationAdd, request: Request, response: Response, caller: AccountWriter
    ) -> AuthorizationView:
        """Return the platform's page of consent for the caller's browser.

        It holds for 15 minutes and works once. Afterwards the accounts that it gives can be chosen, by the same caller.
        A page of this very origin that asks gets a cookie, and the person can come back in that browser only.
        """
        check_connector(io, body.connector)
        if body.account_id is not None:
            account = await io.documents.get(Account, body.account_id)
            if account is None or (account.tenant, account.platform) != (caller.tenant, body.connector):
                raise Problem(404, "there is no such account of this connector", code="unknown-account")
        if body.app_id is not None:
            app = service.directory.apps.get(body.app_id)
            if app is None or app.platform != body.connector or app.tenant not in ("", caller.tenant):
                raise Problem(404, "there is no such app", code="unknown-app")
        with told():
            begun = await service.authorizations.begin(
                io.new_id(),
                tenant=caller.tenant,
                person=_person(caller),
                platform=body.connector,
                app_id=body.app_id,
                account_id=body.account_id,
                hint=body.hint,
                return_url=body.return_url,
                base_url=f"{request.url.scheme}://{request.url.netloc}",
                in_browser=_is_in_browser(request, service.authorizations.public_url),
            )
        if begun.cookie is not None:
            response.headers.append("Set-Cookie", begun.cookie.header(int(LASTS.total_seconds())))
        return AuthorizationView.of(begun.authorization, begun.url)

    @router.get("/{authorization_id}", summary="Show a consent", responses=problems(401, 403, 404))
    async def show_authorization(authorization_id: str, caller: AccountWriter) -> AuthorizationView:
        """Return how far a consent has come."""
        return AuthorizationView.of(await own(authorization_id, caller))

    @router.get("/{authorization_id}/accounts", summary="List what a consent gives", responses=problems(401, 403, 404))
    async def list_found(authorization_id: str, caller: AccountWriter) -> FoundList:
        """Return the accounts that a consent gives; empty until the person has consented."""
        asked = await own(authorization_id, caller)
        there = {
            account.external_id: account.id
            for found in asked.found
            for account in service.directory.called(asked.platform, found.external_id, None)
            if account.tenant == caller.tenant
        }
        items = [
            FoundView(
                external_id=found.external_id,
                name=found.name,
                missing_scopes=list(found.missing_scopes),
                account_id=there.get(found.external_id),
            )
            for found in asked.found
        ]
        return FoundList(items=items)

    @router.post(
        "/{authorization_id}/accounts",
        response_model=ConnectedList,
        summary="Connect accounts of a consent",
        responses=problems(401, 403, 404, 409, 503),
    )
    async def connect_found(
        authorization_id: str, body: Choices, request: Request, caller: AccountWriter, key: IdempotencyKey = None
    ) -> Response:
        """Connect the chosen accounts, each by itself; one that is connected already gets the new consent."""

        async def make(_: str) -> Response:
            asked = await own(authorization_id, caller)
            choices = [
                Choice(
                    chosen.external_id,
                    chosen.name or "",
                    chosen.settings,
                    since_days(chosen.backfill_days, io.now()),
                    chosen.ticket_per,
                    int(chosen.silence_hours * 3600) or None,
                )
                for chosen in body.accounts
            ]
            with told():
                made = await service.authorizations.choose(asked, choices, actor(caller))
            items = []
            for choice, became in made:
                if isinstance(became, Account):
                    await service.restart(became)
                account_id = became.id if isinstance(became, Account) else None
                error = "" if isinstance(became, Account) else str(became)
                items.append(ConnectedView(external_id=choice.external_id, account_id=account_id, error=error))
            return answer(ConnectedList(items=items))

        return await io.once(request, caller, key, make)

    return router


def _is_in_browser(request: Request, public_url: str) -> bool:
    """Whether a page of the origin to which the platform sends people back asks: then its browser keeps a cookie.

    Browsers say so themselves, and let no page say it in their place (Fetch Metadata).
    """
    is_here = not public_url or urlsplit(public_url).netloc == request.url.netloc
    return is_here and request.headers.get("Sec-Fetch-Site") == "same-origin"


def _person(caller: Caller) -> str:
    return f"{caller.kind}/{caller.subject}"
