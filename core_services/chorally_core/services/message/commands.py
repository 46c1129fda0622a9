"""What agents do with tickets: answer, note, change, read, block. Pure decisions, as the handlers' are."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from chorally_core.events import Event, Moderate, Reply
from chorally_core.events.ids import derived
from chorally_core.events.records import Attached, Templated
from chorally_core.ports.documents import Document
from chorally_core.ports.handlers import NOTHING, Change
from chorally_core.services.message.changes import Actor, InvalidChange, changed_ticket
from chorally_core.services.message.facts import SERVICE, about_message, about_ticket, asked, conversation_key
from chorally_core.services.message.model import Approval, Block, Message, Ticket


class Content(NamedTuple):
    """What an answer has besides its text."""

    attachments: tuple[Attached, ...] = ()
    template: Templated | None = None
    options: dict[str, Any] = {}


_TEXT_ONLY = Content()


class NotPossible(Exception):
    """The ticket's state does not allow this; the message says what to do."""


def reply(
    ticket: Ticket,
    answered: Message | None,
    *,
    body: str,
    actor: Actor,
    message_id: str,
    at: datetime,
    automatic: bool = False,
    known: Message | None = None,
    content: Content = _TEXT_ONLY,
    approval: Approval | None = None,
    beside: tuple[Document, ...] = (),
) -> Change:
    """Return an answer that is on its way: the message, its ticket and the command to the channel.

    Args:
        ticket: The ticket that is answered.
        answered: The message that is answered, which must be one of the ticket's.
        body: The text.
        actor: Who writes it.
        message_id: Its id; the same request has the same.
        at: Now.
        automatic: Written by a machine.
        known: The answer as it is stored, where a kill came between it and its ticket.
        content: Its files, or the approved text that takes the place of its own.
        approval: The question that somebody has to answer before it goes out; it waits for that.
        beside: What is added with it.

    Raises:
        NotPossible: The ticket is resolved, or there is nothing to answer.
    """
    if ticket.merged_into is not None:
        raise NotPossible("the ticket was merged into another one; answer there")
    if ticket.status == "resolved" and known is None:
        raise NotPossible("the ticket is resolved; reopen it before answering")
    if answered is None or answered.ticket_id not in (ticket.id, *ticket.merged):
        raise NotPossible("there is no message of this ticket to answer; name one of its messages in in_reply_to")
    if answered.deleted_at is not None:
        raise NotPossible("the message was deleted on the platform; answer another one")
    cause = derived("reply", message_id)
    waits = approval is not None
    changed = ticket.with_agent_message(cause, at, public=not automatic and not waits)
    theirs = answered.author_id or ticket.author_id
    message = Message(
        id=message_id,
        tenant=ticket.tenant,
        ticket_id=ticket.id,
        sequence=changed.message_count,
        event_id=cause,
        account_id=answered.account_id,
        platform=answered.platform,
        channel=answered.channel,
        direction="outbound",
        author_id=theirs,
        author_name=ticket.author_name if theirs == ticket.author_id else answered.author_name,
        sender_kind=actor.kind,
        sender_id=actor.id,
        origin="here",
        body=body,
        attachments=content.attachments,
        template=content.template,
        options=content.options,
        external_parent_id=answered.external_id,
        external_conversation_id=answered.external_conversation_id,
        received_at=at,
        status="awaiting_approval" if waits else "queued",
        in_reply_to=answered.id,
        automatic=automatic,
        approval=approval,
    )
    fact = asked(
        about_message("reply_submitted" if waits else "reply_written", message, actor, changed),
        tenant=ticket.tenant,
        conversation=ticket.conversation_key,
        at=at,
        cause=cause,
        traceparent=answered.traceparent,
    )
    events = (fact,) if waits else (command_of(message, ticket, answered, at, cause), fact)
    added = (*beside, message, changed)
    return Change(added, events, mended=_mended(known, message))


