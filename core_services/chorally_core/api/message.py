"""The message API, at ``/message/v1``: tickets, their messages, answers and notes."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi import Query as Parameter

from chorally_core.api import problem
from chorally_core.api.auth import allowed
from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.files_named import Files
from chorally_core.api.idempotency import IdempotencyKey, Once, answer
from chorally_core.api.message_actions import actions_router
from chorally_core.api.message_approvals import Approvals, approvals_router
from chorally_core.api.message_fields import fields_router
from chorally_core.api.message_merging import merging_router
from chorally_core.api.message_sending import Sending
from chorally_core.api.message_views import (
    BlockSet,
    MessageAdd,
    MessageView,
    Presence,
    PresenceSet,
    TicketChange,
    TicketDetail,
    TicketView,
)
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.responses import describe, problems, with_etag
from chorally_core.api.search_words import unavailable, words
from chorally_core.ports import metadata
from chorally_core.ports.actions import Actions
from chorally_core.ports.coordination import Coordination
from chorally_core.ports.documents import Condition, Conflict, Documents, Key, Query
from chorally_core.ports.going_out import Judge
from chorally_core.ports.handlers import Change, Found
from chorally_core.ports.identity import Caller, Identity
from chorally_core.ports.permissions import Permission
from chorally_core.ports.search import Search, SearchUnavailable
from chorally_core.services.message import commands
from chorally_core.services.message.approving import Awaiting
from chorally_core.services.message.changes import Actor, InvalidChange, settled
from chorally_core.services.message.model import Block, Message, Ticket

Reader = Annotated[Caller, allowed(Permission.TICKETS_READ)]
Writer = Annotated[Caller, allowed(Permission.TICKETS_WRITE)]
_PRESENT_S = 60.0  # seconds after which an agent who says nothing is taken to have left
_SORTS: dict[str, tuple[str, type]] = {"updated": ("updated_at", datetime), "created": ("number", int)}


@dataclass(kw_only=True)
class Tickets:
    """What the API needs."""

    documents: Documents
    actions: Actions
    coordination: Coordination
    search: Search
    judge: Judge
    """Says why something cannot be sent on a channel."""
    files: Files
    """Finds the files that answers name."""
    verbs_of: Callable[[str], Sequence[str]]
    """Says what can be done to messages of a channel besides answering."""
    closes: Callable[[str], timedelta | None] = lambda channel: None
    """Says how long after a message people may answer it on a channel; None where always."""
    now: Callable[[], datetime]
    new_id: Callable[[], str]

    @cached_property
    def once(self) -> Once:
        """Carries out writes under an ``Idempotency-Key``."""
        return Once(self.documents, now=self.now, new_id=self.new_id)


def create_app(identity: Identity, parts: Tickets) -> FastAPI:
    """Return the application to mount at ``/message/v1``."""
    app = FastAPI(
        title="Chorally messages",
        version="1",
        description="Tickets, the messages in them, answers and notes.",
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.identity = identity
    problem.install(app)
    describe(app)
    app.include_router(tickets_router(parts))
    app.include_router(messages_router(parts))
    approvals = Approvals(parts.documents, parts.actions, parts.judge, parts.closes, parts.now)
    app.include_router(approvals_router(approvals))
    return app


def tickets_router(parts: Tickets) -> APIRouter:
    """Return the routes of tickets."""
    router = APIRouter(prefix="/tickets", tags=["tickets"], responses=problems(401, 403, 429))
    sending = Sending(parts.documents, parts.actions, parts.judge, parts.files, parts.now)

    @router.get("", summary="List tickets", responses=problems(400, 422, 503))
    async def list_tickets(
        caller: Reader,
        status: Annotated[
            list[Literal["open", "waiting", "resolved"]] | None, Parameter(title="Status", description="One of these.")
        ] = None,
        assignee: Annotated[str | None, Parameter(title="Assignee", description="An id, `me`, or `none`.")] = None,
        tag: Annotated[str | None, Parameter(title="Tag", description="One that has it.")] = None,
        channel: Annotated[str | None, Parameter(title="Channel", description="Such as `facebook_comment`.")] = None,
        account: Annotated[str | None, Parameter(title="Account", description="Its id.")] = None,
        author: Annotated[str | None, Parameter(title="Author", description="Their id.")] = None,
        text: Annotated[
            str | None,
            Parameter(title="Text", max_length=200, description="Words to find, as in `/search/v1/results`."),
        ] = None,
        snoozed: Annotated[
            bool | None, Parameter(title="Snoozed", description="Only those that are; or that are not.")
        ] = None,
        merged: Annotated[bool, Parameter(title="Merged", description="Only those that others go on for.")] = False,
        sort: Annotated[
            Literal["updated", "-updated", "created", "-created"],
            Parameter(title="Order", description="`-` for the last first."),
        ] = "-updated",
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[TicketView]:
        """Return the tenant's tickets, the last changed first unless asked otherwise."""
        where = ticket_filters(caller, status, assignee, tag, channel, account, author, snoozed, merged)
        if text is not None:
            try:
                ids = await parts.search.tickets(caller.tenant, words(text, last_may_go_on=True), limit=1000)
            except SearchUnavailable:
                raise unavailable() from None
            if not ids:
                return Page[TicketView](items=[])
            where.append(Condition("id", "in", ids))
        (order, of), descending = _SORTS[sort.lstrip("-")], sort.startswith("-")
        after = None
        if cursor is not None:
            place = decode_cursor(cursor)
            if len(place) != 3 or place[0] != sort or not isinstance(place[1], of) or not isinstance(place[2], str):
                raise Problem(400, "cursor is of another order; begin again without it", code="invalid-cursor")
            after = (place[1], place[2])
        query = Query(Ticket, caller.tenant, tuple(where), order, descending, limit + 1, after)
        found: list[Ticket] = await parts.documents.find(query)
        items, following = paged(found, limit, lambda t: (sort, getattr(t, order), t.id))
        return Page[TicketView](items=[TicketView.of(ticket) for ticket in items], next=following)

    @router.get("/{ticket_id}", summary="Show a ticket", responses={200: with_etag("The ticket."), **problems(404)})
    async def show_ticket(ticket_id: str, caller: Reader, response: Response) -> TicketDetail:
        """Return a ticket, and who else is at it."""
        return await _detail(parts, await _own(parts, ticket_id, caller), response)

    @router.patch(
        "/{ticket_id}",
        summary="Change a ticket",
        responses={200: with_etag("The ticket as it is now."), **problems(404, 409, 412)},
    )
    async def change_ticket(
        ticket_id: str, body: TicketChange, caller: Writer, response: Response, if_match: IfMatch = None
    ) -> TicketDetail:
        """Assign, tag, snooze, resolve or reopen a ticket."""
        at, cause = parts.now(), parts.new_id()

        def decide(found: Found) -> Change:
            ticket = _owned(found.get(Ticket, ticket_id), caller)
            check_match(if_match, ticket.version)
            try:
                changes = settled(ticket, body.changes(), found)
                return commands.change(ticket, changes, actor=_actor(caller), at=at, cause=cause)
            except InvalidChange as error:
                errors = [{"field": f"/body/{error.field}", "message": error.why}]
                raise Problem(422, "the change cannot be made; see errors", code="invalid", errors=errors) from None

        try:
            await parts.actions.act([Key.by_id(Ticket, ticket_id), *metadata.keys(caller.tenant)], decide)
        except Conflict:
            detail = "another ticket of this conversation is unresolved; resolve that one first"
            raise Problem(409, detail, code="conversation-has-a-ticket") from None
        return await _detail(parts, await _own(parts, ticket_id, caller), response)

    @router.post("/{ticket_id}/read", status_code=204, summary="Mark as read", responses=problems(404))
    async def mark_read(ticket_id: str, caller: Writer) -> None:
        """Set the ticket's unread messages to none."""
        await parts.actions.act(
            [Key.by_id(Ticket, ticket_id)], lambda found: commands.read(_owned(found.get(Ticket, ticket_id), caller))
        )

    @router.put("/{ticket_id}/presence", summary="Say what you do with a ticket", responses=problems(404))
    async def set_presence(ticket_id: str, body: PresenceSet, caller: Reader) -> list[Presence]:
        """Tell the others that you view or answer it, for a minute; returns who else does."""
        ticket = await _own(parts, ticket_id, caller)
        note = "" if body.state == "gone" else json.dumps({"name": caller.name, "state": body.state})
        await parts.coordination.note(_place(ticket), caller.subject, note, _PRESENT_S)
        return [p for p in await _present(parts, ticket) if p.agent_id != caller.subject]

    @router.put("/{ticket_id}/block", status_code=204, summary="Block the author", responses=problems(404, 409))
    async def block_author(ticket_id: str, body: BlockSet, caller: Writer) -> None:
        """Keep what the author writes from now on, but open no ticket for it."""
        await _change_block(parts, ticket_id, caller, blocked=True, reason=body.reason)

    @router.delete("/{ticket_id}/block", status_code=204, summary="Unblock the author", responses=problems(404, 409))
    async def unblock_author(ticket_id: str, caller: Writer) -> None:
        """Let the author's messages open tickets again."""
        await _change_block(parts, ticket_id, caller, blocked=False, reason="")

    @router.get("/{ticket_id}/messages", summary="List a ticket's messages", responses=problems(400, 404))
    async def list_messages(
        ticket_id: str, caller: Reader, limit: Limit = 50, cursor: Cursor = None
    ) -> Page[MessageView]:
        """Return the messages and notes of a ticket, oldest first."""
        ticket = await _own(parts, ticket_id, caller)
        order, of = ("received_at", datetime) if ticket.merged else ("sequence", int)
        after = decode_cursor(cursor, of, str) if cursor is not None else None
        where = (Condition("ticket_id", "in", (ticket_id, *ticket.merged)),)
        if not ticket.merged:
            where = (Condition("ticket_id", "is", ticket_id),)
        place = (after[0], after[1]) if after else None
        query = Query(Message, caller.tenant, where, order, False, limit + 1, place)
        found: list[Message] = await parts.documents.find(query)
        items, following = paged(found, limit, lambda m: (getattr(m, order), m.id))
        return Page[MessageView](items=[MessageView.of(message) for message in items], next=following)

    @router.post(
        "/{ticket_id}/messages",
        status_code=201,
        summary="Answer, or add a note",
        response_model=MessageView,
        responses={201: with_etag("The answer, on its way, or the note."), **problems(404, 409)},
    )
    async def add_message(
        ticket_id: str, body: MessageAdd, request: Request, caller: Writer, key: IdempotencyKey = None
    ) -> Response:
        """Answer the author (`public`), or leave a note for agents (`internal`)."""

        async def make(name: str) -> Response:
            message = await sending.written(ticket_id, body, caller, name)
            headers = {"ETag": etag(message.version), "Location": f"/message/v1/messages/{name}"}
            return answer(MessageView.of(message), 201, headers)

        return await parts.once(request, caller, key, make)

    router.include_router(merging_router(parts.documents, parts.actions, parts.once, parts.now))
    return router


