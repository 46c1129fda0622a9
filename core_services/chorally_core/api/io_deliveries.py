"""The routes of deliveries: what is on its way out, and what a person decides about it."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter

from chorally_core.api.actor import actor
from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.idempotency import IdempotencyKey, answer
from chorally_core.api.io_delivery_views import DeliveryView, Outcome
from chorally_core.api.io_parts import DeliveryReader, DeliveryResolver, Io
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems, with_etag
from chorally_core.ports.documents import Condition, Query
from chorally_core.ports.identity import Caller
from chorally_core.services.io.model import Delivery, DeliveryState


def deliveries_router(io: Io) -> APIRouter:
    """Return the routes of deliveries."""
    router = APIRouter(prefix="/deliveries", tags=["deliveries"])
    outbox = io.service.outbox

    async def own(delivery_id: str, caller: Caller) -> Delivery:
        delivery = await io.documents.get(Delivery, delivery_id)
        if delivery is None or delivery.tenant != caller.tenant:
            raise Problem(404, "there is no such delivery", code="unknown-delivery")
        return delivery

    def shown(delivery: Delivery) -> Response:
        return answer(DeliveryView.of(delivery), 200, {"ETag": etag(delivery.version)})

    @router.get("", summary="List deliveries", responses=problems(400, 401, 403))
    async def list_deliveries(
        caller: DeliveryReader,
        state: Annotated[DeliveryState | None, Parameter(title="State", description="Only in this state.")] = None,
        account_id: Annotated[str | None, Parameter(title="Account", description="Only of this account.")] = None,
        needs_person: Annotated[
            bool, Parameter(title="Needs a person", description="Only those that a person must settle.")
        ] = False,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[DeliveryView]:
        """Return what is on its way out and what became of it, the newest first."""
        where = [] if state is None else [Condition("state", "is", state)]
        if account_id is not None:
            where.append(Condition("account_id", "is", account_id))
        if needs_person:
            where.append(Condition("needs_person", "is", True))
        after = decode_cursor(cursor, datetime, str) if cursor else None
        found = await io.documents.find(
            Query(
                Delivery,
                caller.tenant,
                tuple(where),
                order="created_at",
                descending=True,
                limit=limit + 1,
                after=(after[0], after[1]) if after else None,
            )
        )
        deliveries, following = paged(found, limit, lambda delivery: (delivery.created_at, delivery.id))
        return Page(items=[DeliveryView.of(delivery) for delivery in deliveries], next=following)

    @router.get(
        "/{delivery_id}",
        summary="Show a delivery",
        responses={200: with_etag("The delivery."), **problems(401, 403, 404)},
    )
    async def show_delivery(delivery_id: str, caller: DeliveryReader, response: Response) -> DeliveryView:
        """Return one delivery."""
        delivery = await own(delivery_id, caller)
        response.headers["ETag"] = etag(delivery.version)
        return DeliveryView.of(delivery)

    @router.post(
        "/{delivery_id}/resolve",
        response_model=DeliveryView,
        summary="Settle a delivery in doubt",
        responses={200: with_etag("The delivery as it is now."), **problems(401, 403, 404, 409, 412)},
    )
    async def resolve_delivery(
        delivery_id: str,
        body: Outcome,
        request: Request,
        caller: DeliveryResolver,
        key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response:
        """Say what a person found on the platform: that it is there, and under which id, or that it is not.

        One that is not there becomes `failed`, and can be tried again.
        """

        async def make(_: str) -> Response:
            delivery = await own(delivery_id, caller)
            check_match(if_match, delivery.version)
            external_id = body.external_id if body.outcome == "sent" else None
            return shown(await outbox.settle(delivery, external_id=external_id, actor=actor(caller)))

        return await io.once(request, caller, key, make)

    @router.post(
        "/{delivery_id}/retry",
        response_model=DeliveryView,
        summary="Try a failed delivery again",
        responses={200: with_etag("The delivery, queued again."), **problems(401, 403, 404, 409, 412)},
    )
    async def retry_delivery(
        delivery_id: str,
        request: Request,
        caller: DeliveryResolver,
        key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response:
        """Queue a failed delivery again, under the same id; any other state is refused with 409."""

        async def make(_: str) -> Response:
            delivery = await own(delivery_id, caller)
            check_match(if_match, delivery.version)
            return shown(await outbox.retry(delivery, actor=actor(caller)))

        return await io.once(request, caller, key, make)

    return router
