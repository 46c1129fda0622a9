"""Answers that wait for somebody to approve them: listed, approved, rejected, edited, withdrawn."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from chorally_core.api.actor import actor
from chorally_core.api.auth import allowed
from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.message_views import MessageView
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, encode_cursor
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems, with_etag
from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Documents, Key, Query
from chorally_core.ports.going_out import Judge, Wanted
from chorally_core.ports.handlers import Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.ports.permissions import Permission
from chorally_core.services.message import approving, commands
from chorally_core.services.message.approving import Awaiting
from chorally_core.services.message.changes import Actor
from chorally_core.services.message.model import Message, Ticket

Reader = Annotated[Caller, allowed(Permission.TICKETS_READ)]
Writer = Annotated[Caller, allowed(Permission.TICKETS_WRITE)]
Approver = Annotated[Caller, allowed(Permission.REPLIES_APPROVE)]

_MOST_MERGES = 10


class ApprovalAdd(BaseModel):
    """The yes of somebody who has read an answer."""

    model_config = ConfigDict(extra="forbid")

    content: str = Field(
        title="Content", min_length=1, max_length=64, description="`approval.content` of the answer as it was seen."
    )
    body: str | None = Field(
        None,
        title="Text",
        min_length=1,
        max_length=100_000,
        description="As you changed it; as it is if left out.",
    )


class RejectionAdd(BaseModel):
    """The no of somebody who has read an answer."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(title="Reason", min_length=1, max_length=2000, description="For whoever wrote it.")


class AnswerEdit(BaseModel):
    """Another text for an answer that waits, or was rejected."""

    model_config = ConfigDict(extra="forbid")

    body: str = Field(title="Text", min_length=1, max_length=100_000)


@dataclass(frozen=True)
class Approvals:
    """What decisions about answers need."""

    documents: Documents
    actions: Actions
    judge: Judge
    closes: Callable[[str], timedelta | None]
    """By channel: how long after a message people may answer it; None where always."""
    now: Callable[[], datetime]

    async def decided(self, message_id: str, caller: Caller, if_match: str | None, decide: "Decide") -> Message:
        """Return a message after somebody decided about it.

        Raises:
            Problem: 404, there is none; 403, it is theirs; 409, it cannot be done; 412, it changed meanwhile.
        """
        message = await self._own(message_id, caller)
        ticket = await self._root(message)

        def change(found: Found) -> Change:
            current, goes_on = found.get(Message, message_id), found.get(Ticket, ticket.id)
            if current is None or goes_on is None or goes_on.merged_into is not None:
                raise Problem(409, "the ticket is being merged; try again", code="not-possible")
            check_match(if_match, current.version)
            try:
                return decide(
                    current, goes_on, found.get(Message, message.in_reply_to), found.get(Awaiting, message_id)
                )
            except approving.NotYours as error:
                raise Problem(403, str(error), code="not-yours") from None
            except approving.ChangedMeanwhile as error:
                raise Problem(412, str(error), code="changed-meanwhile") from None
            except commands.NotPossible as error:
                raise Problem(409, str(error), code="not-possible") from None

        keys = [Key.by_id(Message, message_id), Key.by_id(Ticket, ticket.id), Key.by_id(Awaiting, message_id)]
        if message.in_reply_to is not None:
            keys.append(Key.by_id(Message, message.in_reply_to))
        await self.actions.act(keys, change)
        return await self._own(message_id, caller)

    async def _own(self, message_id: str, caller: Caller) -> Message:
        message = await self.documents.get(Message, message_id)
        if message is None or message.tenant != caller.tenant:
            raise Problem(404, "there is no such message")
        return message

    async def _root(self, message: Message) -> Ticket:
        name: str | None = message.ticket_id
        for _ in range(_MOST_MERGES):
            ticket = await self.documents.get(Ticket, name) if name else None
            if ticket is None:
                break
            if ticket.merged_into is None:
                return ticket
            name = ticket.merged_into
        raise Problem(409, "the message is in no ticket", code="not-possible")

    def check_window(self, message: Message, ticket: Ticket, answered: Message | None, at: datetime) -> None:
        """Tell that the platform takes no answer any more.

        Raises:
            Problem: 409.
        """
        window = self.closes(message.channel)
        since = commands.answers_since(ticket, answered) if answered is not None else None
        if window is not None and since is not None and message.template is None and at - since > window:
            why = "the reply window closed while the answer waited; reject it, and answer when the person writes again"
            raise Problem(409, why, code="window-closed")

    def check_text(self, message: Message, body: str) -> None:
        """Refuse a text that the channel does not take.

        Raises:
            Problem: 422.
        """
        wanted = Wanted(message.channel, "reply", body, message.attachments, False, message.options)
        if message.template is not None:
            raise Problem(422, "a template takes the place of a text; reject it instead", code="invalid")
        if (no := self.judge(wanted)) is not None:
            errors = [{"field": f"/body/{no.field}", "message": no.why}]
            raise Problem(422, no.why, code="invalid", errors=errors)


