"""Answers that somebody else approves before they go out, and what becomes of the question.

An answer that waits is a message of its ticket, which its author has not been given. The approval holds for what was
seen: an edit makes another content, and asks anew. Whoever wrote or edited it cannot approve it.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from chorally_core.events import Event, TicketAnswered, topics
from chorally_core.events.ids import derived
from chorally_core.events.records import Attached, Templated
from chorally_core.ports.documents import Document, Key
from chorally_core.ports.handlers import NOTHING, Change, Found, Handler
from chorally_core.services.message import joining
from chorally_core.services.message.changes import Actor
from chorally_core.services.message.commands import Content, NotPossible, command_of
from chorally_core.services.message.facts import SERVICE, about_message, asked, conversation_key
from chorally_core.services.message.model import Approval, Message, Ticket

_AUTHORS = 20


class Awaiting(Document, frozen=True, kw_only=True):
    """An answer that waits for somebody to approve it, to be found by; under the message's id."""

    kind = "awaiting_reply"
    sparse = ("ticket_id",)
    indexes = (("asked_at",),)

    ticket_id: str | None
    asked_at: datetime


class NotYours(Exception):
    """Whoever wrote an answer does not approve it."""


class ChangedMeanwhile(Exception):
    """What is approved is not what waits any more."""


def content_of(
    body: str, attachments: tuple[Attached, ...], template: Templated | None, options: dict[str, Any]
) -> str:
    """Return a hash of what would go out."""
    said = msgspec.json.encode((body, attachments, template, options), order="sorted")
    return derived("content", said.decode())


def asks(actor: Actor, body: str, content: Content, at: datetime) -> Approval:
    """Return the question whether an answer may go out."""
    hashed = content_of(body, content.attachments, content.template, content.options)
    return Approval(asked_at=at, content=hashed, written_by=(actor.id,))


def approve(
    message: Message,
    ticket: Ticket,
    answered: Message | None,
    waiting: Awaiting | None,
    *,
    content: str,
    body: str | None,
    actor: Actor,
    at: datetime,
) -> Change:
    """Return an answer on its way, as somebody approved it; nothing where they did.

    Args:
        message: The answer.
        ticket: The ticket that goes on for it.
        answered: What it answers.
        waiting: The record by which it is found.
        content: Hash of what the approver saw.
        body: The text as the approver changed it; None where it is right.
        actor: Who approves.
        at: Now.

    Raises:
        NotYours: The actor wrote it, or edited it.
        ChangedMeanwhile: It says something else by now.
        NotPossible: It does not wait, or cannot be sent any more.
    """
    approval = message.approval
    if approval is not None and approval.decided_by == actor.id and message.status not in ("rejected", "withdrawn"):
        return NOTHING
    approval = _waits(message)
    if actor.id in approval.written_by:
        raise NotYours("whoever wrote an answer, or edited it, does not approve it; ask somebody else")
    if content != approval.content:
        raise ChangedMeanwhile("the answer was edited since you saw it; read it again")
    if ticket.status == "resolved":
        raise NotPossible("the ticket is resolved; reopen it before the answer is approved")
    if answered is None or answered.deleted_at is not None:
        raise NotPossible("the message that it answers was deleted; reject the answer")
    sent = message if body is None or body == message.body else message.rewritten(body, at)
    said = content_of(sent.body, sent.attachments, sent.template, sent.options)
    decided = msgspec.structs.replace(approval, decided_by=actor.id, decided_at=at, content=said)
    sent = msgspec.structs.replace(sent, status="queued", approval=decided)
    cause = derived("approve", message.id, approval.content, approval.asked_at.isoformat())
    told = Event(
        topic=topics.TICKETS, issuer=SERVICE, name="answered",
        data=TicketAnswered(ticket_id=ticket.id, message_id=message.id, at=at), id=derived(cause, "answered"),
        tenant=message.tenant, key=conversation_key(ticket.tenant, ticket.conversation_key), occurred_at=at,
        caused_by=cause,
    )  # fmt: skip
    fact = _fact("reply_approved", sent, ticket, actor, at, cause)
    events = (command_of(sent, ticket, answered, at, cause), told, fact)
    return Change((sent,), events, remove=_gone(waiting))


