"""Lists: made, started, paused, resumed, cancelled, and how far they have come."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Request, Response

from chorally_core.api.actor import actor
from chorally_core.api.auth import allowed
from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.idempotency import IdempotencyKey, answer
from chorally_core.api.outbound_conversations import check_said, used
from chorally_core.api.outbound_parts import Outbound, invalid, not_reached
from chorally_core.api.outbound_views import Counts, MailingAdd, MailingStart, MailingView
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems, with_etag
from chorally_core.ports.documents import Condition, Documents, Key, Query
from chorally_core.ports.going_out import Wanted
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.ports.permissions import Permission
from chorally_core.ports.reaching import NotReached
from chorally_core.services.io.templates import TemplateList
from chorally_core.services.outbound import mailings
from chorally_core.services.outbound.model import Mailing, Opening

Reader = Annotated[Caller, allowed(Permission.CONVERSATIONS_READ)]
Sender = Annotated[Caller, allowed(Permission.MAILINGS_WRITE)]

_COUNTED: dict[str, tuple[str, ...]] = {
    "waiting": ("waiting",), "on_the_way": ("asked", "queued", "sending"), "sent": ("sent", "delivered", "read"),
    "failed": ("failed",), "unconfirmed": ("unconfirmed",), "skipped": ("skipped",), "cancelled": ("cancelled",),
}  # fmt: skip


async def own(documents: Documents, mailing_id: str, caller: Caller) -> Mailing:
    """Return a list of the caller's tenant.

    Raises:
        Problem: 404, there is none.
    """
    found = await documents.get(Mailing, mailing_id)
    if found is None or found.tenant != caller.tenant:
        raise Problem(404, "there is no such list")
    return found


def mailings_router(parts: Outbound) -> APIRouter:
    """Return the routes of lists."""
    router = APIRouter(prefix="/mailings", tags=["mailings"], responses=problems(401, 403, 429))

    @router.get("", summary="List lists", responses=problems(400))
    async def list_mailings(caller: Reader, limit: Limit = 50, cursor: Cursor = None) -> Page[MailingView]:
        """Return the tenant's lists, the newest first."""
        place = decode_cursor(cursor, None, str) if cursor else None
        after = (place[0], place[1]) if place else None
        found: list[Mailing] = await parts.documents.find(
            Query(Mailing, caller.tenant, (), "created_at", True, limit + 1, after)
        )
        items, following = paged(found, limit, lambda m: (m.created_at, m.id))
        return Page[MailingView](items=[MailingView.of(mailing) for mailing in items], next=following)

    @router.get("/{mailing_id}", summary="Show a list", responses={200: with_etag("The list."), **problems(404)})
    async def show_mailing(mailing_id: str, caller: Reader, response: Response) -> MailingView:
        """Return a list, and how many of its messages are where."""
        mailing = await own(parts.documents, mailing_id, caller)
        response.headers["ETag"] = etag(mailing.version)
        counts = {}
        for name, states in _COUNTED.items():
            where = (Condition("mailing_id", "is", mailing_id), Condition("state", "in", states))
            counts[name] = await parts.documents.count(Query(Opening, caller.tenant, where))
        return MailingView.of(mailing, Counts(**counts))

    @router.post(
        "", status_code=201, summary="Make a list", response_model=MailingView,
        responses={201: with_etag("The list, still without recipients."), **problems(409)},
    )  # fmt: skip
    async def add_mailing(body: MailingAdd, request: Request, caller: Sender, key: IdempotencyKey = None) -> Response:
        """Say what everybody on it is sent; variables such as `{{name|there}}` are filled for each."""

        async def make(name: str) -> Response:
            await _add(parts, body, caller, name)
            made = await own(parts.documents, name, caller)
            headers = {"ETag": etag(made.version), "Location": f"/outbound/v1/mailings/{name}"}
            return answer(MailingView.of(made), 201, headers)

        return await parts.once(request, caller, key, make)

    async def change(
        mailing_id: str, caller: Caller, if_match: str | None, decide: Callable[[Mailing], Change]
    ) -> Response:
        def checked(found: Found) -> Change:
            mailing = found.get(Mailing, mailing_id)
            if mailing is None or mailing.tenant != caller.tenant:
                raise Problem(404, "there is no such list")
            check_match(if_match, mailing.version)
            try:
                return decide(mailing)
            except mailings.NotPossible as error:
                raise Problem(409, str(error), code="not-possible") from None

        await parts.actions.act([Key.by_id(Mailing, mailing_id)], checked)
        changed = await own(parts.documents, mailing_id, caller)
        return answer(MailingView.of(changed), 200, {"ETag": etag(changed.version)})

    changed = {200: with_etag("The list as it is now."), **problems(404, 409, 412)}

    @router.post("/{mailing_id}/start", summary="Start a list", response_model=MailingView, responses=changed)
    async def start_mailing(mailing_id: str, body: MailingStart, caller: Sender, if_match: IfMatch = None) -> Response:
        """Have its messages go out, now or from a time, as fast as the limit allows."""
        who, at = actor(caller), parts.now()
        return await change(
            mailing_id, caller, if_match, lambda m: mailings.start(m, actor=who, at=at, starts_at=body.at)
        )

    @router.post("/{mailing_id}/pause", summary="Pause a list", response_model=MailingView, responses=changed)
    async def pause_mailing(mailing_id: str, caller: Sender, if_match: IfMatch = None) -> Response:
        """Let nothing more go out until it is resumed."""
        who, at = actor(caller), parts.now()
        return await change(mailing_id, caller, if_match, lambda m: mailings.pause(m, actor=who, at=at))

    @router.post("/{mailing_id}/resume", summary="Resume a list", response_model=MailingView, responses=changed)
    async def resume_mailing(mailing_id: str, caller: Sender, if_match: IfMatch = None) -> Response:
        """Have a paused list go on."""
        who, at = actor(caller), parts.now()
        return await change(mailing_id, caller, if_match, lambda m: mailings.resume(m, actor=who, at=at))

    @router.post("/{mailing_id}/cancel", summary="Cancel a list", response_model=MailingView, responses=changed)
    async def cancel_mailing(mailing_id: str, caller: Sender, if_match: IfMatch = None) -> Response:
        """Let nothing more go out, for good; what went out stays."""
        who, at = actor(caller), parts.now()
        return await change(mailing_id, caller, if_match, lambda m: mailings.cancel(m, actor=who, at=at))

    return router


