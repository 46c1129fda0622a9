"""What was told to webhooks, and how it is told again, at ``/log/v1/webhooks/{id}``."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter

from chorally_core.api.idempotency import IdempotencyKey, answer
from chorally_core.api.log_webhook_views import ReplayAdd, ReplayView, WebhookDeliveryView
from chorally_core.api.log_webhooks import Reader, Webhooks, Writer
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems
from chorally_core.ports.documents import Condition, Key, Query
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.services.log.webhooks import commands
from chorally_core.services.log.webhooks.model import DeliveryState, WebhookDelivery, WebhookReplay


def webhook_deliveries_router(parts: Webhooks) -> APIRouter:
    """Return the routes of deliveries and replays."""
    router = APIRouter(prefix="/webhooks/{webhook_id}", tags=["webhooks"], responses=problems(401, 403, 404, 429))

    async def own(delivery_id: str, webhook_id: str, caller: Caller) -> WebhookDelivery:
        found = await parts.documents.get(WebhookDelivery, delivery_id)
        if found is None or found.tenant != caller.tenant or found.webhook_id != webhook_id:
            raise Problem(404, "there is no such delivery, or it is kept no more")
        return found

    @router.get("/deliveries", summary="List what a webhook was told", responses=problems(400))
    async def list_deliveries(
        webhook_id: str,
        caller: Reader,
        state: Annotated[DeliveryState | None, Parameter(title="State", description="Only in this state.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[WebhookDeliveryView]:
        """Return deliveries, the one that was queued last first."""
        webhook = await parts.own(webhook_id, caller)
        where = [Condition("webhook_id", "is", webhook.id)]
        if state is not None:
            where.append(Condition("state", "is", state))
        place = decode_cursor(cursor, int, str) if cursor else None
        after = (place[0], place[1]) if place else None
        query = Query(WebhookDelivery, caller.tenant, tuple(where), "place", True, limit + 1, after)
        found: list[WebhookDelivery] = await parts.documents.find(query)
        items, following = paged(found, limit, lambda delivery: (delivery.place, delivery.id))
        return Page[WebhookDeliveryView](items=[WebhookDeliveryView.of(one) for one in items], next=following)

    @router.get("/deliveries/{delivery_id}", summary="Show a delivery")
    async def show_delivery(webhook_id: str, delivery_id: str, caller: Reader) -> WebhookDeliveryView:
        """Return one delivery with its attempts."""
        await parts.own(webhook_id, caller)
        return WebhookDeliveryView.of(await own(delivery_id, webhook_id, caller))

    @router.post("/deliveries/{delivery_id}/replay", status_code=202, summary="Send a delivery again")
    async def replay_delivery(webhook_id: str, delivery_id: str, caller: Writer) -> WebhookDeliveryView:
        """Send it again, under the same `webhook-id`; one that waits is tried at once."""
        await parts.own(webhook_id, caller)
        await own(delivery_id, webhook_id, caller)
        at = parts.now()

        def decide(found: Found) -> Change:
            known = found.get(WebhookDelivery, delivery_id)
            return NOTHING if known is None else Change((commands.again(known, at=at),))

        await parts.actions.act([Key.by_id(WebhookDelivery, delivery_id)], decide)
        return WebhookDeliveryView.of(await own(delivery_id, webhook_id, caller))

    @router.post(
        "/replays",
        status_code=202,
        summary="Tell a part of the history again",
        response_model=ReplayView,
        responses=problems(409),
    )
    async def add_replay(
        webhook_id: str, body: ReplayAdd, request: Request, caller: Writer, key: IdempotencyKey = None
    ) -> Response:
        """Queue what happened in a span and fits the webhook's events, also what was delivered, or never was.

        A delivery keeps its `webhook-id`, so a receiver that remembers these ids leaves out what it has.
        """

        async def make(name: str) -> Response:
            webhook, at = await parts.own(webhook_id, caller), parts.now()
            until = min(body.until or at, at)
            if until <= body.since:
                errors = [{"field": "/body/since", "message": "must be before `until`, and in the past"}]
                raise Problem(422, "the span is empty; see errors", code="invalid", errors=errors)
            wanted = WebhookReplay(
                id=name, tenant=caller.tenant, webhook_id=webhook.id, since=body.since, until=until, created_at=at,
                created_by=caller.subject,
            )  # fmt: skip
            where = (Condition("webhook_id", "is", webhook.id),)
            known: list[WebhookReplay] = await parts.documents.find(Query(WebhookReplay, caller.tenant, where))
            others = sum(one.open is True and one.id != name for one in known)

            def decide(found: Found) -> Change:
                return NOTHING if found.get(WebhookReplay, name) is not None else commands.replay(wanted, others)

            await parts.actions.act([Key.by_id(WebhookReplay, name)], decide)
            headers = {"Location": f"/log/v1/webhooks/{webhook.id}/replays/{name}"}
            return answer(ReplayView.of(wanted), 202, headers)

        return await parts.once(request, caller, key, make)

    @router.get("/replays/{replay_id}", summary="Show a replay")
    async def show_replay(webhook_id: str, replay_id: str, caller: Reader) -> ReplayView:
        """Return how far a replay is."""
        await parts.own(webhook_id, caller)
        found = await parts.documents.get(WebhookReplay, replay_id)
        if found is None or found.tenant != caller.tenant or found.webhook_id != webhook_id:
            raise Problem(404, "there is no such replay, or it is kept no more")
        return ReplayView.of(found)

    return router
