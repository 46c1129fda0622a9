"""The message service's part of renaming tags: tickets that bear the former name."""

from datetime import datetime

import msgspec

from chorally_core.events.ids import derived
from chorally_core.ports.documents import Condition, Query
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.tags import Retagged
from chorally_core.services.message.changes import Actor
from chorally_core.services.message.facts import SERVICE, about_ticket, asked
from chorally_core.services.message.model import Ticket

_STEP = 100
_US = Actor("service", SERVICE)


class RetagTickets:
    """Goes through the tickets with a tag; each that is changed is told as a fact, which no rule answers."""

    name = "tickets"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def count(self, tenant: str, tag: str) -> int:
        """Return how many tickets bear a tag."""
        return await self._ledger.documents.count(_query(tenant, tag, ""))

    async def step(self, tenant: str, old: str, new: str, place: str, *, cause: str, at: datetime) -> Retagged:
        """Change at most 100 tickets; a place is the last one done."""
        found: list[Ticket] = await self._ledger.documents.find(_query(tenant, old, place))
        steps = []
        for ticket in found:
            tags = tuple(dict.fromkeys(new if tag == old else tag for tag in ticket.tags))
            changed = msgspec.structs.replace(ticket, tags=tags)
            told = about_ticket("ticket_retagged", changed, _US, {"tags": list(tags)})
            name = derived(cause, ticket.id, str(ticket.version))
            fact = asked(told, tenant=tenant, conversation=ticket.conversation_key, at=at, cause=name)
            steps.append(Step.of([changed], [fact]))
        if steps:
            await self._ledger.commit(Work(steps))
        return Retagged(len(found), found[-1].id if len(found) == _STEP else None)


def _query(tenant: str, tag: str, place: str) -> Query:
    where = (Condition("tags", "has", tag),)
    return Query(Ticket, tenant, where, limit=_STEP, after=(None, place) if place else None)
