"""What rules and bots ask for: an automatic reply, a note, a message to be hidden.

A message gets at most one automatic reply, whoever writes it: the reply's id is derived from the message it answers, so
there is room for one. What cannot be done is told as a fact, and ends there.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from chorally_core.events import Event, MessageAdd, MessageModerate, topics
from chorally_core.events.ids import automatic_reply_id
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found, Handler
from chorally_core.services.message import commands, joining
from chorally_core.services.message.changes import Actor
from chorally_core.services.message.facts import asked_by, because, message_fact, ticket_fact
from chorally_core.services.message.model import Message, Ticket


def keys_of(event: Event[MessageAdd]) -> Iterable[Key]:
    """Return what a decision about a message of ours needs: itself, its ticket, and what it answers."""
    d = event.data
    named = [Key.by_id(Message, d.id), Key.by_id(Ticket, d.ticket_id or "")]
    return [*named, Key.by_id(Message, d.parent_message_id)] if d.parent_message_id else named


def written(event: Event[MessageAdd], found: Found) -> Change:
    """Return the reply or note that a machine wrote; what was written before changes nothing."""
    d = event.data
    known, ticket = found.get(Message, d.id), joining.root(found, found.get(Ticket, d.ticket_id))
    if ticket is None or ticket.tenant != event.tenant:
        return NOTHING
    actor = Actor(d.actor_kind, d.actor_id)
    if known is not None and (known.sender_kind, known.sender_id, known.body) != (*actor, d.body):
        return _refused(event, ticket, "the message has got an automatic reply")
    if known is not None and not ticket.lacks(known):
        return NOTHING
    try:
        change = _decided(event, ticket, found.get(Message, d.parent_message_id), known, actor)
    except commands.NotPossible as error:
        return _refused(event, ticket, str(error))
    return Change(change.writes, _as_caused(event, change), mended=change.mended)


def _decided(
    event: Event[MessageAdd], ticket: Ticket, answered: Message | None, known: Message | None, actor: Actor
) -> Change:
    d, at = event.data, event.occurred_at
    if d.direction == "internal":
        return commands.note(ticket, body=d.body, actor=actor, message_id=d.id, at=at, known=known)
    if answered is None or d.id != automatic_reply_id(event.tenant, answered.id):
        raise commands.NotPossible("an automatic reply bears the id that belongs to the message it answers")
    if answered.automatic or answered.direction != "inbound":
        raise commands.NotPossible("a machine wrote the message, which is not answered automatically")
    closes = ticket.reply_window_expires_at
    if known is None and closes is not None and at >= closes:
        raise commands.NotPossible("the platform takes no answer any more: the window is closed")
    return commands.reply(
        ticket, answered, body=d.body, actor=actor, message_id=d.id, at=at, automatic=True, known=known,
        content=commands.Content(options=d.options),
    )  # fmt: skip


def _as_caused(event: Event[MessageAdd] | Event[MessageModerate], change: Change) -> tuple[Event[Any], ...]:
    """The events that a command gives, as what the request led to."""
    return tuple(msgspec.structs.replace(caused, caused_by=event.id, depth=event.depth) for caused in change.events)


def _refused(event: Event[MessageAdd], ticket: Ticket, why: str) -> Change:
    d = event.data
    fact = ticket_fact(event, "automatic_message_refused", ticket, actor=Actor(d.actor_kind, d.actor_id))
    about = msgspec.structs.replace(fact.data, message_id=d.parent_message_id)
    return Change((), (asked_by(because(msgspec.structs.replace(fact, data=about), why), event),))


class ModerateMessage(Handler[MessageModerate]):
    """Passes on what a rule wants done to a message on its platform."""

    topic = topics.MESSAGES
    event = "moderate"

    def reads(self, event: Event[MessageModerate]) -> Iterable[Key]:
        """Return the message."""
        return (Key.by_id(Message, event.data.message_id),)

    def follows(self, event: Event[MessageModerate], found: Found) -> Iterable[Key]:
        """Return its ticket."""
        message = found.get(Message, event.data.message_id)
        return () if message is None or not message.ticket_id else (Key.by_id(Ticket, message.ticket_id),)

    def decide(self, event: Event[MessageModerate], found: Found) -> Change:
        """Command it; the channel does it once for the id. What cannot be done is told as a fact."""
        d = event.data
        message = found.get(Message, d.message_id)
        if message is None or message.tenant != event.tenant:
            return NOTHING
        ticket = found.get(Ticket, message.ticket_id)
        actor = Actor(d.actor_kind, d.actor_id)
        try:
            change = commands.moderate(
                message, ticket, d.verb, body="", actor=actor, action_id=d.id, at=event.occurred_at
            )
        except commands.NotPossible as error:
            fact = message_fact(event, "moderation_refused", message)
            snapshot = {**fact.data.snapshot, "verb": d.verb, "reason": str(error)}
            told = msgspec.structs.replace(fact.data, snapshot=snapshot, actor_kind=actor.kind, actor_id=actor.id)
            return Change((), (asked_by(msgspec.structs.replace(fact, data=told), event),))
        return Change((), _as_caused(event, change))