def messages_router(parts: Tickets) -> APIRouter:
    """Return the routes of single messages."""
    router = APIRouter(prefix="/messages", tags=["messages"], responses=problems(401, 403, 429))

    @router.get("/{message_id}", summary="Show a message", responses={200: with_etag("The message."), **problems(404)})
    async def show_message(message_id: str, caller: Reader, response: Response) -> MessageView:
        """Return one message."""
        message = await parts.documents.get(Message, message_id)
        if message is None or message.tenant != caller.tenant:
            raise Problem(404, "there is no such message")
        response.headers["ETag"] = etag(message.version)
        return MessageView.of(message)

    router.include_router(fields_router(parts.documents, parts.actions, parts.now, parts.new_id))
    router.include_router(actions_router(parts.documents, parts.actions, parts.once, parts.verbs_of, parts.now))
    return router


def ticket_filters(
    caller: Caller,
    status: Any,
    assignee: str | None,
    tag: str | None,
    channel: str | None,
    account: str | None,
    author: str | None,
    snoozed: bool | None,
    merged: bool = False,
) -> list[Condition]:
    """Return what tickets must be like to be listed, given what the list takes."""
    where = [Condition("merged_into", "present" if merged else "absent")]
    if status:
        where.append(Condition("status", "in", list(status)))
    if assignee == "none":
        where.append(Condition("assignee_id", "absent"))
    elif assignee is not None:
        where.append(Condition("assignee_id", "is", caller.subject if assignee == "me" else assignee))
    if tag is not None:
        where.append(Condition("tags", "has", tag))
    for field, value in (("channel", channel), ("account_id", account), ("author_id", author)):
        if value is not None:
            where.append(Condition(field, "is", value))
    if snoozed is not None:
        where.append(Condition("snoozed_until", "present" if snoozed else "absent"))
    return where


