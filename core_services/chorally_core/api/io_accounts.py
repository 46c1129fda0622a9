"""The routes of accounts: connecting, changing, checking and disconnecting them."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter

from chorally_core.api.actor import actor
from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.idempotency import IdempotencyKey, answer
from chorally_core.api.io_apps import check_connector
from chorally_core.api.io_errors import told
from chorally_core.api.io_parts import AccountReader, AccountWriter, Io, OperationsReader
from chorally_core.api.io_views import AccountAdd, AccountChange, AccountView, UnknownAccount, UnknownAccounts
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems, with_etag
from chorally_core.ports.documents import Condition, Query
from chorally_core.ports.identity import Caller
from chorally_core.ports.permissions import Permission
from chorally_core.services.io.accounts import since_days
from chorally_core.services.io.health import silent
from chorally_core.services.io.hook_urls import webhook_path
from chorally_core.services.io.model import Account, AccountState, StreamState


def accounts_router(io: Io) -> APIRouter:
    """Return the routes of accounts."""
    router = APIRouter(tags=["accounts"])
    service = io.service

    async def views(accounts: Sequence[Account], caller: Caller) -> list[AccountView]:
        where = (Condition("account_id", "in", [account.id for account in accounts]),)
        streams: dict[str, list[StreamState]] = defaultdict(list)
        for state in await io.documents.find(Query(StreamState, caller.tenant, where, limit=10_000)):
            streams[state.account_id].append(state)
        subscriptions = await service.tending.subscribing.of([account.id for account in accounts])
        found = []
        for account in accounts:
            health = await service.health.of(account)
            states = sorted(streams[account.id], key=lambda state: (state.stream, state.lane))
            path = webhook_path(service.directory, account) if caller.may(Permission.ACCOUNTS_WRITE) else None
            is_silent = silent(account, health, io.now())
            found.append(
                AccountView.of(
                    account,
                    health,
                    states,
                    silent=is_silent,
                    webhook_path=path,
                    subscription=subscriptions.get(account.id),
                    token_expires_at=await service.renewal.ends_at(account),
                )
            )
        return found

    async def own(account_id: str, caller: Caller) -> Account:
        account = await io.documents.get(Account, account_id)
        if account is None or account.tenant != caller.tenant:
            raise Problem(404, "there is no such account", code="unknown-account")
        return account

    @router.post(
        "/accounts",
        status_code=201,
        response_model=AccountView,
        summary="Connect an account",
        responses={201: with_etag("The account is connected."), **problems(401, 403, 409, 503)},
    )
    async def connect_account(
        body: AccountAdd, request: Request, caller: AccountWriter, key: IdempotencyKey = None
    ) -> Response:
        """Check an account against its platform and connect it; it is pulled at once.

        `backfill_days` says how much history is imported. History is shown and counted, and triggers no rule.
        """

        async def make(account_id: str) -> Response:
            account = await io.documents.get(Account, account_id)
            if account is None:
                check_connector(io, body.connector)
                _check_app(io, body, caller)
                with told():
                    account = await service.accounts.connect(
                        account_id=account_id,
                        tenant=caller.tenant,
                        platform=body.connector,
                        name=body.name,
                        settings=body.settings,
                        credentials=body.credentials,
                        since=since_days(body.backfill_days, io.now()),
                        app_id=body.app_id,
                        ticket_per=body.ticket_per,
                        silence_s=_seconds(body.silence_hours) or None,
                        actor=actor(caller),
                    )
            service.begin(account)
            place = request.url_for("show_account", account_id=account.id).path
            [shown] = await views([account], caller)
            return answer(shown, 201, {"ETag": etag(account.version), "Location": place})

        return await io.once(request, caller, key, make)

    @router.get("/accounts", summary="List accounts", responses=problems(400, 401, 403))
    async def list_accounts(
        caller: AccountReader,
        connector: Annotated[str | None, Parameter(title="Connector", description="Only of this platform.")] = None,
        state: Annotated[AccountState | None, Parameter(title="State", description="Only in this state.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[AccountView]:
        """Return the tenant's accounts, also those that were disconnected, with how they are doing."""
        where = [] if connector is None else [Condition("platform", "is", connector)]
        if state is not None:
            where.append(Condition("state", "is", state))
        after = (None, decode_cursor(cursor, str)[0]) if cursor else None
        found = await io.documents.find(Query(Account, caller.tenant, tuple(where), limit=limit + 1, after=after))
        accounts, following = paged(found, limit, lambda account: (account.id,))
        return Page(items=await views(accounts, caller), next=following)

    @router.get(
        "/accounts/{account_id}",
        summary="Show an account",
        responses={200: with_etag("The account."), **problems(401, 403, 404)},
    )
    async def show_account(account_id: str, caller: AccountReader, response: Response) -> AccountView:
        """Return one account: its state, its health, and how far its pulls and imports have come."""
        account = await own(account_id, caller)
        response.headers["ETag"] = etag(account.version)
        return (await views([account], caller))[0]

    @router.patch(
        "/accounts/{account_id}",
        summary="Change an account",
        responses={200: with_etag("The account as it is now."), **problems(401, 403, 404, 409, 412, 503)},
    )
    async def change_account(
        account_id: str, body: AccountChange, caller: AccountWriter, response: Response, if_match: IfMatch = None
    ) -> AccountView:
        """Change what is given of an account; settings are merged, new credentials connect it again."""
        account = await own(account_id, caller)
        check_match(if_match, account.version)
        if account.state == "disconnected" and body.settings is not None and body.credentials is None:
            raise _disconnected()
        check_connector(io, account.platform)
        with told():
            account = await service.accounts.change(
                account,
                name=body.name,
                settings=body.settings,
                credentials=body.credentials,
                silence_s=None if body.silence_hours is None else _seconds(body.silence_hours),
                actor=actor(caller),
            )
        await service.restart(account)
        response.headers["ETag"] = etag(account.version)
        return (await views([account], caller))[0]

    @router.delete(
        "/accounts/{account_id}",
        status_code=204,
        summary="Disconnect an account",
        responses=problems(401, 403, 404, 409, 412),
    )
    async def disconnect_account(account_id: str, caller: AccountWriter, if_match: IfMatch = None) -> None:
        """Stop pulling an account and forget its credentials; its tickets and messages stay.

        One that is disconnected already stays so.
        """
        account = await own(account_id, caller)
        check_match(if_match, account.version)
        if account.state != "disconnected":
            account = await service.accounts.disconnect(account, actor(caller))
        await service.restart(account)

    @router.post(
        "/accounts/{account_id}/check",
        response_model=AccountView,
        summary="Check an account",
        responses={200: with_etag("The account after the check."), **problems(401, 403, 404, 409, 503)},
    )
    async def check_account(
        account_id: str, request: Request, caller: AccountWriter, key: IdempotencyKey = None
    ) -> Response:
        """Ask the platform whether the account still works, and store what follows.

        Where webhooks could not be subscribed, that is tried again at once.
        """

        async def make(_: str) -> Response:
            account = await own(account_id, caller)
            if account.state == "disconnected":
                raise _disconnected()
            check_connector(io, account.platform)
            try:
                with told():
                    checked, _info = await service.accounts.check(account)
            except Problem:
                stored = await own(account_id, caller)
                if stored.state != account.state:
                    await service.restart(stored)
                raise
            if checked.state != account.state:
                await service.restart(checked)
            await service.tending.subscribing.again(checked)
            [shown] = await views([checked], caller)
            return answer(shown, 200, {"ETag": etag(checked.version)})

        return await io.once(request, caller, key, make)

    @router.get("/unknown-accounts", summary="List unknown accounts", responses=problems(401, 403))
    async def list_unknown_accounts(caller: OperationsReader) -> UnknownAccounts:
        """Return the accounts that webhooks of the tenant's own apps are about and that nobody has connected.

        What comes through an app of the whole installation is no tenant's to see.
        """
        items = [
            UnknownAccount(connector=unknown.platform, external_id=unknown.external_id, events=unknown.events)
            for unknown in await service.intake.unknown.of(caller.tenant)
        ]
        return UnknownAccounts(items=items)

    return router


def _check_app(io: Io, body: AccountAdd, caller: Caller) -> None:
    if body.app_id is None:
        return
    app = io.service.directory.apps.get(body.app_id)
    if app is None or app.platform != body.connector or app.tenant not in ("", caller.tenant):
        errors = [{"field": "/body/app_id", "message": "is not an app of this connector"}]
        raise Problem(422, "there is no such app", code="unknown-app", errors=errors)


def _disconnected() -> Problem:
    why = "the account is disconnected and its credentials are forgotten; give new ones with PATCH"
    return Problem(409, why, code="account-disconnected")


def _seconds(hours: float) -> int:
    return int(hours * 3600)
