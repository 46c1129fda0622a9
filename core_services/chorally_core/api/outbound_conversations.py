"""Conversations that we begin: the first message, its ticket, and what became of it."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter

from chorally_core.api.actor import actor
from chorally_core.api.auth import allowed
from chorally_core.api.idempotency import IdempotencyKey, answer
from chorally_core.api.message_views import TemplateUse
from chorally_core.api.outbound_parts import Outbound, invalid, not_reached
from chorally_core.api.outbound_views import ConversationAdd, ConversationView
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems
from chorally_core.events.records import Templated
from chorally_core.ports.documents import Condition, Documents, Key, Query
from chorally_core.ports.going_out import Wanted
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.ports.permissions import Permission
from chorally_core.ports.reaching import NotReached
from chorally_core.ports.storable import mistake_in
from chorally_core.services.author.model import Author
from chorally_core.services.io.templates import TemplateList
from chorally_core.services.message.model import Message
from chorally_core.services.outbound import commands, consents
from chorally_core.services.outbound.model import Opening, OpeningState
from chorally_core.services.outbound.sending import closed

if TYPE_CHECKING:
    from datetime import datetime

Reader = Annotated[Caller, allowed(Permission.CONVERSATIONS_READ)]
Writer = Annotated[Caller, allowed(Permission.CONVERSATIONS_WRITE)]


def conversations_router(parts: Outbound) -> APIRouter:
    """Return the routes of conversations."""
    router = APIRouter(prefix="/conversations", tags=["conversations"], responses=problems(401, 403, 429))

    @router.get("", summary="List conversations that we began", responses=problems(400))
    async def list_conversations(
        caller: Reader,
        state: Annotated[OpeningState | None, Parameter(title="State", description="Only those in it.")] = None,
        mailing: Annotated[str | None, Parameter(title="List", description="Only of this list.")] = None,
        author: Annotated[str | None, Parameter(title="Author", description="Only with them: an id.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[ConversationView]:
        """Return the tenant's conversations, the newest first."""
        given = (("state", state), ("mailing_id", mailing), ("author_id", author))
        where = tuple(Condition(field, "is", value) for field, value in given if value is not None)
        place = decode_cursor(cursor, None, str) if cursor else None
        after: tuple[datetime, str] | None = (place[0], place[1]) if place else None
        query = Query(Opening, caller.tenant, where, "created_at", True, limit + 1, after)
        found: list[Opening] = await parts.documents.find(query)
        items, following = paged(found, limit, lambda o: (o.created_at, o.id))
        return Page[ConversationView](items=[ConversationView.of(opening) for opening in items], next=following)

    @router.get("/{conversation_id}", summary="Show a conversation", responses=problems(404))
    async def show_conversation(conversation_id: str, caller: Reader) -> ConversationView:
        """Return one conversation, how far its message got, and its ticket."""
        return await _shown(parts, conversation_id, caller)

    @router.post(
        "",
        status_code=201,
        summary="Begin a conversation",
        response_model=ConversationView,
        responses=problems(409),
    )
    async def add_conversation(
        body: ConversationAdd, request: Request, caller: Writer, key: IdempotencyKey = None
    ) -> Response:
        """Write to somebody who has not written now; their answer joins the ticket that this opens."""

        async def make(name: str) -> Response:
            await _begin(parts, body, caller, name)
            view = await _shown(parts, name, caller)
            return answer(view, 201, {"Location": f"/outbound/v1/conversations/{name}"})

        return await parts.once(request, caller, key, make)

    return router


async def _shown(parts: Outbound, name: str, caller: Caller) -> ConversationView:
    opening = await parts.documents.get(Opening, name)
    if opening is None or opening.tenant != caller.tenant:
        raise Problem(404, "there is no such conversation")
    message = await parts.documents.get(Message, name)
    return ConversationView.of(opening, message.ticket_id if message is not None else None)


async def address_of(documents: Documents, tenant: str, to: str, author_id: str, platform: str = "") -> tuple[str, str]:
    """Return the address and the name of somebody, who may be named by their author.

    Raises:
        Problem: 422, there is no such author.
    """
    if not author_id:
        return to, ""
    author = await documents.get(Author, author_id)
    if author is None or author.tenant != tenant or not author.external_id:
        raise invalid("author_id", "there is no such author; name one, or an address in to")
    if platform and author.platform != platform:
        raise invalid("author_id", f"the author is on {author.platform}; name an account there")
    return author.external_id, author.name


def used(template: TemplateUse | None, known: TemplateList | None) -> Templated | None:
    """Return the template that is wanted, checked against the list, where the platform was asked for it.

    Raises:
        Problem: 422, the platform has no such template.
    """
    if template is None:
        return None
    wanted = Templated(name=template.name, language=template.language, values=tuple(template.values))
    if known is not None and (why := known.mistake_in(wanted)):
        raise invalid("template", why)
    return wanted


def check_said(body: str, has_files: bool, template: TemplateUse | None, options: dict[str, object]) -> None:
    """Refuse what makes no sense on any channel.

    Raises:
        Problem: 422.
    """
    if why := mistake_in(options):
        raise invalid("options", why)
    if template is not None and body.strip():
        raise invalid("body", "a template takes the place of a text; leave one of them out")
    if not body.strip() and not has_files and template is None:
        raise invalid("body", "write a text, name a file, or take a template")


async def _begin(parts: Outbound, body: ConversationAdd, caller: Caller, name: str) -> None:
    at = parts.now()
    check_said(body.body, bool(body.files), body.template, body.options)
    way = await parts.reaching.way(caller.tenant, body.account_id, body.channel)
    if isinstance(way, NotReached):
        raise not_reached(way)
    to, known_as = await address_of(parts.documents, caller.tenant, body.to, body.author_id)
    reached = way.to(to)
    if isinstance(reached, NotReached):
        raise not_reached(reached)
    if body.author_id and reached.author_id != body.author_id:
        raise invalid("author_id", "this account does not reach that author; name another account")
    since = await parts.reaching.last_said(caller.tenant, reached.author_id) if reached.window_s else None

    def decide(found: Found) -> Change:
        known = found.get(Opening, name)
        if known is not None:
            return NOTHING
        if why := consents.why_not(found, caller.tenant, reached.author_id, way.name):
            raise Problem(409, why, code="no-consent")
        template = used(body.template, found.get(TemplateList, body.account_id))
        if why := closed(reached, since, template is not None, at):
            raise Problem(409, why, code="window-closed")
        named = parts.files.named(found, body.files, tenant=caller.tenant, at=at, person=reached.author_id)
        no = parts.judge(Wanted(way.name, "send", body.body, named.attachments, template is not None, body.options))
        if no is not None:
            raise invalid(no.field, no.why)
        said = commands.Said(body.body, named.attachments, template, body.options, body.conversation_id)
        change = commands.begin(
            known, reached, said, message_id=name, tenant=caller.tenant, account_id=body.account_id,
            channel=way.name, name=body.name or known_as, actor=actor(caller), at=at,
        )  # fmt: skip
        return Change(change.writes, change.events, mended=named.used)

    keys = [
        Key.by_id(Opening, name), Key.by_id(TemplateList, body.account_id), *parts.files.keys(body.files),
        *consents.keys(caller.tenant, reached.author_id, way.name),
    ]  # fmt: skip
    await parts.actions.act(keys, decide)
