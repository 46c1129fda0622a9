"""The message service's part of an erasure: an author's messages and tickets lose all that was said.

The records stay, so that counts and the order of events do; what comes again of an erased message is
dropped, because it counts as deleted. Each is told as a fact, by which the search index forgets it.
"""

from datetime import datetime
from typing import Any

import msgspec

from chorally_core.events import Event, LogAdd
from chorally_core.events.ids import derived
from chorally_core.ports.documents import Condition, Query
from chorally_core.ports.erasure import Erasure
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.services.message.approving import Awaiting
from chorally_core.services.message.changes import Actor, changed_ticket
from chorally_core.services.message.facts import SERVICE, about_message, about_ticket, asked
from chorally_core.services.message.model import Block, Message, Ticket

_STEP = 100
_US = Actor("service", SERVICE)


class EraseMessages:
    """Goes through an author's tickets, the messages in each, and those without a ticket."""

    name = "messages"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def step(self, erasure: Erasure, place: str) -> str | None:
        """Erase at most 100 messages, or one ticket.

        A place is a ticket and the last message of it that is done; after all tickets the ticket is empty.
        """
        if not place:
            return await self._next_ticket(erasure, "")
        ticket_id, _, message_id = place.partition("/")
        if not ticket_id:
            return await self._loose(erasure, message_id)
        ticket = await self._ledger.documents.get(Ticket, ticket_id)
        where = (Condition("ticket_id", "is", ticket_id),)
        found = await self._messages(erasure, where, message_id)
        await self._erase(erasure, found, ticket)
        if len(found) == _STEP:
            return f"{ticket_id}/{found[-1].id}"
        if ticket is not None:
            await self._erase_elsewhere(erasure, ticket)
            await self._erase_ticket(erasure, ticket)
        return await self._next_ticket(erasure, ticket_id)

    async def _next_ticket(self, erasure: Erasure, after: str) -> str:
        where = (Condition("author_id", "is", erasure.id),)
        query = Query(Ticket, erasure.tenant, where, limit=1, after=(None, after) if after else None)
        found: list[Ticket] = await self._ledger.documents.find(query)
        return f"{found[0].id}/" if found else "/"

    async def _loose(self, erasure: Erasure, after: str) -> str | None:
        where = (Condition("ticket_id", "absent"), Condition("author_id", "is", erasure.id))
        found = await self._messages(erasure, where, after)
        await self._erase(erasure, found, None)
        if len(found) == _STEP:
            return f"/{found[-1].id}"
        block = await self._ledger.documents.get(Block, Block.id_of(erasure.tenant, erasure.id))
        if block is not None and block.reason:
            await self._ledger.commit(Work([Step.of([msgspec.structs.replace(block, reason="")])]))
        return None

    async def _erase_elsewhere(self, erasure: Erasure, ticket: Ticket) -> None:
        """Erase what the person said in tickets that went on, or once did, for one of theirs."""
        places, seen = [*ticket.once_in, ticket.merged_into], {ticket.id}
        while places:
            name = places.pop()
            other = await self._ledger.documents.get(Ticket, name) if name is not None and name not in seen else None
            if other is None:
                continue
            seen.add(other.id)
            places += [*other.once_in, other.merged_into]
            after = ""
            while True:
                where = (Condition("ticket_id", "is", other.id), Condition("author_id", "is", erasure.id))
                found = await self._messages(erasure, where, after)
                await self._erase(erasure, found, ticket)
                if len(found) < _STEP:
                    break
                after = found[-1].id

    async def _messages(self, erasure: Erasure, where: tuple[Condition, ...], after: str) -> list[Message]:
        query = Query(Message, erasure.tenant, where, limit=_STEP, after=(None, after) if after else None)
        found: list[Message] = await self._ledger.documents.find(query)
        return found

    async def _erase(self, erasure: Erasure, messages: list[Message], ticket: Ticket | None) -> None:
        conversation = ticket.conversation_key if ticket is not None else erasure.id
        steps = []
        for message in messages:
            if (message.external_created_at or message.received_at) > erasure.at:
                continue
            if message.direction == "inbound" and message.author_id not in (None, erasure.id):
                continue  # somebody else's, in a ticket that goes on for both
            erased = without_content(message, erasure.at)
            if erased != message:
                fact = _told(about_message("message_erased", erased, _US), erasure, conversation)
                waiting = await self._ledger.documents.get(Awaiting, message.id) if message.approval else None
                steps.append(Step.of([erased], [fact], removed=[] if waiting is None else [waiting]))
        if steps:
            await self._ledger.commit(Work(steps))

    async def _erase_ticket(self, erasure: Erasure, ticket: Ticket) -> None:
        if ticket.created_at > erasure.at:
            return
        changed = changed_ticket(ticket, {"status": "resolved"}, erasure.at)
        erased = msgspec.structs.replace(
            changed, author_name="", subject="", custom_fields={}, language="", source_post_id=None
        )
        if erased != ticket:
            fact = _told(about_ticket("ticket_erased", erased, _US), erasure, ticket.conversation_key)
            await self._ledger.commit(Work([Step.of([erased], [fact])]))


def without_content(message: Message, at: datetime) -> Message:
    """Return what is left of a message that is erased."""
    empty: dict[str, Any] = {
        "body": "", "subject": "", "custom_fields": {}, "attachments": (), "route": "", "extra": {}, "author_name": "",
        "previous_versions": (), "external_id": None, "external_parent_id": None, "external_conversation_id": None,
        "external_url": None, "error": "", "template": None, "options": {}, "opens_to": "", "approval": None,
    }  # fmt: skip
    return msgspec.structs.replace(message, **empty, deleted_at=message.deleted_at or at)


def _told(data: LogAdd, erasure: Erasure, conversation: str) -> Event[LogAdd]:
    cause = derived("erased", data.subject_id, str(data.version))
    return asked(data, tenant=erasure.tenant, conversation=conversation, at=erasure.at, cause=cause)
