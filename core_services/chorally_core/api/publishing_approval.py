"""The routes of approval: hand in, decide, withdraw, publish what is approved."""

from fastapi import APIRouter, Request, Response

from chorally_core.api.etag import IfMatch
from chorally_core.api.idempotency import IdempotencyKey
from chorally_core.api.publishing_parts import Approver, Drafter, Publishing, Writer, by, shown
from chorally_core.api.publishing_views import DecisionAdd, PublicationView, Remark
from chorally_core.api.responses import problems, with_etag
from chorally_core.ports.handlers import Change, Found
from chorally_core.services.publishing import commands
from chorally_core.services.publishing.model import Publication

_ANSWERS = {200: with_etag("The post as it is now."), **problems(404, 409, 412)}


def approval_router(parts: Publishing) -> APIRouter:
    """Return the routes of approval."""
    router = APIRouter(prefix="/publications/{publication_id}", tags=["approval"], responses=problems(401, 403, 429))

    @router.post("/submit", summary="Hand a draft in", response_model=PublicationView, responses=_ANSWERS)
    async def submit_publication(
        publication_id: str, request: Request, caller: Drafter, key: IdempotencyKey = None, if_match: IfMatch = None
    ) -> Response:
        """Ask the approvers that the workflows name; where there are none, the post goes out, or waits for its time.

        Everything that speaks against it is told at once, target by target. One that is asked for already asks anew,
        by the workflows as they are now.
        """

        async def make(_: str) -> Response:
            def decide(known: Publication, found: Found) -> Change:
                steps = parts.steps(found, known.account_ids, known.labels, caller)
                change = commands.submit(known, steps=steps, actor=by(caller), at=parts.now())
                parts.check(known, lambda number: f"targets/{number}/")
                return change

            return shown(await parts.change(publication_id, caller, decide, if_match=if_match))

        return await parts.once(request, caller, key, make)

    @router.post("/decisions", summary="Approve or reject a post", response_model=PublicationView, responses=_ANSWERS)
    async def add_decision(
        publication_id: str,
        body: DecisionAdd,
        request: Request,
        caller: Approver,
        key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response:
        """Decide about the content with this hash. Nobody who wrote any of it can, and each person counts in one step.

        The last approval that it needs lets it go on. What is approved after its time waits until somebody publishes
        it.
        """

        async def make(_: str) -> Response:
            person = await parts.person(caller)
            before = await parts.own(publication_id, caller)
            colleagues = await parts.who_decided(before)

            def decide(known: Publication, _: Found) -> Change:
                return commands.decide(
                    known, person, body.verdict, content_hash=body.content_hash, comment=body.comment,
                    colleagues=colleagues, at=parts.now(),
                )  # fmt: skip

            return shown(await parts.change(publication_id, caller, decide, if_match=if_match))

        return await parts.once(request, caller, key, make)

    @router.post("/withdraw", summary="Withdraw a post", response_model=PublicationView, responses=_ANSWERS)
    async def withdraw_publication(
        publication_id: str,
        body: Remark,
        request: Request,
        caller: Drafter,
        key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response:
        """Make a draft of what was handed in, approved or planned; what was approved of it counts no more."""

        async def make(_: str) -> Response:
            return shown(
                await parts.change(
                    publication_id,
                    caller,
                    lambda known, _: commands.withdraw(known, comment=body.comment, actor=by(caller), at=parts.now()),
                    if_match=if_match,
                )
            )

        return await parts.once(request, caller, key, make)

    @router.post("/publish", summary="Publish an approved post", response_model=PublicationView, responses=_ANSWERS)
    async def publish_publication(
        publication_id: str, request: Request, caller: Writer, key: IdempotencyKey = None, if_match: IfMatch = None
    ) -> Response:
        """Publish what is approved and waits for somebody to say so."""

        async def make(_: str) -> Response:
            return shown(
                await parts.change(
                    publication_id,
                    caller,
                    lambda known, _: commands.publish(known, actor=by(caller), at=parts.now()),
                    if_match=if_match,
                )
            )

        return await parts.once(request, caller, key, make)

    return router
