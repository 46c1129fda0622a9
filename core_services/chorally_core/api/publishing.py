"""The publishing API, at ``/publishing/v1``: posts of our own, now or at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Annotated

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi import Query as Parameter

from chorally_core.api import problem
from chorally_core.api.actor import actor
from chorally_core.api.auth import allowed
from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.files_named import Files
from chorally_core.api.idempotency import IdempotencyKey, Once, answer
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.publishing_views import PublicationAdd, PublicationView
from chorally_core.api.responses import describe, problems, with_etag
from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Condition, Documents, Key, Query
from chorally_core.ports.going_out import Judge, Wanted
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.identity import Caller, Identity
from chorally_core.ports.permissions import Permission
from chorally_core.ports.storable import mistake_in
from chorally_core.services.io.model import Account
from chorally_core.services.publishing import commands
from chorally_core.services.publishing.model import Publication, PublicationState

_FURTHEST = timedelta(days=3660)
"""How far ahead a post may be planned: within it every time can be reckoned with."""

Reader = Annotated[Caller, allowed(Permission.PUBLICATIONS_READ)]
Writer = Annotated[Caller, allowed(Permission.PUBLICATIONS_WRITE)]


@dataclass(kw_only=True)
class Publishing:
    """What the API needs."""

    documents: Documents
    actions: Actions
    judge: Judge
    files: Files
    platform_of: Callable[[str], str | None]
    """Says which platform a channel is of."""
    now: Callable[[], datetime]
    new_id: Callable[[], str]

    @cached_property
    def once(self) -> Once:
        """Carries out writes under an ``Idempotency-Key``."""
        return Once(self.documents, now=self.now, new_id=self.new_id)


def create_app(identity: Identity, parts: Publishing) -> FastAPI:
    """Return the application to mount at ``/publishing/v1``."""
    app = FastAPI(
        title="Chorally publishing",
        version="1",
        description="Posts of our own: at once, or at a time.",
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.identity = identity
    problem.install(app)
    describe(app)
    app.include_router(publications_router(parts))
    return app


def publications_router(parts: Publishing) -> APIRouter:
    """Return the routes of posts."""
    router = APIRouter(prefix="/publications", tags=["publications"], responses=problems(401, 403, 429))

    async def own(publication_id: str, caller: Caller) -> Publication:
        found = await parts.documents.get(Publication, publication_id)
        if found is None or found.tenant != caller.tenant:
            raise Problem(404, "there is no such publication")
        return found

    @router.get("", summary="List posts", responses=problems(400))
    async def list_publications(
        caller: Reader,
        state: Annotated[PublicationState | None, Parameter(title="State", description="Only in this state.")] = None,
        account_id: Annotated[str | None, Parameter(title="Account", description="Only of this account.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[PublicationView]:
        """Return the tenant's posts, the newest first."""
        where = [] if state is None else [Condition("state", "is", state)]
        if account_id is not None:
            where.append(Condition("account_id", "is", account_id))
        place = decode_cursor(cursor, datetime, str) if cursor else None
        after = (place[0], place[1]) if place else None
        query = Query(Publication, caller.tenant, tuple(where), "created_at", True, limit + 1, after)
        found: list[Publication] = await parts.documents.find(query)
        items, following = paged(found, limit, lambda p: (p.created_at, p.id))
        return Page[PublicationView](items=[PublicationView.of(p) for p in items], next=following)

    @router.get("/{publication_id}", summary="Show a post", responses={200: with_etag("The post."), **problems(404)})
    async def show_publication(publication_id: str, caller: Reader, response: Response) -> PublicationView:
        """Return one post, and how far it got."""
        found = await own(publication_id, caller)
        response.headers["ETag"] = etag(found.version)
        return PublicationView.of(found)

    @router.post(
        "",
        status_code=201,
        summary="Publish a post, now or at a time",
        response_model=PublicationView,
        responses={201: with_etag("The post, on its way or waiting for its time."), **problems(409)},
    )
    async def add_publication(
        body: PublicationAdd, request: Request, caller: Writer, key: IdempotencyKey = None
    ) -> Response:
        """Publish in an account's name; what became of it is seen in `state`."""

        async def make(name: str) -> Response:
            await _publish(parts, body, caller, name)
            made = await own(name, caller)
            headers = {"ETag": etag(made.version), "Location": f"/publishing/v1/publications/{name}"}
            return answer(PublicationView.of(made), 201, headers)

        return await parts.once(request, caller, key, make)

    @router.post(
        "/{publication_id}/cancel",
        summary="Cancel a scheduled post",
        response_model=PublicationView,
        responses={200: with_etag("The post, cancelled."), **problems(404, 409, 412)},
    )
    async def cancel_publication(
        publication_id: str,
        request: Request,
        caller: Writer,
        key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response:
        """Keep a post that waits for its time from being published; one that is on its way is refused with 409."""

        async def make(_: str) -> Response:
            await own(publication_id, caller)

            def decide(found: Found) -> Change:
                known = found.get(Publication, publication_id)
                if known is None:
                    raise Problem(404, "there is no such publication")
                check_match(if_match, known.version)
                try:
                    return commands.cancel(known, actor=actor(caller), at=parts.now())
                except commands.NotPossible as error:
                    raise Problem(409, str(error), code="not-possible") from None

            await parts.actions.act([Key.by_id(Publication, publication_id)], decide)
            cancelled = await own(publication_id, caller)
            return answer(PublicationView.of(cancelled), 200, {"ETag": etag(cancelled.version)})

        return await parts.once(request, caller, key, make)

    return router


async def _publish(parts: Publishing, body: PublicationAdd, caller: Caller, name: str) -> None:
    at = parts.now()
    if why := mistake_in(body.options):
        raise _invalid("options", why)
    if body.publish_at is not None and body.publish_at > at + _FURTHEST:
        raise _invalid("publish_at", "is more than ten years ahead; name an earlier time")

    def decide(found: Found) -> Change:
        known = found.get(Publication, name)
        if known is not None:
            return NOTHING
        account = found.get(Account, body.account_id)
        if account is None or account.tenant != caller.tenant or account.state == "disconnected":
            raise _invalid("account_id", "there is no such account; name one that is connected")
        if parts.platform_of(body.channel) != account.platform:
            raise _invalid("channel", f"{account.platform} has no channel {body.channel}")
        named = parts.files.named(
            found, body.files, tenant=caller.tenant, at=at, person=None, needed_at=body.publish_at
        )
        if not body.body.strip() and not named.attachments:
            raise _invalid("body", "write a text, or name a file")
        wanted = Wanted(body.channel, "publish", body.body, named.attachments, options=body.options)
        if (no := parts.judge(wanted)) is not None:
            raise _invalid(no.field, no.why)
        change = commands.publish(
            publication_id=name, tenant=caller.tenant, account_id=account.id, platform=account.platform,
            channel=body.channel, body=body.body, attachments=named.attachments, options=body.options,
            publish_at=body.publish_at, actor=actor(caller), at=at, known=known,
        )  # fmt: skip
        return Change(change.writes, change.events, mended=named.used)

    keys = [Key.by_id(Publication, name), Key.by_id(Account, body.account_id), *parts.files.keys(body.files)]
    await parts.actions.act(keys, decide)


def _invalid(field: str, why: str) -> Problem:
    return Problem(422, why, code="invalid", errors=[{"field": f"/body/{field}", "message": why}])