def reject(
    message: Message, ticket: Ticket, waiting: Awaiting | None, *, reason: str, actor: Actor, at: datetime
) -> Change:
    """Return an answer that goes back to whoever wrote it, with the reason.

    Raises:
        NotPossible: It does not wait.
    """
    approval = _waits(message)
    decided = msgspec.structs.replace(approval, decided_by=actor.id, decided_at=at, reason=reason)
    return _ended(message, ticket, waiting, "rejected", decided, actor, at)


def withdraw(message: Message, ticket: Ticket, waiting: Awaiting | None, *, actor: Actor, at: datetime) -> Change:
    """Return an answer that its author takes back.

    Raises:
        NotPossible: It does not wait.
        NotYours: Somebody else wrote it.
    """
    approval = _waits(message)
    if actor.id not in approval.written_by:
        raise NotYours("only who wrote an answer withdraws it; reject it with a reason")
    decided = msgspec.structs.replace(approval, decided_by=actor.id, decided_at=at)
    return _ended(message, ticket, waiting, "withdrawn", decided, actor, at)


def edit(message: Message, ticket: Ticket, *, body: str, actor: Actor, at: datetime) -> Change:
    """Return an answer with another text, which asks anew; also one that was rejected.

    Raises:
        NotPossible: It is on its way, or was withdrawn.
    """
    approval = message.approval
    if approval is None or message.status not in ("awaiting_approval", "rejected") or message.deleted_at is not None:
        raise NotPossible(f"the message is {message.status}; only an answer that waits, or was rejected, is edited")
    if body == message.body and message.status == "awaiting_approval":
        return NOTHING
    if len(approval.written_by) >= _AUTHORS and actor.id not in approval.written_by:
        raise NotPossible(f"{_AUTHORS} people have edited the answer; write a new one")
    again = Approval(
        asked_at=at, content=content_of(body, message.attachments, message.template, message.options),
        written_by=tuple(dict.fromkeys((*approval.written_by, actor.id))),
    )  # fmt: skip
    edited = msgspec.structs.replace(message.rewritten(body, at), status="awaiting_approval", approval=again)
    cause = derived("ask again", message.id, str(message.version))
    fact = _fact("reply_submitted", edited, ticket, actor, at, cause)
    waiting = Awaiting(id=message.id, tenant=message.tenant, ticket_id=message.ticket_id, asked_at=at)
    return Change((waiting, edited), (fact,))


def _waits(message: Message) -> Approval:
    if message.approval is None or message.status != "awaiting_approval" or message.deleted_at is not None:
        raise NotPossible(f"the message is {message.status}; it does not wait for an approval")
    return message.approval


def _ended(
    message: Message, ticket: Ticket, waiting: Awaiting | None, status: str, approval: Approval, actor: Actor,
    at: datetime,
) -> Change:  # fmt: skip
    ended = msgspec.structs.replace(message, status=status, approval=approval)
    cause = derived(status, message.id, str(message.version))
    return Change((ended,), (_fact(f"reply_{status}", ended, ticket, actor, at, cause),), remove=_gone(waiting))


def _gone(waiting: Awaiting | None) -> tuple[Awaiting, ...]:
    return () if waiting is None else (waiting,)


def _fact(what: str, message: Message, ticket: Ticket, actor: Actor, at: datetime, cause: str) -> Event[Any]:
    about = about_message(what, message, actor)
    if message.approval is not None and message.approval.reason:
        about = msgspec.structs.replace(about, snapshot={**about.snapshot, "reason": message.approval.reason[:500]})
    return asked(about, tenant=message.tenant, conversation=ticket.conversation_key, at=at, cause=cause)


class AnswerTicket(Handler[TicketAnswered]):
    """Has a ticket know that its author was answered, once the answer was approved."""

    topic = topics.TICKETS
    event = "answered"

    def reads(self, event: Event[TicketAnswered]) -> Iterable[Key]:
        """Return the ticket."""
        return (Key.by_id(Ticket, event.data.ticket_id),)

    def follows(self, event: Event[TicketAnswered], found: Found) -> Iterable[Key]:
        """Return the ticket that goes on for it."""
        return joining.towards_root(found, found.get(Ticket, event.data.ticket_id))

    def decide(self, event: Event[TicketAnswered], found: Found) -> Change:
        """Apply it once."""
        ticket = joining.root(found, found.get(Ticket, event.data.ticket_id))
        if ticket is None or ticket.tenant != event.tenant or ticket.has_seen(event.id):
            return NOTHING
        return Change((ticket.answered(event.id, event.data.at),))


HANDLERS = (AnswerTicket(),)
