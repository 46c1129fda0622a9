"""The first message of a conversation that we begin: its ticket, and the command that sends it, in one decision.

The outbound service asks for it. The message joins the author's unresolved ticket where there is one, else it opens
one, so that what the author answers finds the ticket there.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from chorally_core.events import Event, MessageAdd, Send
from chorally_core.events.ids import derived
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.services.message import joining
from chorally_core.services.message.changes import Actor
from chorally_core.services.message.facts import SERVICE, conversation_key, message_fact, ticket_fact
from chorally_core.services.message.joining import Joined
from chorally_core.services.message.model import Message, Ticket


def is_opening(event: Event[MessageAdd]) -> bool:
    """Whether a message begins a conversation."""
    return event.data.to is not None


def keys_of(event: Event[MessageAdd]) -> Iterable[Key]:
    """Return the message, if it is there already, and the author's unresolved ticket."""
    return Key.by_id(Message, event.data.id), Key(Ticket, "open_key", _open_key(event))


def begun(event: Event[MessageAdd], found: Found) -> Change:
    """Return the message on its way and its ticket; what was begun before changes nothing."""
    d, at = event.data, event.occurred_at
    known = found.get(Message, d.id)
    if known is not None and not _half_done(known, found):
        return NOTHING
    actor = Actor(d.actor_kind, d.actor_id)
    there = joining.unresolved(found, _open_key(event))
    ticket = there or Ticket.opened_by(event, found.number(Ticket, event.tenant), d.actor_kind)
    changed = ticket.with_agent_message(event.id, at, public=not d.automatic)
    if there is None:
        changed = msgspec.structs.replace(changed, first_response_at=None)
    message = _written(event, changed)
    mended: tuple[Message, ...] = ()
    if known is not None:
        placed = known.placed_as(message)
        mended = () if placed is known else (placed,)
    fact = message_fact(event, "conversation_begun", message, changed, changed.version + 1)
    told = msgspec.structs.replace(fact.data, actor_kind=actor.kind, actor_id=actor.id)
    facts = [msgspec.structs.replace(fact, data=told)]
    if there is None:
        facts.insert(0, ticket_fact(event, "ticket_opened", changed, actor=actor))
    writes = (message, changed) if known is None else (changed,)
    return Change(writes, (_command(event, message, changed), *facts), mended=mended)


def thread_of(message: Message) -> tuple[Joined, ...]:
    """Return what leads the answers to a conversation that we began to its ticket, once its thread is known.

    Only accounts with a ticket for each thread look for it.
    """
    if not message.opens_to or message.author_id is None or message.ticket_id is None:
        return ()
    thread = f"{message.author_id}/{derived('thread', message.external_conversation_id or '')}"
    key = Ticket.key_of(message.tenant, message.account_id, thread)
    return (Joined(id=key, tenant=message.tenant, ticket_id=message.ticket_id),)


def _half_done(known: Message, found: Found) -> bool:
    ticket = found.get(Ticket, known.ticket_id)
    return ticket is None or ticket.lacks(known)


def _written(event: Event[MessageAdd], ticket: Ticket) -> Message:
    d = event.data
    return Message(
        id=d.id, tenant=event.tenant, ticket_id=ticket.id, sequence=ticket.message_count, event_id=event.id,
        account_id=d.account_id, platform=d.platform, channel=d.channel, direction="outbound", author_id=d.author_id,
        author_name=d.author_name or ticket.author_name, sender_kind=d.actor_kind, sender_id=d.actor_id, origin="here",
        body=d.body, subject=d.subject, attachments=d.attachments, template=d.template, options=d.options,
        external_conversation_id=d.external_conversation_id or None, received_at=event.occurred_at, status="queued",
        automatic=d.automatic, opens_to=d.to or "", traceparent=event.traceparent,
    )  # fmt: skip


def _command(event: Event[MessageAdd], message: Message, ticket: Ticket) -> Event[Any]:
    data = Send(
        message_id=message.id, account_id=message.account_id, channel=message.channel, to=message.opens_to,
        conversation_id=message.external_conversation_id, body=message.body, attachments=message.attachments,
        template=message.template, options=message.options, written_by=message.sender_id,
        automatic=message.automatic, answers_at=ticket.last_author_message_at,
    )  # fmt: skip
    command = event.causes(data, topic=message.channel, issuer=SERVICE, name="send", of=message.id)
    return msgspec.structs.replace(command, key=conversation_key(event.tenant, event.data.conversation_key))


def _open_key(event: Event[MessageAdd]) -> str:
    return Ticket.key_of(event.tenant, event.data.account_id, event.data.conversation_key)
