"""Splitting messages off into a ticket of their own.

The new ticket and what the old one counts are one decision; each message is moved by one of its own (decision 0026).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from chorally_core.events import Event, MessageMove, TicketRelease, TicketSplit, topics
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found, Handler
from chorally_core.services.message.approving import Awaiting
from chorally_core.services.message.changes import Actor
from chorally_core.services.message.facts import SERVICE, because, conversation_key, message_fact, ticket_fact
from chorally_core.services.message.joining import MOST_MERGED
from chorally_core.services.message.model import SPLIT, Message, Ticket

MOST_SPLIT = 100
"""Messages that may be split off at once."""

_REMEMBERED = 16
_MOVING = 200


def why_not(ticket: Ticket, messages: Sequence[Message]) -> str:
    """Say why messages cannot be split off, with what to do; empty where they can."""
    if not messages:
        return "name at least one message of the ticket"
    if ticket.merged_into is not None:
        return "the ticket was merged into another one; split that one"
    own = (ticket.id, *ticket.merged)
    if any(message.ticket_id not in own or message.tenant != ticket.tenant for message in messages):
        return "a message is not of this ticket; name only such as are"
    if any(_place(message) in ticket.moving for message in messages):
        return "a message is being split off already; look at the ticket again"
    if any(message.ticket_id == ticket.id and ticket.lacks(message) for message in messages):
        return "a message is just coming in; try again in a moment"
    if len({message.author_id for message in messages if message.direction == "inbound"}) > 1:
        return "the messages are of several people; split one person's off at a time"
    if len(messages) >= ticket.all_messages:
        return "nothing would be left of the ticket; leave a message there"
    return ""


def opened(event: Event[TicketSplit], ticket: Ticket, messages: Sequence[Message], number: int) -> Ticket:
    """Return the new ticket.

    It has a place of its own: what the author writes next goes to the ticket that was split.
    """
    lead = next((message for message in messages if message.direction == "inbound"), messages[0])
    theirs = [m for m in messages if m.direction == "inbound"]
    ours = [m for m in messages if m.direction == "outbound"]
    said = max((_at(m) for m in theirs), default=None)
    answered = max((_at(m) for m in ours), default=None)
    last = max(theirs, key=_at, default=None)
    same = lead.author_id == ticket.author_id
    base = ticket.conversation_key.partition(SPLIT)[0] if same else lead.author_id or ticket.conversation_key
    conversation = f"{base.partition(SPLIT)[0]}{SPLIT}{event.data.into_id}"
    waits = said is not None and (answered is None or answered < said)
    return Ticket(
        id=event.data.into_id, tenant=ticket.tenant, number=number, account_id=lead.account_id,
        platform=lead.platform, channel=lead.channel, author_id=lead.author_id or ticket.author_id,
        author_name=lead.author_name or ticket.author_name, conversation_key=conversation,
        open_key=Ticket.key_of(ticket.tenant, lead.account_id, conversation),
        subject=event.data.subject or lead.subject or lead.body[:120], language=lead.language or ticket.language,
        status="open" if waits or answered is None else "waiting", assignee_id=ticket.assignee_id,
        team_id=ticket.team_id, created_at=event.occurred_at, updated_at=event.occurred_at,
        last_author_message_at=said, last_agent_message_at=answered, first_response_at=answered,
        waiting_since=said if waits else None, message_count=len(messages),
        reply_window_expires_at=ticket.reply_window_expires_at if last and last.id == ticket.last_inbound_id else None,
        source_post_id=lead.external_conversation_id, last_inbound_id=last.id if last else None,
        created_by=event.data.actor_kind, split_from=ticket.id,
        applied=tuple(message.event_id for message in messages)[-_REMEMBERED:],
    )  # fmt: skip


def _at(message: Message) -> datetime:
    return message.external_created_at or message.received_at


class SplitTicket(Handler[TicketSplit]):
    """Opens a ticket for some messages of another one."""

    topic = topics.TICKETS
    event = "split"
    numbers = Ticket

    def reads(self, event: Event[TicketSplit]) -> Iterable[Key]:
        """Return the ticket, the new one if it is there, and the messages."""
        d = event.data
        named = [Key.by_id(Message, name) for name in d.message_ids]
        return [Key.by_id(Ticket, d.ticket_id), Key.by_id(Ticket, d.into_id), *named]

    def follows(self, event: Event[TicketSplit], found: Found) -> Iterable[Key]:
        """Return the messages that were being split off before."""
        ticket = found.get(Ticket, event.data.ticket_id)
        return () if ticket is None else [Key.by_id(Message, _name(place)) for place in ticket.moving]

    def decide(self, event: Event[TicketSplit], found: Found) -> Change:
        """Open it, count less here, and ask each message to move."""
        d = event.data
        ticket, known = found.get(Ticket, d.ticket_id), found.get(Ticket, d.into_id)
        if ticket is None or ticket.tenant != event.tenant or d.into_id in ticket.split_into:
            return NOTHING
        actor = Actor(d.actor_kind, d.actor_id)
        messages = [message for name in d.message_ids if (message := found.get(Message, name)) is not None]
        moving = _still(ticket, found)
        if why := why_not(ticket, messages) or _too_many(moving, messages):
            return Change((), (because(ticket_fact(event, "ticket_split_refused", ticket, actor=actor), why),))
        messages.sort(key=lambda m: (m.received_at, m.sequence, m.id))
        new = known or opened(event, ticket, messages, found.number(Ticket, event.tenant))
        names = [message.id for message in messages]
        left = msgspec.structs.replace(
            ticket, merged_messages=ticket.merged_messages - len(messages),
            split_into=(*ticket.split_into, new.id)[-MOST_MERGED:], moving=(*moving, *map(_place, messages)),
            last_inbound_id=None if ticket.last_inbound_id in names else ticket.last_inbound_id,
            decided_version=ticket.version + 1, updated_at=max(event.occurred_at, ticket.updated_at),
        )  # fmt: skip
        told = because(ticket_fact(event, "ticket_split", new, actor=actor), f"from ticket {ticket.number}")
        told = msgspec.structs.replace(told, key=conversation_key(new.tenant, new.conversation_key))
        events = (*_moves(event, messages, new), *_elsewhere(event, messages, ticket, new), told)
        return Change((new, left) if known is None else (left,), events)


def _place(message: Message) -> str:
    """What a message leaves when it is split off: it is never there again."""
    return f"{message.ticket_id}/{message.id}"


def _name(place: str) -> str:
    return place.rpartition("/")[2]


def _still(ticket: Ticket, found: Found) -> list[str]:
    """The messages that were asked to move and have not yet."""
    known = ((place, found.get(Message, _name(place))) for place in ticket.moving)
    return [place for place, message in known if message is not None and _place(message) == place]


def _too_many(moving: Sequence[str], messages: Sequence[Message]) -> str:
    if len(moving) + len(messages) <= _MOVING:
        return ""
    return "many messages of the ticket are just being split off; try again in a moment"


def _moves(event: Event[TicketSplit], messages: Sequence[Message], new: Ticket) -> Iterable[Event[Any]]:
    d = event.data
    for sequence, message in enumerate(messages, 1):
        move = MessageMove(
            message_id=message.id, from_id=message.ticket_id or "", into_id=new.id, sequence=sequence,
            actor_kind=d.actor_kind, actor_id=d.actor_id,
        )  # fmt: skip
        yield event.causes(move, topic=topics.MESSAGES, issuer=SERVICE, name="move", of=message.id)


def _elsewhere(
    event: Event[TicketSplit], messages: Sequence[Message], ticket: Ticket, new: Ticket
) -> Iterable[Event[Any]]:
    """Have the merged tickets count less whose messages these were."""
    d = event.data
    for name, count in Counter(message.ticket_id or "" for message in messages).items():
        if name != ticket.id:
            less = TicketRelease(
                ticket_id=name, merged=(), messages=count, of=new.id, until=ticket.id,
                actor_kind=d.actor_kind, actor_id=d.actor_id,
            )  # fmt: skip
            yield event.causes(less, topic=topics.TICKETS, issuer=SERVICE, name="release", of=name)


class MoveMessage(Handler[MessageMove]):
    """Gives a message its place in another ticket."""

    topic = topics.MESSAGES
    event = "move"

    def reads(self, event: Event[MessageMove]) -> Iterable[Key]:
        """Return the message, and the question about it, where it waits for an approval."""
        return Key.by_id(Message, event.data.message_id), Key.by_id(Awaiting, event.data.message_id)

    def decide(self, event: Event[MessageMove], found: Found) -> Change:
        """Move it once."""
        d = event.data
        message = found.get(Message, d.message_id)
        if message is None or message.tenant != event.tenant or message.ticket_id != d.from_id:
            return NOTHING
        moved = msgspec.structs.replace(message, ticket_id=d.into_id, sequence=d.sequence)
        told = message_fact(event, "message_moved", moved)
        about = msgspec.structs.replace(told.data, actor_kind=d.actor_kind, actor_id=d.actor_id)
        key = conversation_key(event.tenant, message.author_id or message.id)
        waiting = found.get(Awaiting, d.message_id)
        mended = () if waiting is None else (msgspec.structs.replace(waiting, ticket_id=d.into_id),)
        return Change((moved,), (msgspec.structs.replace(told, data=about, key=key),), mended=mended)


HANDLERS = (SplitTicket(), MoveMessage())
