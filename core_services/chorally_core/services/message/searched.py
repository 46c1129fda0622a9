"""How messages and tickets are found."""

from collections.abc import Iterable
from typing import Any

from chorally_core.events import Event, LogAdd
from chorally_core.ports.indexing import Source, Touched
from chorally_core.ports.search import Entry
from chorally_core.ports.stems import language_of
from chorally_core.services.message.model import Message, Ticket

_MERGES = ("ticket_merged", "ticket_unmerged")
"""Facts after which another ticket goes on for one, and has its messages."""


def ticket_entry(ticket: Ticket) -> Entry:
    """Return a ticket as it is found: by its subject, number, author's name and custom fields."""
    fields = " \n".join(_texts(ticket.custom_fields))
    return Entry(
        kind="ticket", id=ticket.id, tenant=ticket.tenant, version=ticket.version, at=ticket.updated_at,
        title=ticket.subject, body=f"{fields} \n{ticket.number}".strip(), names=ticket.author_name,
        language=language_of(ticket.language, ticket.subject), channel=ticket.channel,
        platform=ticket.platform, account_id=ticket.account_id, author_id=ticket.author_id or "", ticket_id=ticket.id,
        status=ticket.status, priority=ticket.priority, assignee_id=ticket.assignee_id or "",
        team_id=ticket.team_id or "", tags=ticket.tags,
    )  # fmt: skip


def message_entry(message: Message) -> Entry:
    """Return a message as it is found, by what it says and who wrote it; one that is deleted or loose is not."""
    return Entry(
        kind="message", id=message.id, tenant=message.tenant, version=message.version,
        at=message.external_created_at or message.received_at,
        gone=message.deleted_at is not None or message.ticket_id is None, title=message.subject, body=message.body,
        names=message.author_name,
        language=language_of(message.language, f"{message.subject} {message.body}"), channel=message.channel,
        platform=message.platform, account_id=message.account_id, author_id=message.author_id or "",
        ticket_id=message.ticket_id or "", direction=message.direction, content=message.content,
    )  # fmt: skip


def _texts(value: Any) -> Iterable[str]:
    """The texts and numbers in a value, however deep they lie."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)


def _moved(fact: Event[LogAdd]) -> Iterable[str]:
    return (fact.data.subject_id,) if fact.data.kind in _MERGES else ()


TICKETS = Source(
    kind="ticket",
    of=Ticket,
    touched=lambda fact: (Touched(fact.data.ticket_id),) if fact.data.ticket_id else (),
    entries=lambda ticket: (ticket_entry(ticket),),
)
MESSAGES = Source(
    kind="message",
    of=Message,
    touched=lambda fact: (Touched(fact.data.message_id),) if fact.data.message_id else (),
    entries=lambda message: (message_entry(message),),
    within="ticket_id",
    moved=_moved,
)
SOURCES = (TICKETS, MESSAGES)