def answers_since(ticket: Ticket, answered: Message) -> datetime | None:
    """Return when the person who is answered last wrote: what a reply window counts from."""
    if ticket.merged and answered.direction == "inbound":  # the ticket's last message may be somebody else's
        return answered.external_created_at or answered.received_at
    return ticket.last_author_message_at


def command_of(message: Message, ticket: Ticket, answered: Message, at: datetime, cause: str) -> Event[Reply]:
    """Return the command that has an answer sent; it is ordered with what else goes to the person.

    Args:
        message: The answer.
        ticket: Its ticket.
        answered: The message that it answers, of which it takes the conversation: a merged ticket has several.
        at: Now.
        cause: What makes it the same command again.
    """
    own = message.author_id == ticket.author_id
    return Event(
        topic=message.channel,
        issuer=SERVICE,
        name="reply",
        data=Reply(
            message_id=message.id,
            account_id=message.account_id,
            channel=message.channel,
            body=message.body,
            attachments=message.attachments,
            template=message.template,
            options=message.options,
            in_reply_to=answered.external_id,
            conversation_id=answered.external_conversation_id,
            to=answered.opens_to or None,
            route=answered.route,
            written_by=message.sender_id,
            automatic=message.automatic,
            answers_at=answers_since(ticket, answered),
        ),
        id=derived(cause, "command"),
        tenant=ticket.tenant,
        key=conversation_key(ticket.tenant, ticket.conversation_key if own else message.author_id or ticket.id),
        occurred_at=at,
        caused_by=cause,
        traceparent=answered.traceparent,
    )


def moderate(
    message: Message,
    ticket: Ticket | None,
    verb: str,
    *,
    body: str,
    actor: Actor,
    action_id: str,
    at: datetime,
) -> Change:
    """Return the command to do something to a message on its platform: ``hide``, ``delete``, ``edit`` and so on.

    What comes of it is told by the channel; the message changes when the platform has done it.

    Raises:
        NotPossible: The message is not on the platform, or it is not one that this can be done to.
    """
    if message.external_id is None or message.direction == "internal":
        raise NotPossible("the message is not on the platform; wait until it was sent")
    if message.deleted_at is not None:
        raise NotPossible("the message was deleted on the platform")
    if verb == "edit" and message.direction != "outbound":
        raise NotPossible("only our own messages can be edited")
    if verb in ("like", "read") and message.direction != "inbound":
        raise NotPossible(f"our own messages take no {verb!r}")
    conversation = ticket.conversation_key if ticket is not None else message.author_id or message.id
    command = Event(
        topic=message.channel,
        issuer=SERVICE,
        name=verb,
        data=Moderate(
            id=action_id,
            message_id=message.id,
            account_id=message.account_id,
            channel=message.channel,
            external_id=message.external_id,
            conversation_id=message.external_conversation_id,
            body=body,
            route=message.route,
            asked_by=actor.id,
        ),
        id=derived("moderate", action_id),
        tenant=message.tenant,
        key=conversation_key(message.tenant, conversation),
        occurred_at=at,
        caused_by=action_id,
        traceparent=message.traceparent,
    )
    told = about_message("moderation_asked", message, actor)
    told = msgspec.structs.replace(told, version=message.version, snapshot={**told.snapshot, "verb": verb})
    fact = asked(told, tenant=message.tenant, conversation=conversation, at=at, cause=action_id)
    return Change((), (command, fact))


def note(
    ticket: Ticket, *, body: str, actor: Actor, message_id: str, at: datetime, known: Message | None = None
) -> Change:
    """Return an internal note on a ticket, which no platform ever sees.

    Args:
        ticket: The ticket that it is about.
        body: The text.
        actor: Who writes it.
        message_id: Its id; the same request has the same.
        at: Now.
        known: The note as it is stored, where a kill came between it and its ticket.
    """
    cause = derived("note", message_id)
    changed = ticket.with_agent_message(cause, at, public=False)
    message = Message(
        id=message_id,
        tenant=ticket.tenant,
        ticket_id=ticket.id,
        sequence=changed.message_count,
        event_id=cause,
        account_id=ticket.account_id,
        platform=ticket.platform,
        channel=ticket.channel,
        direction="internal",
        visibility="internal",
        author_id=ticket.author_id,
        sender_kind=actor.kind,
        sender_id=actor.id,
        origin="here",
        body=body,
        received_at=at,
    )
    fact = asked(
        about_message("note_added", message, actor),
        tenant=ticket.tenant,
        conversation=ticket.conversation_key,
        at=at,
        cause=cause,
    )
    return Change((message, changed), (fact,), mended=_mended(known, message))


