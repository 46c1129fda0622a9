"""Where messages go whose own ticket was merged into another one, or is of a thread that we began.

Merged tickets stay as they are, with their messages: they only name the ticket that goes on for them. So does whoever
looks for a ticket: a merge changes one document, however many messages there are.
"""

from collections.abc import Iterable

from chorally_core.ports.documents import Document, Key
from chorally_core.ports.handlers import Found
from chorally_core.services.message.model import Ticket

MOST_MERGED = 50
"""Tickets that may be merged into one."""


class Joined(Document, frozen=True, kw_only=True):
    """The ticket that a conversation without an open one of its own goes on in; under the conversation's open key.

    It holds for as long as that ticket, or the one that goes on for it, is unresolved. A merge that a kill ended
    before its ticket was changed leaves one that leads nowhere else than the conversation's own key does.
    """

    kind = "joined_conversation"

    ticket_id: str


def root(found: Found, ticket: Ticket | None) -> Ticket | None:
    """Return the ticket that goes on for one: itself, unless it was merged."""
    seen: set[str] = set()
    while ticket is not None and ticket.merged_into is not None and ticket.id not in seen:
        seen.add(ticket.id)
        following = found.get(Ticket, ticket.merged_into)
        if following is None:
            break
        ticket = following
    return ticket


def towards_root(found: Found, ticket: Ticket | None) -> Iterable[Key]:
    """Name the tickets on the way to the one that goes on, as far as they are known."""
    seen: set[str] = set()
    while ticket is not None and ticket.merged_into is not None and ticket.id not in seen:
        seen.add(ticket.id)
        yield Key.by_id(Ticket, ticket.merged_into)
        ticket = found.get(Ticket, ticket.merged_into)


def towards_unresolved(found: Found, open_key: str) -> Iterable[Key]:
    """Name what leads to the ticket of a conversation that has no open one of its own."""
    if found.get(Ticket, open_key, "open_key") is not None:
        return
    yield Key.by_id(Joined, open_key)
    joined = found.get(Joined, open_key)
    if joined is not None:
        yield Key.by_id(Ticket, joined.ticket_id)
        yield from towards_root(found, found.get(Ticket, joined.ticket_id))


def unresolved(found: Found, open_key: str) -> Ticket | None:
    """Return the unresolved ticket that a conversation's messages go to, where there is one."""
    own = found.get(Ticket, open_key, "open_key")
    if own is not None:
        return own
    joined = found.get(Joined, open_key)
    ticket = root(found, found.get(Ticket, joined.ticket_id)) if joined is not None else None
    return ticket if ticket is not None and ticket.status != "resolved" else None


def joining(found: Found, open_key: str, ticket_id: str) -> tuple[tuple[Joined, ...], tuple[Joined, ...]]:
    """Return the pointer of a conversation to a ticket: to be added, or to be changed where there is one."""
    known = found.get(Joined, open_key)
    tenant = found.get(Ticket, ticket_id)
    if tenant is None:
        raise LookupError(f"ticket {ticket_id} is not known")
    if known is None:
        return (Joined(id=open_key, tenant=tenant.tenant, ticket_id=ticket_id),), ()
    if known.ticket_id == ticket_id:
        return (), ()
    return (), (Joined(id=open_key, tenant=known.tenant, version=known.version, ticket_id=ticket_id),)
