"""Answers and notes as somebody writes them: checked against what their channel takes, then stored."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chorally_core.api.actor import actor
from chorally_core.api.etag import check_match
from chorally_core.api.files_named import Files
from chorally_core.api.message_views import MessageAdd
from chorally_core.api.problem import Problem
from chorally_core.events.records import Templated
from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Condition, Documents, Key, Query
from chorally_core.ports.going_out import Judge, Wanted
from chorally_core.ports.handlers import Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.ports.permissions import Permission
from chorally_core.ports.storable import mistake_in
from chorally_core.services.io.templates import TemplateList
from chorally_core.services.message import approving, commands
from chorally_core.services.message.approving import Awaiting
from chorally_core.services.message.changes import Actor
from chorally_core.services.message.model import Message, Ticket


@dataclass(frozen=True)
class Sending:
    """Stores what people write to tickets."""

    documents: Documents
    actions: Actions
    judge: Judge
    files: Files
    now: Callable[[], datetime]

    async def written(
        self, ticket_id: str, body: MessageAdd, caller: Caller, name: str, *, if_match: str | None = None
    ) -> Message:
        """Return the answer or note as it is stored, also if it was stored before.

        Raises:
            Problem: 404, there is no such ticket; 409, it cannot be answered; 422, the channel does not take it.
        """
        at = self.now()
        _check(body)
        ticket = _owned(await self.documents.get(Ticket, ticket_id), caller)
        answered_id = body.in_reply_to or ticket.last_inbound_id or await self._last_said(ticket)
        needs_approval = caller.kind == "user" and not caller.may(Permission.REPLIES_SEND)

        def decide(found: Found) -> Change:
            known = found.get(Message, name)
            ticket = _owned(found.get(Ticket, ticket_id), caller)
            if known is not None and not ticket.lacks(known):
                return Change()
            if known is None:
                check_match(if_match, ticket.version)
            if ticket.merged_into is not None:
                why = f"the ticket was merged into {ticket.merged_into}; write there"
                raise Problem(409, why, code="ticket-merged")
            same: dict[str, Any] = {"body": body.body, "actor": Actor(*actor(caller)), "message_id": name, "at": at}
            if body.visibility == "internal":
                return commands.note(ticket, known=known, **same)
            answered = found.get(Message, answered_id)
            named = self.files.named(found, body.files, tenant=caller.tenant, at=at, person=ticket.author_id)
            template = _template(body, found.get(TemplateList, ticket.account_id))
            channel = answered.channel if answered else ticket.channel
            no = self.judge(Wanted(channel, "reply", body.body, named.attachments, template is not None, body.options))
            if no is not None:
                raise _invalid(no.field, no.why)
            content = commands.Content(named.attachments, template, body.options)
            asking: dict[str, Any] = {}
            if needs_approval:
                asking["approval"] = approving.asks(same["actor"], body.body, content, at)
                asking["beside"] = (Awaiting(id=name, tenant=ticket.tenant, ticket_id=ticket.id, asked_at=at),)
            try:
                change = commands.reply(ticket, answered, known=known, content=content, **same, **asking)
            except commands.NotPossible as error:
                raise Problem(409, str(error), code="not-possible") from None
            return Change(change.writes, change.events, mended=(*named.used, *change.mended))

        keys = [Key.by_id(Ticket, ticket_id), Key.by_id(Message, name), *self.files.keys(body.files)]
        if answered_id is not None:
            keys.append(Key.by_id(Message, answered_id))
        if body.template is not None:
            keys.append(Key.by_id(TemplateList, ticket.account_id))
        await self.actions.act(keys, decide)
        message = await self.documents.get(Message, name)
        if message is None:
            raise Problem(500, "the message was stored and cannot be read")
        return message

    async def _last_said(self, ticket: Ticket) -> str | None:
        """The last message that can be answered, where the ticket does not know: the author's, else our first."""
        for where in (Condition("direction", "is", "inbound"), Condition("opens_to", "present")):
            of_ticket = Condition("ticket_id", "in", (ticket.id, *ticket.merged))
            found: list[Message] = await self.documents.find(
                Query(Message, ticket.tenant, (of_ticket, where), "received_at", True, 1)
            )
            if found:
                return found[0].id
        return None


def _check(body: MessageAdd) -> None:
    """Refuse what makes no sense on any channel."""
    if why := mistake_in(body.options):
        raise _invalid("options", why)
    if body.visibility == "internal":
        for field in ("files", "template", "options"):
            if getattr(body, field):
                raise _invalid(field, "a note is a text, and nothing else")
    if body.template is not None and body.body.strip():
        raise _invalid("body", "a template takes the place of a text; leave one of them out")
    if not body.body and not body.files and body.template is None:
        raise _invalid("body", "write a text, name a file, or take a template")


def _template(body: MessageAdd, known: TemplateList | None) -> Templated | None:
    """The template that is wanted, checked against the list, where the platform was asked for it."""
    if body.template is None:
        return None
    wanted = Templated(name=body.template.name, language=body.template.language, values=tuple(body.template.values))
    if known is not None and (why := known.mistake_in(wanted)):
        raise _invalid("template", why)
    return wanted


def _owned(ticket: Ticket | None, caller: Caller) -> Ticket:
    if ticket is None or ticket.tenant != caller.tenant:
        raise Problem(404, "there is no such ticket")
    return ticket


def _invalid(field: str, why: str) -> Problem:
    return Problem(422, why, code="invalid", errors=[{"field": f"/body/{field}", "message": why}])