async def _add(parts: Outbound, body: MailingAdd, caller: Caller, name: str) -> None:
    at = parts.now()
    check_said(body.body, bool(body.files), body.template, body.options)
    way = await parts.reaching.way(caller.tenant, body.account_id, body.channel)
    if isinstance(way, NotReached):
        raise not_reached(way)

    def decide(found: Found) -> Change:
        known = found.get(Mailing, name)
        if known is not None:
            return NOTHING
        template = used(body.template, found.get(TemplateList, body.account_id))
        named = parts.files.named(found, body.files, tenant=caller.tenant, at=at, person=None)
        no = parts.judge(Wanted(way.name, "send", body.body, named.attachments, template is not None, body.options))
        if no is not None:
            raise invalid(no.field, no.why)
        mailing = Mailing(
            id=name, tenant=caller.tenant, name=body.name, account_id=body.account_id, platform=way.platform,
            channel=way.name, body=body.body, attachments=named.attachments, template=template, options=body.options,
            per_minute=body.per_minute, created_by=caller.subject, created_at=at,
        )  # fmt: skip
        made = mailings.add(mailing, known, actor(caller), at)
        return Change(made.writes, made.events, mended=named.used)

    keys = [Key.by_id(Mailing, name), Key.by_id(TemplateList, body.account_id), *parts.files.keys(body.files)]
    await parts.actions.act(keys, decide)
