"""Keeps what was said, one ticket for each author.

Consumes ``messages`` and ``tickets``, produces ``logs``. Who reads the log (rules, search, exports) is
none of its affair, and how an answer reaches the platform is the I/O service's.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from chorally_core.events import (
    Event,
    MessageAdd,
    MessageDelete,
    MessageReconcile,
    MessageUpdate,
    TicketUpdate,
    topics,
)
from chorally_core.ports import metadata
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found, Handler
from chorally_core.services.message import approving, joining, machine, merging, opening, splitting
from chorally_core.services.message.changes import Actor, InvalidChange, changed_ticket, settled
from chorally_core.services.message.facts import GROUP, SERVICE, asked_by, because, message_fact, ticket_fact
from chorally_core.services.message.model import Block, Early, Message, Ticket

__all__ = ["GROUP", "HANDLERS", "SERVICE"]


class ReceiveMessage(Handler[MessageAdd]):
    """Turns one message that came in into a stored message and an up-to-date ticket."""

    topic = topics.MESSAGES
    event = "add"
    numbers = Ticket

    def reads(self, event: Event[MessageAdd]) -> Iterable[Key]:
        """Return the message if it came before, the unresolved ticket, and for an echo what it answers."""
        d = event.data
        if d.origin == "here":
            return opening.keys_of(event) if opening.is_opening(event) else machine.keys_of(event)
        keys = [Key.by_id(Message, d.id), Key(Ticket, "open_key", _open_key(event)), Key.by_id(Early, d.id)]
        if d.direction != "inbound":
            if d.parent_message_id:
                keys.append(Key.by_id(Message, d.parent_message_id))
        elif d.author_id:
            keys.append(Key.by_id(Block, Block.id_of(event.tenant, d.author_id)))
        return keys

    def follows(self, event: Event[MessageAdd], found: Found) -> Iterable[Key]:
        """Return the tickets that the message itself, or what it answers, belongs to, and where those went."""
        d = event.data
        if d.origin == "here" and not opening.is_opening(event):
            return joining.towards_root(found, found.get(Ticket, d.ticket_id))
        open_key = _open_key(event)
        if found.get(Ticket, open_key, "open_key") is not None and d.direction == "inbound":
            known = found.get(Message, d.id)
            return (Key.by_id(Ticket, known.ticket_id),) if known is not None and known.ticket_id else ()
        keys = list(joining.towards_unresolved(found, open_key))
        parent = found.get(Message, d.parent_message_id) if d.direction != "inbound" else None
        for message in (found.get(Message, d.id), parent):
            if message is not None and message.ticket_id:
                keys.append(Key.by_id(Ticket, message.ticket_id))
                keys += joining.towards_root(found, found.get(Ticket, message.ticket_id))
        return keys

    def decide(self, event: Event[MessageAdd], found: Found) -> Change:
        """Add the message to its ticket, opening one where there is none; what came before changes nothing."""
        d = event.data
        if d.origin == "here":
            return opening.begun(event, found) if opening.is_opening(event) else machine.written(event, found)
        known = found.get(Message, d.id)
        if known is not None and not self._half_done(known, event, found):
            return self._came_again(known, event, found)
        if d.direction != "inbound":
            return self._said_elsewhere(event, found, known)
        if d.author_id and found.get(Block, Block.id_of(event.tenant, d.author_id)) is not None:
            message = _received(event, found, None, 0)
            return Change((message,), (message_fact(event, "message_received_from_blocked", message),))
        open_ticket = joining.unresolved(found, _open_key(event))
        ticket = open_ticket or Ticket.opened_by(event, found.number(Ticket, event.tenant))
        ticket = ticket.with_author_message(event)
        message, mended = _placed(_received(event, found, ticket.id, ticket.message_count), known)
        facts = [message_fact(event, "message_received", message, ticket, ticket.version + 1)]
        if open_ticket is None:
            facts.insert(0, ticket_fact(event, "ticket_opened", ticket, backfilled=d.backfilled))
        return Change((message, ticket) if known is None else (ticket,), tuple(facts), mended=mended)

    @staticmethod
    def _half_done(known: Message, event: Event[MessageAdd], found: Found) -> bool:
        """Whether a kill came between the message and its ticket, so that the ticket must still follow."""
        if known.event_id != event.id or not known.ticket_id:
            return False
        ticket = found.get(Ticket, known.ticket_id)
        return ticket is None or ticket.lacks(known)

    @staticmethod
    def _came_again(known: Message, event: Event[MessageAdd], found: Found) -> Change:
        d = event.data
        if known.is_written_anew(d):
            return _edited(known.written_anew(d), event, found)
        if known.deleted_at is not None or known.outdates(d):
            return NOTHING
        if known.says_the_same(d):
            if d.edited_at is None or d.edited_at == known.edit_told_at:
                return NOTHING
            return Change((msgspec.structs.replace(known, edited_at=d.edited_at, edit_told_at=d.edited_at),))
        return _edited(known.edited(d, d.received_at), event, found)

    @staticmethod
    def _said_elsewhere(event: Event[MessageAdd], found: Found, known: Message | None) -> Change:
        d = event.data
        parent = found.get(Message, d.parent_message_id)
        ticket = joining.root(found, found.get(Ticket, parent.ticket_id)) if parent is not None else None
        ticket = ticket or joining.unresolved(found, _open_key(event))
        if ticket is None:
            message, mended = _placed(_received(event, found, None, 0), known)
            fact = message_fact(event, "message_sent_elsewhere", message)
            return Change(() if mended else (message,), (fact,), mended=mended)
        ticket = ticket.with_agent_message(event.id, d.external_created_at)
        message, mended = _placed(_received(event, found, ticket.id, ticket.message_count), known)
        fact = message_fact(event, "message_sent_elsewhere", message, ticket, ticket.version + 1)
        return Change((message, ticket) if known is None else (ticket,), (fact,), mended=mended)


def _edited(message: Message, event: Event[MessageAdd], found: Found) -> Change:
    ticket = found.get(Ticket, message.ticket_id)
    fact = message_fact(event, "message_edited", message, ticket, ticket.version if ticket is not None else 0)
    return Change((message,), (fact,))


def _placed(message: Message, known: Message | None) -> tuple[Message, tuple[Message, ...]]:
    """The message as it is told of, and as it is to be stored anew where it was left half done.

    Its ticket may have gone on meanwhile, or another may be open: then it takes the place that is next now.
    """
    if known is None:
        return message, ()
    placed = known.placed_as(message)
    return placed, () if placed is known else (placed,)


def _received(event: Event[MessageAdd], found: Found, ticket_id: str | None, sequence: int) -> Message:
    """The message that came in, with what the platform had told of it before."""
    message = Message.received(event, ticket_id, sequence)
    early = found.get(Early, message.id)
    if early is None:
        return message
    if early.state == "deleted":
        return message.taken_back(early.at)
    return msgspec.structs.replace(message, hidden=early.state == "hidden", marked_at=early.at)


def _early(event: Event[MessageUpdate] | Event[MessageDelete], found: Found, state: str) -> Change:
    """Remember what was told of a message that is not here yet; a removal is the last word."""
    known = found.get(Early, event.data.id)
    if known is not None and (known.state in ("deleted", state) or known.at > event.data.at):
        return NOTHING
    if known is not None:
        return Change((msgspec.structs.replace(known, state=state, at=event.data.at, look_at=event.data.at, looks=0),))
    early = Early(
        id=event.data.id,
        tenant=event.tenant,
        state="deleted" if state == "deleted" else "hidden" if state == "hidden" else "visible",
        at=event.data.at,
        look_at=event.data.at,
    )
    return Change((early,))


def _place_of(ticket: Ticket) -> str:
    return Ticket.key_of(ticket.tenant, ticket.account_id, ticket.conversation_key)


def _open_key(event: Event[MessageAdd]) -> str:
    return Ticket.key_of(event.tenant, event.data.account_id, event.data.conversation_key)


class MarkMessage(Handler[MessageUpdate]):
    """Applies what became of a message on the platform."""

    topic = topics.MESSAGES
    event = "update"

    def reads(self, event: Event[MessageUpdate]) -> Iterable[Key]:
        """Return the message, and what was told of it before it came."""
        return Key.by_id(Message, event.data.id), Key.by_id(Early, event.data.id)

    def decide(self, event: Event[MessageUpdate], found: Found) -> Change:
        """Hide, show, or move the delivery state forward."""
        d = event.data
        message = found.get(Message, d.id)
        if message is None:
            return _early(event, found, d.state) if d.state in ("hidden", "visible") else NOTHING
        changes: dict[str, Any]
        if d.state in ("hidden", "visible"):
            hidden = d.state == "hidden"
            since = message.marked_at
            if since is not None and (d.at < since or (d.at == since and message.hidden == hidden)):
                return NOTHING
            if message.hidden == hidden:
                return Change((msgspec.structs.replace(message, marked_at=d.at),))
            changes, what = {"hidden": hidden, "marked_at": d.at}, "message_hidden" if hidden else "message_shown"
        elif d.state == "edited":
            if message.body == d.body or message.deleted_at is not None:
                return NOTHING
            message, changes, what = message.rewritten(d.body, d.at), {}, "message_edited"
        else:
            if message.direction == "inbound" or not message.may_become(d.state):
                return NOTHING
            changes, what = {"status": d.state, "error": d.reason}, f"message_{d.state}"
        message = msgspec.structs.replace(message, **changes)
        return Change((message,), (message_fact(event, what, message),))


class RemoveMessage(Handler[MessageDelete]):
    """Marks a message as deleted on the platform."""

    topic = topics.MESSAGES
    event = "delete"

    def reads(self, event: Event[MessageDelete]) -> Iterable[Key]:
        """Return the message, and what was told of it before it came."""
        return Key.by_id(Message, event.data.id), Key.by_id(Early, event.data.id)

    def decide(self, event: Event[MessageDelete], found: Found) -> Change:
        """Keep the record, without what the person took back."""
        message = found.get(Message, event.data.id)
        if message is None:
            return _early(event, found, "deleted")
        if message.deleted_at is not None:
            return NOTHING
        if message.last_deleted_at is not None and event.data.at <= message.last_deleted_at:
            return NOTHING  # the deletion of what stood there before, told again
        message = message.taken_back(event.data.at)
        return Change((message,), (message_fact(event, "message_deleted", message),))


class Reconcile(Handler[MessageReconcile]):
    """Brings back what became of a message that we sent."""

    topic = topics.MESSAGES
    event = "reconcile"

    def reads(self, event: Event[MessageReconcile]) -> Iterable[Key]:
        """Return the message."""
        return (Key.by_id(Message, event.data.message_id),)

    def decide(self, event: Event[MessageReconcile], found: Found) -> Change:
        """Move the state forward and keep the external id; a report that is late changes nothing."""
        d = event.data
        message = found.get(Message, d.message_id)
        if message is None:
            raise LookupError(f"message {d.message_id} is not known; its reconciliation cannot be applied")
        forward = message.may_become(d.state)
        changes: dict[str, Any] = {}
        if forward:
            changes |= {"status": d.state, "error": d.reason, "attempts": max(d.attempts, message.attempts)}
        if d.external_id and message.external_id is None:
            changes |= {"external_id": d.external_id, "external_created_at": d.at}
        if d.external_url and not message.external_url:
            changes["external_url"] = d.external_url
        if d.conversation_id and not message.external_conversation_id:
            changes["external_conversation_id"] = d.conversation_id
        if not changes:
            return NOTHING
        message = msgspec.structs.replace(message, **changes)
        what = f"message_{message.status}" if forward else "message_reconciled"
        thread = opening.thread_of(message) if "external_conversation_id" in changes else ()
        return Change((*thread, message), (message_fact(event, what, message),))


class ChangeTicket(Handler[TicketUpdate]):
    """Applies a change that a rule asks for, provided that the ticket is still as it was judged."""

    topic = topics.TICKETS
    event = "update"

    def reads(self, event: Event[TicketUpdate]) -> Iterable[Key]:
        """Return the ticket, and what the tenant says of tags and fields."""
        return (Key.by_id(Ticket, event.data.ticket_id), *metadata.keys(event.tenant))

    def follows(self, event: Event[TicketUpdate], found: Found) -> Iterable[Key]:
        """Return who has taken the place of a ticket that is to be opened again."""
        ticket = found.get(Ticket, event.data.ticket_id)
        if ticket is None or ticket.status != "resolved":
            return ()
        return (Key(Ticket, "open_key", _place_of(ticket)),)

    def decide(self, event: Event[TicketUpdate], found: Found) -> Change:
        """Apply it once; one that was overtaken, or cannot be made, is told as a fact and changes nothing."""
        d = event.data
        ticket = found.get(Ticket, d.ticket_id)
        if ticket is None or ticket.has_seen(event.id):
            return NOTHING
        actor = Actor(d.actor_kind, d.actor_id)
        if ticket.version < d.judged_version or ticket.decided_version > d.judged_version:
            fact = ticket_fact(event, "ticket_change_overtaken", ticket, actor=actor)
            return Change((), (asked_by(fact, event),))
        try:
            changes = settled(ticket, d.changes, found)
            changed = changed_ticket(ticket, changes, event.occurred_at)
            if changed.open_key and not ticket.open_key and found.get(Ticket, changed.open_key, "open_key"):
                raise InvalidChange("status", "another ticket of the conversation is open")
        except InvalidChange as error:
            told = ticket_fact(event, "ticket_change_refused", ticket, actor=actor, changes=d.changes)
            return Change((), (asked_by(because(told, str(error)), event),))
        remembered = msgspec.structs.replace(changed, changed_by=(*changed.changed_by, event.id)[-16:])
        fact = ticket_fact(
            event, "ticket_changed", remembered, actor=actor, changes=changes, before=ticket, rules=d.rules
        )
        return Change((remembered,), (fact,))


HANDLERS = (
    ReceiveMessage(), MarkMessage(), RemoveMessage(), Reconcile(), ChangeTicket(), machine.ModerateMessage(),
    *merging.HANDLERS, *splitting.HANDLERS, *approving.HANDLERS,
)  # fmt: skip
