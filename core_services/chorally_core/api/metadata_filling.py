"""Texts with variables, filled in for a ticket."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from chorally_core.api.problem import Problem
from chorally_core.ports.canned import CannedReply
from chorally_core.ports.documents import Documents
from chorally_core.ports.identity import Caller
from chorally_core.services.author.model import Author
from chorally_core.services.message.model import Message, Ticket

_SHOWN = 2000


class Filled(NamedTuple):
    """A text that is ready."""

    language: str
    text: str


@dataclass(frozen=True)
class Filling:
    """Knows what variables mean for a ticket."""

    documents: Documents

    async def canned(self, canned: CannedReply, ticket_id: str, language: str, caller: Caller) -> Filled:
        """Return a canned reply in the language wanted, or the ticket's, or the author's.

        Raises:
            Problem: 404, there is no such ticket.
        """
        ticket = await self.ticket(ticket_id, caller)
        author = await self._author(ticket)
        wanted = language or ticket.language or (author.language if author else "")
        taken, _ = canned.text_in(wanted)
        return Filled(taken, canned.rendered(wanted, await self.values(ticket, caller)))

    async def ticket(self, ticket_id: str, caller: Caller) -> Ticket:
        """Return a ticket of the caller's tenant.

        Raises:
            Problem: 404.
        """
        ticket = await self.documents.get(Ticket, ticket_id)
        if ticket is None or ticket.tenant != caller.tenant:
            raise Problem(404, "there is no such ticket")
        return ticket

    async def values(self, ticket: Ticket, caller: Caller) -> Mapping[str, str]:
        """Return what the variables stand for."""
        author = await self._author(ticket)
        last = await self.documents.get(Message, ticket.last_inbound_id) if ticket.last_inbound_id else None
        return {
            "author.name": ticket.author_name or (author.name if author else ""),
            "author.handle": author.handle if author else "",
            "message.text": last.body[:_SHOWN] if last else "",
            "message.channel": last.channel if last else ticket.channel,
            "ticket.number": str(ticket.number),
            "ticket.subject": ticket.subject,
            "agent.name": caller.name,
        }

    async def _author(self, ticket: Ticket) -> Author | None:
        author = await self.documents.get(Author, ticket.author_id) if ticket.author_id else None
        return author if author is not None and author.tenant == ticket.tenant else None
