"""What people wish, and how a tenant begins conversations."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter

from chorally_core.api.actor import actor
from chorally_core.api.auth import allowed
from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.idempotency import IdempotencyKey, answer
from chorally_core.api.outbound_conversations import address_of
from chorally_core.api.outbound_parts import Outbound, not_reached
from chorally_core.api.outbound_views import ConsentSet, ConsentView, OutboundSettingsSet, OutboundSettingsView
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems, with_etag
from chorally_core.events.ids import derived
from chorally_core.ports.documents import Condition, Key, Query
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.ports.permissions import Permission
from chorally_core.ports.reaching import NotReached
from chorally_core.services.outbound import consents
from chorally_core.services.outbound.facts import about_settings
from chorally_core.services.outbound.model import EVERYWHERE, Consent, OutboundSettings

Reader = Annotated[Caller, allowed(Permission.CONVERSATIONS_READ)]
Writer = Annotated[Caller, allowed(Permission.CONVERSATIONS_WRITE)]
Decider = Annotated[Caller, allowed(Permission.MAILINGS_WRITE)]


def consents_router(parts: Outbound) -> APIRouter:
    """Return the routes of wishes and settings."""
    router = APIRouter(responses=problems(401, 403, 429))

    @router.get("/consents", tags=["consents"], summary="List what people wish", responses=problems(400))
    async def list_consents(
        caller: Reader,
        author: Annotated[str | None, Parameter(title="Author", description="Only of this person.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[ConsentView]:
        """Return what people said of our writing to them, what was written down last first."""
        where = (Condition("author_id", "is", author),) if author is not None else ()
        place = decode_cursor(cursor, None, str) if cursor else None
        after = (place[0], place[1]) if place else None
        query = Query(Consent, caller.tenant, where, "changed_at", True, limit + 1, after)
        found: list[Consent] = await parts.documents.find(query)
        items, following = paged(found, limit, lambda c: (c.changed_at, c.id))
        return Page[ConsentView](items=[ConsentView.of(consent) for consent in items], next=following)

    @router.post(
        "/consents", tags=["consents"], summary="Write down what somebody wishes", response_model=ConsentView,
        responses=problems(409),
    )  # fmt: skip
    async def set_consent(body: ConsentSet, request: Request, caller: Writer, key: IdempotencyKey = None) -> Response:
        """Record that somebody agreed, or declined; what they said last counts."""

        async def make(_: str) -> Response:
            return answer(await _record(parts, body, caller))

        return await parts.once(request, caller, key, make)

    @router.get(
        "/settings", tags=["settings"], summary="Show the settings", responses={200: with_etag("The settings.")}
    )
    async def show_settings(caller: Reader, response: Response) -> OutboundSettingsView:
        """Return how the tenant begins conversations."""
        known = await parts.documents.get(OutboundSettings, caller.tenant)
        response.headers["ETag"] = etag(known.version if known is not None else 0)
        return OutboundSettingsView.of(
            known or OutboundSettings(id=caller.tenant, tenant=caller.tenant, changed_at=parts.now())
        )

    @router.put(
        "/settings", tags=["settings"], summary="Change the settings",
        responses={200: with_etag("The settings as they are now."), **problems(412)},
    )  # fmt: skip
    async def change_settings(
        body: OutboundSettingsSet, caller: Decider, response: Response, if_match: IfMatch = None
    ) -> OutboundSettingsView:
        """Say whether consent is required, and how fast lists are sent."""
        at = parts.now()

        def decide(found: Found) -> Change:
            known = found.get(OutboundSettings, caller.tenant)
            check_match(if_match, known.version if known is not None else 0)
            base = known or OutboundSettings(id=caller.tenant, tenant=caller.tenant, changed_at=at)
            if known is not None and OutboundSettingsView.of(known) == OutboundSettingsView(**body.model_dump()):
                return NOTHING
            changed = msgspec.structs.replace(base, **body.model_dump(), changed_at=at, changed_by=caller.subject)
            cause = derived("outbound settings", caller.tenant, str(base.version))
            return Change((changed,), (about_settings(base, changed, actor(caller), at, cause),))

        await parts.actions.act([Key.by_id(OutboundSettings, caller.tenant)], decide)
        return await show_settings(caller, response)

    return router


async def _record(parts: Outbound, body: ConsentSet, caller: Caller) -> ConsentView:
    now = parts.now()
    channel = "" if body.channel == EVERYWHERE else body.channel
    way = await parts.reaching.way(caller.tenant, body.account_id, channel)
    if isinstance(way, NotReached):
        raise not_reached(way)
    address, _ = await address_of(parts.documents, caller.tenant, body.to, body.author_id)
    reached = way.to(address)
    if isinstance(reached, NotReached):
        raise not_reached(reached)
    at = min(body.at, now) if body.at is not None else now
    place = EVERYWHERE if body.channel == EVERYWHERE else way.name
    name = Consent.id_of(caller.tenant, reached.author_id, place)

    def decide(found: Found) -> Change:
        return consents.recorded(
            found.get(Consent, name), tenant=caller.tenant, author_id=reached.author_id, channel=place,
            state=body.state, source=body.source, at=at, actor=actor(caller), now=now,
        )  # fmt: skip

    await parts.actions.act([Key.by_id(Consent, name)], decide)
    stored = await parts.documents.get(Consent, name)
    if stored is None:
        raise Problem(500, "the wish was stored and cannot be read")
    return ConsentView.of(stored)
