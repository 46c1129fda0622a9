"""Merging tickets, undoing that, and splitting messages off into a ticket of their own.

A ticket that is merged keeps its messages and gives up its place; the one that it is merged into lists them with its
own. A decision changes one document; what it means for others is asked for by an event. All events of a tenant's merges
have one key, so one is decided after another (decision 0026).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from chorally_core.events import (
    Data,
    Event,
    LogAdd,
    TicketAbsorb,
    TicketMerge,
    TicketRelease,
    TicketUnmerge,
    topics,
)
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found, Handler
from chorally_core.services.message import joining
from chorally_core.services.message.changes import Actor
from chorally_core.services.message.facts import SERVICE, because, conversation_key, ticket_fact
from chorally_core.services.message.joining import MOST_MERGED, Joined
from chorally_core.services.message.model import Ticket

_TAGS, _FIELDS, _REMEMBERED = 50, 100, 16


def merge_key(tenant: str) -> str:
    """Return the key of all merges and splits of a tenant: they are decided one after another."""
    return f"{tenant}/merging"


def asked_for(data: Data, name: str, tenant: str, cause: str, at: datetime) -> Event[Any]:
    """Return the event by which a person asks for a merge, its undoing, or a split."""
    return Event(
        topic=topics.TICKETS, issuer=SERVICE, name=name, data=data, id=cause, tenant=tenant, key=merge_key(tenant),
        occurred_at=at,
    )  # fmt: skip


def why_not(ticket: Ticket, into: Ticket) -> str:
    """Say why a ticket cannot be merged into another, with what to do; empty where it can."""
    if ticket.id == into.id:
        return "a ticket is not merged into itself; name another one"
    if ticket.merged_into is not None:
        return "the ticket was merged already; undo that first"
    if into.status == "resolved":
        return "the ticket to go on with is resolved; reopen it first"
    if len(into.merged) + len(ticket.merged) + 1 > MOST_MERGED:
        return f"a ticket goes on for at most {MOST_MERGED} others; merge into a new one"
    return ""


class MergeTickets(Handler[TicketMerge]):
    """Has a ticket end in another one."""

    topic = topics.TICKETS
    event = "merge"

    def reads(self, event: Event[TicketMerge]) -> Iterable[Key]:
        """Return both."""
        return Key.by_id(Ticket, event.data.ticket_id), Key.by_id(Ticket, event.data.into_id)

    def follows(self, event: Event[TicketMerge], found: Found) -> Iterable[Key]:
        """Return the ticket that goes on for the other one, and where the conversation leads now."""
        yield from joining.towards_root(found, found.get(Ticket, event.data.into_id))
        ticket = found.get(Ticket, event.data.ticket_id)
        if ticket is not None:
            yield Key.by_id(Joined, _place_of(ticket))

    def decide(self, event: Event[TicketMerge], found: Found) -> Change:
        """Give up the conversation's place, and ask the other one to count what it gets."""
        d = event.data
        ticket, into = found.get(Ticket, d.ticket_id), joining.root(found, found.get(Ticket, d.into_id))
        if not _both(ticket, into, event) or ticket is None or into is None or ticket.has_seen(event.id):
            return NOTHING
        actor = Actor(d.actor_kind, d.actor_id)
        if why := why_not(ticket, into):
            return Change((), (because(_told(event, "ticket_merge_refused", ticket, actor=actor), why),))
        added: tuple[Joined, ...] = ()
        changed: tuple[Joined, ...] = ()
        if ticket.open_key is not None and ticket.conversation_key != into.conversation_key:
            added, changed = joining.joining(found, _place_of(ticket), ticket.id)
        merged = msgspec.structs.replace(
            ticket, status="resolved", resolved_at=ticket.resolved_at or event.occurred_at, open_key=None,
            waiting_since=None, snoozed_until=None, unread_count=0, merged_into=into.id,
            once_in=tuple(dict.fromkeys((*ticket.once_in, into.id)))[-MOST_MERGED:],
            changed_by=(*ticket.changed_by, event.id)[-_REMEMBERED:], decided_version=ticket.version + 1,
            updated_at=max(event.occurred_at, ticket.updated_at),
        )  # fmt: skip
        told = _told(event, "ticket_merged", merged, actor=actor)
        return Change((*added, merged), (_asks(event, "absorb", _brings(ticket, into.id, actor)), told), mended=changed)