Decide = Callable[[Message, Ticket, Message | None, Awaiting | None], Change]


def approvals_router(parts: Approvals) -> APIRouter:
    """Return the routes of answers that wait for an approval."""
    router = APIRouter(tags=["approvals"], responses=problems(401, 403, 429))
    changed = {200: with_etag("The answer as it is now."), **problems(404, 409, 412)}

    def shown(message: Message, response: Response) -> MessageView:
        response.headers["ETag"] = etag(message.version)
        return MessageView.of(message)

    @router.get("/approvals", summary="List answers that wait for an approval", responses=problems(400))
    async def list_approvals(caller: Reader, limit: Limit = 50, cursor: Cursor = None) -> Page[MessageView]:
        """Return the answers that somebody must approve, those that wait longest first."""
        place = decode_cursor(cursor, None, str) if cursor else None
        after = (place[0], place[1]) if place else None
        query = Query(Awaiting, caller.tenant, (), "asked_at", False, limit, after)
        waiting: list[Awaiting] = await parts.documents.find(query)
        found = await parts.documents.load([Key.by_id(Message, each.id) for each in waiting])
        there = [found.get(Key.by_id(Message, each.id)) for each in waiting]
        items = [
            MessageView.of(message)
            for message in there
            if isinstance(message, Message) and message.status == "awaiting_approval" and message.deleted_at is None
        ]
        last = waiting[-1] if len(waiting) == limit else None
        return Page[MessageView](items=items, next=encode_cursor((last.asked_at, last.id)) if last else None)

    @router.post("/messages/{message_id}/approve", summary="Approve an answer", responses=changed)
    async def approve_answer(
        message_id: str, body: ApprovalAdd, caller: Approver, response: Response, if_match: IfMatch = None
    ) -> MessageView:
        """Have an answer of somebody else go out, as you saw it or as you changed it."""
        if caller.kind != "user":
            raise Problem(403, "answers are approved by people; sign in as one", code="not-a-person")
        at, who = parts.now(), Actor(*actor(caller))

        def decide(message: Message, ticket: Ticket, answered: Message | None, waiting: Awaiting | None) -> Change:
            if body.body is not None and body.body != message.body:
                parts.check_text(message, body.body)
            change = approving.approve(
                message, ticket, answered, waiting, content=body.content, body=body.body, actor=who, at=at
            )
            if change.writes:
                parts.check_window(message, ticket, answered, at)
            return change

        return shown(await parts.decided(message_id, caller, if_match, decide), response)

    @router.post("/messages/{message_id}/reject", summary="Reject an answer", responses=changed)
    async def reject_answer(
        message_id: str, body: RejectionAdd, caller: Approver, response: Response, if_match: IfMatch = None
    ) -> MessageView:
        """Give an answer back to whoever wrote it, with the reason; edited, it asks anew."""
        at, who = parts.now(), Actor(*actor(caller))

        def decide(message: Message, ticket: Ticket, answered: Message | None, waiting: Awaiting | None) -> Change:
            return approving.reject(message, ticket, waiting, reason=body.reason, actor=who, at=at)

        return shown(await parts.decided(message_id, caller, if_match, decide), response)

    @router.post("/messages/{message_id}/withdraw", summary="Withdraw an answer", responses=changed)
    async def withdraw_answer(
        message_id: str, caller: Writer, response: Response, if_match: IfMatch = None
    ) -> MessageView:
        """Take back an answer of your own that still waits."""
        at, who = parts.now(), Actor(*actor(caller))

        def decide(message: Message, ticket: Ticket, answered: Message | None, waiting: Awaiting | None) -> Change:
            return approving.withdraw(message, ticket, waiting, actor=who, at=at)

        return shown(await parts.decided(message_id, caller, if_match, decide), response)

    @router.put("/messages/{message_id}/body", summary="Edit an answer that waits", responses=changed)
    async def edit_answer(
        message_id: str, body: AnswerEdit, caller: Writer, response: Response, if_match: IfMatch = None
    ) -> MessageView:
        """Give an answer that waits, or was rejected, another text; the approval is asked for anew."""
        at, who = parts.now(), Actor(*actor(caller))

        def decide(message: Message, ticket: Ticket, answered: Message | None, waiting: Awaiting | None) -> Change:
            change = approving.edit(message, ticket, body=body.body, actor=who, at=at)
            if change.writes:
                parts.check_text(message, body.body)
            return change

        return shown(await parts.decided(message_id, caller, if_match, decide), response)

    return router