def _actor(caller: Caller) -> Actor:
    return Actor("agent" if caller.kind == "user" else "service", caller.subject)


def _owned(ticket: Ticket | None, caller: Caller) -> Ticket:
    if ticket is None or ticket.tenant != caller.tenant:
        raise Problem(404, "there is no such ticket")
    return ticket


async def _own(parts: Tickets, ticket_id: str, caller: Caller) -> Ticket:
    return _owned(await parts.documents.get(Ticket, ticket_id), caller)


async def _detail(parts: Tickets, ticket: Ticket, response: Response) -> TicketDetail:
    response.headers["ETag"] = etag(ticket.version)
    blocked = False
    if ticket.author_id is not None:
        block = await parts.documents.get(Block, Block.id_of(ticket.tenant, ticket.author_id))
        blocked = block is not None
    view = TicketView.of(ticket, blocked=blocked)
    waiting = Query(Awaiting, ticket.tenant, (Condition("ticket_id", "in", (ticket.id, *ticket.merged)),))
    return TicketDetail(
        **view.model_dump(),
        viewers=await _present(parts, ticket),
        awaiting_approval=await parts.documents.count(waiting),
    )


def _place(ticket: Ticket) -> str:
    return f"presence/{ticket.tenant}/{ticket.id}"


async def _present(parts: Tickets, ticket: Ticket) -> list[Presence]:
    notes = await parts.coordination.notes(_place(ticket))
    return [Presence(agent_id=agent, **json.loads(note)) for agent, note in sorted(notes.items())]


async def _change_block(parts: Tickets, ticket_id: str, caller: Caller, *, blocked: bool, reason: str) -> None:
    ticket = await _own(parts, ticket_id, caller)
    name = Block.id_of(caller.tenant, ticket.author_id or "")
    at = parts.now()

    def decide(found: Found) -> Change:
        present = found.get(Block, name)
        own = _owned(found.get(Ticket, ticket_id), caller)
        if not blocked:
            return commands.unblock(own, actor=_actor(caller), at=at, present=present)
        try:
            return commands.block(own, actor=_actor(caller), reason=reason, at=at, present=present)
        except commands.NotPossible as error:
            raise Problem(409, str(error), code="not-possible") from None

    await parts.actions.act([Key.by_id(Ticket, ticket_id), Key.by_id(Block, name)], decide)