def _brings(ticket: Ticket, into: str, actor: Actor) -> TicketAbsorb:
    return TicketAbsorb(
        ticket_id=into, from_id=ticket.id, merged=(ticket.id, *ticket.merged), messages=ticket.all_messages,
        unread=ticket.unread_count, tags=ticket.tags, custom_fields=ticket.custom_fields,
        was_open=ticket.status == "open", waiting_since=ticket.waiting_since,
        last_author_message_at=ticket.last_author_message_at, last_agent_message_at=ticket.last_agent_message_at,
        last_inbound_id=ticket.last_inbound_id, reply_window_expires_at=ticket.reply_window_expires_at,
        assignee_id=ticket.assignee_id, team_id=ticket.team_id, actor_kind=actor.kind, actor_id=actor.id,
    )  # fmt: skip


class AbsorbTicket(Handler[TicketAbsorb]):
    """Has a ticket go on for another one."""

    topic = topics.TICKETS
    event = "absorb"

    def reads(self, event: Event[TicketAbsorb]) -> Iterable[Key]:
        """Return the ticket that goes on."""
        return (Key.by_id(Ticket, event.data.ticket_id),)

    def decide(self, event: Event[TicketAbsorb], found: Found) -> Change:
        """Count what came; where the ticket was merged meanwhile, the one that goes on for it counts it too."""
        d = event.data
        ticket = found.get(Ticket, d.ticket_id)
        if ticket is None or set(d.merged) <= set(ticket.merged):
            return NOTHING  # it has them already
        goes_on = ticket.merged_into is None
        changes: dict[str, Any] = {
            "merged": tuple(dict.fromkeys((*ticket.merged, *d.merged))),
            "merged_messages": ticket.merged_messages + d.messages,
            "tags": tuple(dict.fromkeys((*ticket.tags, *d.tags)))[:_TAGS],
            "custom_fields": dict(list({**d.custom_fields, **ticket.custom_fields}.items())[:_FIELDS]),
            "assignee_id": ticket.assignee_id or d.assignee_id,
            "team_id": ticket.team_id or d.team_id,
            "last_agent_message_at": _latest(ticket.last_agent_message_at, d.last_agent_message_at),
            "changed_by": (*ticket.changed_by, event.id)[-_REMEMBERED:],
            "decided_version": ticket.version + 1,
            "updated_at": max(event.occurred_at, ticket.updated_at),
        }
        if goes_on:
            changes["unread_count"] = ticket.unread_count + d.unread
        if d.last_author_message_at is not None and d.last_author_message_at == _latest(
            ticket.last_author_message_at, d.last_author_message_at
        ):
            changes |= {
                "last_author_message_at": d.last_author_message_at, "last_inbound_id": d.last_inbound_id,
                "reply_window_expires_at": d.reply_window_expires_at,
            }  # fmt: skip
        if d.was_open and ticket.status != "resolved":
            waits = [at for at in (ticket.waiting_since, d.waiting_since) if at is not None]
            changes |= {"status": "open", "waiting_since": min(waits, default=None)}
        events: list[Event[Any]] = []
        if ticket.merged_into is not None:
            events.append(_asks(event, "absorb", msgspec.structs.replace(d, ticket_id=ticket.merged_into or "")))
        absorbed = msgspec.structs.replace(ticket, **changes)
        told = _told(event, "ticket_absorbed", absorbed, actor=Actor(d.actor_kind, d.actor_id))
        return Change((absorbed,), (*events, because(told, f"ticket {d.from_id}")))


