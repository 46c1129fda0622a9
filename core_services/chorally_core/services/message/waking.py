"""Wakes snoozed tickets whose time has come."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Condition, Documents, Key, Query
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.services.message.commands import wake
from chorally_core.services.message.model import Ticket


async def wake_due(documents: Documents, actions: Actions, now: Callable[[], datetime]) -> int:
    """Wake the tickets whose snooze has ended; return how many there were."""
    where = (Condition("snoozed_until", "<=", now()),)
    due: list[Ticket] = await documents.find(Query(Ticket, None, where, limit=500))
    for ticket in due:
        await actions.act([Key.by_id(Ticket, ticket.id)], partial(_woken, ticket.id, now()))
    return len(due)


def _woken(ticket_id: str, at: datetime, found: Found) -> Change:
    ticket = found.get(Ticket, ticket_id)
    return NOTHING if ticket is None else wake(ticket, at=at)
