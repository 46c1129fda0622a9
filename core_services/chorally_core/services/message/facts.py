"""The facts that the message service tells."""

from datetime import datetime
from typing import Any

import msgspec

from chorally_core.events import Event, LogAdd, topics
from chorally_core.events.ids import derived
from chorally_core.services.message.changes import SYSTEM, Actor
from chorally_core.services.message.model import SPLIT, Message, Ticket
from chorally_core.services.message.told import of_message, of_ticket

SERVICE = "message-service"
GROUP = "message"


def conversation_key(tenant: str, conversation: str) -> str:
    """Return the ordering key of everything that belongs to a conversation: ``tenant/author``."""
    return f"{tenant}/{conversation.partition(SPLIT)[0]}"


def message_fact(
    event: Event[Any], what: str, message: Message, ticket: Ticket | None = None, version: int = 0
) -> Event[LogAdd]:
    """Return a fact about a message that an event led to; with its ticket where rules may answer it."""
    data = _about_message(what, message, SYSTEM, of_message(message, ticket, version))
    return event.causes(data, topic=topics.LOGS, issuer=SERVICE, name="add", of=what)


def ticket_fact(
    event: Event[Any],
    what: str,
    ticket: Ticket,
    *,
    actor: Actor = SYSTEM,
    backfilled: bool = False,
    changes: dict[str, Any] | None = None,
    before: Ticket | None = None,
    rules: tuple[str, ...] = (),
) -> Event[LogAdd]:
    """Return a fact about a ticket that an event led to; ``before`` tells what it was."""
    data = _about_ticket(what, ticket, actor, backfilled, changes, before, rules)
    return event.causes(data, topic=topics.LOGS, issuer=SERVICE, name="add", of=what)


def because(fact: Event[LogAdd], reason: str) -> Event[LogAdd]:
    """Return a fact that says why something was not done."""
    data = msgspec.structs.replace(fact.data, snapshot={**fact.data.snapshot, "reason": reason})
    return msgspec.structs.replace(fact, data=data)


def asked_by(fact: Event[LogAdd], event: Event[Any]) -> Event[LogAdd]:
    """Return a fact that says on what the rules fired that had asked for something."""
    data = msgspec.structs.replace(fact.data, snapshot={**fact.data.snapshot, "asked_by": event.caused_by})
    return msgspec.structs.replace(fact, data=data)


def asked(
    data: LogAdd, *, tenant: str, conversation: str, at: datetime, cause: str, traceparent: str = ""
) -> Event[LogAdd]:
    """Return a fact that a request through the API led to; ``cause`` makes its id."""
    return Event(
        topic=topics.LOGS,
        issuer=SERVICE,
        name="add",
        data=data,
        id=derived(cause, topics.LOGS, data.kind, data.subject_id),
        tenant=tenant,
        key=conversation_key(tenant, conversation),
        occurred_at=at,
        caused_by=cause,
        traceparent=traceparent,
    )


def about_message(what: str, message: Message, actor: Actor, ticket: Ticket | None = None) -> LogAdd:
    """Return what a fact says about a message; with its ticket as it is then, where that has changed by it."""
    told = of_message(message, ticket, 0 if ticket is None else ticket.version + 1)
    return _about_message(what, message, actor, told)


def about_ticket(
    what: str, ticket: Ticket, actor: Actor, changes: dict[str, Any] | None = None, before: Ticket | None = None
) -> LogAdd:
    """Return what a fact says about a ticket; ``before`` tells what it was."""
    return _about_ticket(what, ticket, actor, False, changes, before)


def _about_message(what: str, message: Message, actor: Actor, snapshot: dict[str, Any]) -> LogAdd:
    if actor is SYSTEM and message.direction == "inbound" and message.author_id:
        actor = Actor("author", message.author_id)
    return LogAdd(
        kind=what,
        subject_type="message",
        subject_id=message.id,
        version=message.version + 1,
        ticket_id=message.ticket_id,
        message_id=message.id,
        author_id=message.author_id,
        account_id=message.account_id,
        actor_kind=actor.kind,
        actor_id=actor.id,
        snapshot=snapshot,
        backfilled=message.backfilled,
        automatic=message.automatic,
    )


def _about_ticket(
    what: str,
    ticket: Ticket,
    actor: Actor,
    backfilled: bool,
    changes: dict[str, Any] | None,
    before: Ticket | None = None,
    rules: tuple[str, ...] = (),
) -> LogAdd:
    snapshot = ticket.snapshot()
    if changes:
        snapshot["changes"] = changes
    if before is not None:
        snapshot |= of_ticket(ticket, ticket.version + 1)
        snapshot["was"] = {field: getattr(before, field) for field in changes or ()}
    return LogAdd(
        kind=what,
        subject_type="ticket",
        subject_id=ticket.id,
        version=ticket.version + 1,
        ticket_id=ticket.id,
        author_id=ticket.author_id,
        account_id=ticket.account_id,
        actor_kind=actor.kind,
        actor_id=actor.id,
        snapshot=snapshot,
        backfilled=backfilled,
        rules=rules,
    )
