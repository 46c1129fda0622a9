"""The routes of replies by the calendar."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.idempotency import IdempotencyKey, answer
from chorally_core.api.paging import Cursor, Limit, Page
from chorally_core.api.responses import problems, with_etag
from chorally_core.api.rule import Reader, RuleService, Writer, merged, storable
from chorally_core.api.rule_views import ReplyAdd, ReplyChange, ReplyView
from chorally_core.events.ids import derived
from chorally_core.ports.calendars import Calendars
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.services.rule import commands
from chorally_core.services.rule.model import Reply

_SAYS = ("name", "condition", "calendar_id", "language", "texts", "enabled")


def replies_router(parts: RuleService) -> APIRouter:
    """Return the routes of replies."""
    router = APIRouter(prefix="/replies", tags=["replies"], responses=problems(401, 403, 429))

    @router.get("", summary="List replies", responses=problems(400))
    async def list_replies(caller: Reader, limit: Limit = 50, cursor: Cursor = None) -> Page[ReplyView]:
        """Return the tenant's replies; of two that fit alike, the earlier one is given."""
        listed = await parts.listed(caller.tenant)
        found, following = await parts.page(Reply, listed.replies, limit, cursor)
        return Page[ReplyView](items=[ReplyView.of(each) for each in found], next=following)

    @router.get("/{reply_id}", summary="Show a reply", responses={200: with_etag("The reply."), **problems(404)})
    async def show_reply(reply_id: str, caller: Reader, response: Response) -> ReplyView:
        """Return one reply."""
        reply = await parts.own(Reply, "reply", reply_id, caller)
        response.headers["ETag"] = etag(reply.number)
        return ReplyView.of(reply)

    @router.post(
        "",
        status_code=201,
        summary="Add a reply",
        response_model=ReplyView,
        responses={201: with_etag("The reply."), **problems(409, 422)},
    )
    async def add_reply(body: ReplyAdd, request: Request, caller: Writer, key: IdempotencyKey = None) -> Response:
        """Add a reply; it is given to messages that are received from now on."""

        async def make(name: str) -> Response:
            reply = _reply(body, name, 1, caller, parts.now())
            by = parts.by(caller, derived("calendar-reply-added", name))

            def decide(found: Found) -> Change:
                listed = found.get(Calendars, caller.tenant)
                if listed is not None and any(each.id == name for each in listed.replies):
                    return NOTHING
                return commands.put_reply(found, reply, by)

            await parts.actions.act([commands.key(caller.tenant)], decide)
            made = await parts.own(Reply, "reply", name, caller)
            headers = {"ETag": etag(made.number), "Location": f"/rule/v1/replies/{name}"}
            return answer(ReplyView.of(made), 201, headers)

        return await parts.once(request, caller, key, make)

    @router.patch(
        "/{reply_id}",
        summary="Change, enable or disable a reply",
        responses={200: with_etag("The reply as it is now."), **problems(404, 409, 412, 422)},
    )
    async def change_reply(
        reply_id: str, body: ReplyChange, caller: Writer, response: Response, if_match: IfMatch = None
    ) -> ReplyView:
        """Change what is named; it holds for messages that are received from now on."""
        known = await parts.own(Reply, "reply", reply_id, caller)
        check_match(if_match, known.number)
        wanted = merged(ReplyAdd, {name: getattr(known, name) for name in _SAYS}, body)
        reply = _reply(wanted, reply_id, known.number + 1, caller, parts.now(), known)
        if any(getattr(reply, name) != getattr(known, name) for name in _SAYS):
            by, before = parts.by(caller), known
            await parts.actions.act(
                [commands.key(caller.tenant)], lambda found: commands.put_reply(found, reply, by, before)
            )
            known = reply
        response.headers["ETag"] = etag(known.number)
        return ReplyView.of(known)

    @router.delete("/{reply_id}", status_code=204, summary="Remove a reply", responses=problems(404, 409, 412))
    async def remove_reply(reply_id: str, caller: Writer, if_match: IfMatch = None) -> None:
        """Remove a reply; what was answered by it stays."""
        known = await parts.own(Reply, "reply", reply_id, caller)
        at, by = parts.now(), parts.by(caller)

        def decide(found: Found) -> Change:
            listed = found.get(Calendars, caller.tenant)
            for each in listed.replies if listed is not None else ():
                if each.id == reply_id:
                    check_match(if_match, each.number)
            return commands.remove_reply(found, known, by, at)

        await parts.actions.act([commands.key(caller.tenant)], decide)

    return router


def _reply(body: ReplyAdd, name: str, number: int, caller: Caller, at: datetime, known: Reply | None = None) -> Reply:
    says: dict[str, Any] = {each: getattr(body, each) for each in _SAYS}
    storable(says["name"], says["texts"])
    return Reply(
        id="",
        tenant=caller.tenant,
        reply_id=name,
        number=number,
        created_at=known.created_at if known is not None else at,
        created_by=known.created_by if known is not None else caller.subject,
        changed_at=at,
        changed_by=caller.subject,
        **{**says, "language": body.language or next(iter(body.texts))},
    )
