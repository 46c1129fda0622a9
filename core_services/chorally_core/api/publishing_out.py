"""The routes of posts that are out: try again, revise, delete."""

from fastapi import APIRouter, Request, Response

from chorally_core.api.etag import IfMatch
from chorally_core.api.idempotency import IdempotencyKey
from chorally_core.api.problem import Problem
from chorally_core.api.publishing_parts import Approver, Drafter, Publishing, Writer, by, invalid, refuse, shown
from chorally_core.api.publishing_views import DecisionAdd, PublicationView, Remark, RevisionAdd
from chorally_core.api.responses import problems, with_etag
from chorally_core.ports.going_out import Wanted
from chorally_core.ports.handlers import Change, Found
from chorally_core.services.publishing import published
from chorally_core.services.publishing.model import Publication, Target

_ANSWERS = {200: with_etag("The post as it is now."), **problems(404, 409, 412)}


def out_router(parts: Publishing) -> APIRouter:
    """Return the routes of posts that are out."""
    router = APIRouter(
        prefix="/publications/{publication_id}", tags=["publications"], responses=problems(401, 403, 429)
    )

    @router.post(
        "/targets/{target_id}/retry", summary="Try a failed target again", response_model=PublicationView,
        responses=_ANSWERS,
    )  # fmt: skip
    async def retry_target(
        publication_id: str,
        target_id: str,
        request: Request,
        caller: Writer,
        key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response:
        """Publish again where it failed, with the content that was approved, under the same id."""

        async def make(_: str) -> Response:
            def decide(known: Publication, _: Found) -> Change:
                _target(known, target_id)
                return published.retry(known, target_id, actor=by(caller), at=parts.now())

            return shown(await parts.change(publication_id, caller, decide, if_match=if_match))

        return await parts.once(request, caller, key, make)

    @router.delete(
        "/targets/{target_id}", status_code=202, summary="Delete a post where people see it",
        response_model=PublicationView,
        responses={202: with_etag("The post, while it is deleted there."), **problems(404, 409, 412)},
    )  # fmt: skip
    async def delete_target(
        publication_id: str,
        target_id: str,
        request: Request,
        caller: Writer,
        key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response:
        """Ask the platform to delete it; the target is `deleted` once that is done. Not every platform can."""

        async def make(name: str) -> Response:
            def decide(known: Publication, _: Found) -> Change:
                target = _target(known, target_id)
                _offers(parts, target, "delete")
                return published.delete(known, target_id, asked=name, actor=by(caller), at=parts.now())

            return shown(await parts.change(publication_id, caller, decide, if_match=if_match), 202)

        return await parts.once(request, caller, key, make)

    @router.put("/revision", summary="Change what people see", response_model=PublicationView, responses=_ANSWERS)
    async def revise_publication(
        publication_id: str, body: RevisionAdd, request: Request, caller: Drafter, key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response:  # fmt: skip
        """Hand new texts in for a post that is out; they ask the same people, and reach the platforms once approved."""

        async def make(_: str) -> Response:
            def decide(known: Publication, found: Found) -> Change:
                bodies = _bodies(parts, known, body)
                accounts = [target.account_id for target in known.targets if target.id in bodies]
                steps = parts.steps(found, accounts, known.labels, caller)
                return published.revise(known, bodies, steps=steps, actor=by(caller), at=parts.now())

            return shown(await parts.change(publication_id, caller, decide, if_match=if_match))

        return await parts.once(request, caller, key, make)

    @router.post(
        "/revision/decisions", summary="Approve or reject new texts", response_model=PublicationView,
        responses=_ANSWERS,
    )  # fmt: skip
    async def decide_revision(
        publication_id: str, body: DecisionAdd, request: Request, caller: Approver, key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response:  # fmt: skip
        """Decide about the new texts with this hash, as for a post; the last approval sends them to the platforms."""

        async def make(_: str) -> Response:
            person = await parts.person(caller)
            colleagues = await parts.who_decided(await parts.own(publication_id, caller))

            def decide(known: Publication, _: Found) -> Change:
                return published.decide(
                    known, person, body.verdict, content_hash=body.content_hash, comment=body.comment,
                    colleagues=colleagues, at=parts.now(),
                )  # fmt: skip

            return shown(await parts.change(publication_id, caller, decide, if_match=if_match))

        return await parts.once(request, caller, key, make)

    @router.post("/revision/withdraw", summary="Withdraw new texts", response_model=PublicationView, responses=_ANSWERS)
    async def withdraw_revision(
        publication_id: str, body: Remark, request: Request, caller: Drafter, key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response:  # fmt: skip
        """Leave what people see as it is."""

        async def make(_: str) -> Response:
            return shown(
                await parts.change(
                    publication_id,
                    caller,
                    lambda known, _: published.withdraw(known, comment=body.comment, actor=by(caller), at=parts.now()),
                    if_match=if_match,
                )
            )

        return await parts.once(request, caller, key, make)

    return router


def _target(known: Publication, target_id: str) -> Target:
    target = known.target(target_id)
    if target is None:
        raise Problem(404, "the post has no such target")
    return target


def _offers(parts: Publishing, target: Target, verb: str) -> None:
    if verb not in (offered := parts.verbs_of(target.channel)):
        why = f"{target.channel} cannot {verb} posts; it offers {', '.join(offered) or 'nothing of the kind'}"
        raise Problem(409, why, code="not-offered")


def _bodies(parts: Publishing, known: Publication, body: RevisionAdd) -> dict[str, str]:
    """The new texts by target, each of which its platform would take."""
    for name in body.targets:
        _target(known, name)
    bodies = dict(body.targets)
    if body.body is not None:
        seen = (t for t in known.targets if t.is_seen and t.id not in bodies)
        bodies |= {target.id: body.body for target in seen}
    if not bodies:
        raise invalid("body", "give a new text for a target that is published")
    errors = []
    for name, text in bodies.items():
        target = _target(known, name)
        _offers(parts, target, "edit")
        field = f"/body/targets/{name}" if name in body.targets else "/body/body"
        if not text.strip():
            errors.append({"field": field, "message": "write a text"})
        problems = parts.preview(Wanted(target.channel, "publish", text, known.files_for(target))).problems
        errors += [{"field": field, "message": no.why} for no in problems if no.field == "body"]
    refuse(errors)
    return bodies