class UnmergeTicket(Handler[TicketUnmerge]):
    """Has a merged ticket stand by itself again."""

    topic = topics.TICKETS
    event = "unmerge"

    def reads(self, event: Event[TicketUnmerge]) -> Iterable[Key]:
        """Return the ticket."""
        return (Key.by_id(Ticket, event.data.ticket_id),)

    def follows(self, event: Event[TicketUnmerge], found: Found) -> Iterable[Key]:
        """Return who has its place by now."""
        ticket = found.get(Ticket, event.data.ticket_id)
        return () if ticket is None else (Key(Ticket, "open_key", _place_of(ticket)),)

    def decide(self, event: Event[TicketUnmerge], found: Found) -> Change:
        """Take its messages back; it is open again where no other ticket of its conversation is."""
        d = event.data
        ticket = found.get(Ticket, d.ticket_id)
        if ticket is None or ticket.tenant != event.tenant or ticket.has_seen(event.id) or ticket.merged_into is None:
            return NOTHING
        is_free = found.get(Ticket, _place_of(ticket), "open_key") is None
        opened: dict[str, Any] = {"status": "open", "open_key": _place_of(ticket), "resolved_at": None}
        alone = msgspec.structs.replace(
            ticket, merged_into=None, changed_by=(*ticket.changed_by, event.id)[-_REMEMBERED:],
            decided_version=ticket.version + 1, updated_at=max(event.occurred_at, ticket.updated_at),
            **(opened if is_free else {}),
        )  # fmt: skip
        lost = TicketRelease(
            ticket_id=ticket.merged_into, merged=(ticket.id, *ticket.merged), messages=ticket.all_messages,
            of=ticket.id, last_inbound_id=ticket.last_inbound_id, actor_kind=d.actor_kind, actor_id=d.actor_id,
        )  # fmt: skip
        told = _told(event, "ticket_unmerged", alone, actor=Actor(d.actor_kind, d.actor_id))
        return Change((alone,), (_asks(event, "release", lost), told))


class ReleaseTicket(Handler[TicketRelease]):
    """Has a ticket count less: what it went on for stands by itself, or messages were split off."""

    topic = topics.TICKETS
    event = "release"

    def reads(self, event: Event[TicketRelease]) -> Iterable[Key]:
        """Return the ticket."""
        return (Key.by_id(Ticket, event.data.ticket_id),)

    def decide(self, event: Event[TicketRelease], found: Found) -> Change:
        """Count less; so does the one that goes on for it."""
        d = event.data
        ticket = found.get(Ticket, d.ticket_id)
        if ticket is None:
            return NOTHING
        gone, is_split = set(d.merged), not d.merged
        if d.of in ticket.split_into if is_split else not gone & set(ticket.merged):
            return NOTHING  # it counts less already
        less = msgspec.structs.replace(
            ticket, split_into=(*ticket.split_into, d.of)[-MOST_MERGED:] if is_split else ticket.split_into,
            merged=tuple(name for name in ticket.merged if name not in gone),
            merged_messages=ticket.merged_messages - d.messages,
            last_inbound_id=None if ticket.last_inbound_id == d.last_inbound_id else ticket.last_inbound_id,
            changed_by=(*ticket.changed_by, event.id)[-_REMEMBERED:], decided_version=ticket.version + 1,
            updated_at=max(event.occurred_at, ticket.updated_at),
        )  # fmt: skip
        events: list[Event[Any]] = []
        if ticket.merged_into not in (None, d.until):
            events.append(_asks(event, "release", msgspec.structs.replace(d, ticket_id=ticket.merged_into or "")))
        if not is_split:
            told = _told(event, "ticket_released", less, actor=Actor(d.actor_kind, d.actor_id))
            events.append(because(told, f"ticket {d.of}"))
        return Change((less,), tuple(events))


def _asks(event: Event[Any], name: str, data: TicketAbsorb | TicketRelease) -> Event[Any]:
    """What a decision means for another ticket, under the key of all merges."""
    return event.causes(data, topic=topics.TICKETS, issuer=SERVICE, name=name, of=f"{name}/{data.ticket_id}")


def _told(event: Event[Any], what: str, ticket: Ticket, *, actor: Actor) -> Event[LogAdd]:
    """A fact about a ticket, in the order of its own conversation."""
    fact = ticket_fact(event, what, ticket, actor=actor)
    return msgspec.structs.replace(fact, key=conversation_key(ticket.tenant, ticket.conversation_key))


def _both(ticket: Ticket | None, into: Ticket | None, event: Event[Any]) -> bool:
    return all(each is not None and each.tenant == event.tenant for each in (ticket, into))


def _place_of(ticket: Ticket) -> str:
    return Ticket.key_of(ticket.tenant, ticket.account_id, ticket.conversation_key)


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)


HANDLERS = (MergeTickets(), AbsorbTicket(), UnmergeTicket(), ReleaseTicket())
