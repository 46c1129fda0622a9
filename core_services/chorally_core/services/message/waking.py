"""Wakes snoozed tickets whose time has come."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

import structlog

from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Condition, Documents, Key, Query
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.services.message.commands import wake
from chorally_core.services.message.model import Ticket

log = structlog.get_logger(__name__)

_STEP = 500


async def wake_due(documents: Documents, actions: Actions, now: Callable[[], datetime]) -> int:
    """Wake the tickets whose snooze has ended; return how many there were."""
    where = (Condition("snoozed_until", "<=", now()),)
    woken = 0
    after: tuple[None, str] | None = None
    while True:
        due: list[Ticket] = await documents.find(Query(Ticket, None, where, limit=_STEP, after=after))
        for ticket in due:
            try:
                await actions.act([Key.by_id(Ticket, ticket.id)], partial(_woken, ticket.id, now()))
                woken += 1
            except Exception as error:  # it holds up no other, and is tried again in the next round
                log.error("a ticket could not be woken", ticket_id=ticket.id, exc_info=error)
        if len(due) < _STEP:
            return woken
        after = (None, due[-1].id)


def _woken(ticket_id: str, at: datetime, found: Found) -> Change:
    ticket = found.get(Ticket, ticket_id)
    return NOTHING if ticket is None else wake(ticket, at=at)