def _mended(known: Message | None, message: Message) -> tuple[Message, ...]:
    """The message that was left half done, in the place that is next now; nothing where it has that place."""
    placed = known and known.placed_as(message)
    return () if placed is None or placed is known else (placed,)


def change(ticket: Ticket, changes: Mapping[str, Any], *, actor: Actor, at: datetime, cause: str) -> Change:
    """Return a ticket changed by an agent; nothing where it is so already.

    Raises:
        InvalidChange: A field may not be changed, or not to this.
    """
    changed = changed_ticket(ticket, changes, at)
    if changed is ticket:
        return NOTHING
    told = about_ticket("ticket_changed", changed, actor, dict(changes), ticket)
    fact = asked(told, tenant=ticket.tenant, conversation=ticket.conversation_key, at=at, cause=cause)
    return Change((changed,), (fact,))


def read(ticket: Ticket) -> Change:
    """Return the ticket with nothing unread."""
    return Change((msgspec.structs.replace(ticket, unread_count=0),)) if ticket.unread_count else NOTHING


def wake(ticket: Ticket, *, at: datetime) -> Change:
    """Return a snoozed ticket whose time has come, open again."""
    if ticket.snoozed_until is None or ticket.snoozed_until > at or ticket.status == "resolved":
        return NOTHING
    cause = derived("wake", ticket.id, ticket.snoozed_until.isoformat())
    changed = msgspec.structs.replace(
        ticket, snoozed_until=None, status="open", updated_at=at, decided_version=ticket.version + 1
    )
    told = about_ticket("ticket_woken", changed, Actor("service", SERVICE))
    return Change(
        (changed,), (asked(told, tenant=ticket.tenant, conversation=ticket.conversation_key, at=at, cause=cause),)
    )


def block(ticket: Ticket, *, actor: Actor, reason: str, at: datetime, present: Block | None) -> Change:
    """Return a block of the ticket's author: what they write from now on is kept, but opens no ticket.

    Raises:
        NotPossible: The platform did not tell who the author is.
    """
    if ticket.author_id is None:
        raise NotPossible("the platform does not tell who the author is, so they cannot be blocked")
    if present is not None:
        return NOTHING
    blocked = Block(
        id=Block.id_of(ticket.tenant, ticket.author_id),
        tenant=ticket.tenant,
        author_id=ticket.author_id,
        blocked_by=actor.id,
        at=at,
        reason=reason,
    )
    told = about_ticket("author_blocked", ticket, actor, {"reason": reason})
    cause = derived("block", blocked.id, at.isoformat())
    fact = asked(told, tenant=ticket.tenant, conversation=ticket.conversation_key, at=at, cause=cause)
    return Change((blocked,), (fact,))


def unblock(ticket: Ticket, *, actor: Actor, at: datetime, present: Block | None) -> Change:
    """Return the end of a block."""
    if present is None:
        return NOTHING
    told = about_ticket("author_unblocked", ticket, actor)
    cause = derived("unblock", present.id, at.isoformat())
    fact = asked(told, tenant=ticket.tenant, conversation=ticket.conversation_key, at=at, cause=cause)
    return Change((), (fact,), remove=(present,))


__all__ = [
    "Content",
    "InvalidChange",
    "NotPossible",
    "block",
    "change",
    "moderate",
    "note",
    "read",
    "reply",
    "unblock",
    "wake",
]
