"""What the log tells of messages and tickets besides the least: all that rules look at, and nothing where it is usual.

It is stored with every message, so each word counts; what is left out is unknown, empty, or as it mostly is.
"""

from typing import Any

from chorally_core.services.message.model import Message, Ticket

SHOWN = 2000
"""Characters of a message that the log tells."""
_EXTRA = 20  # things that a platform tells besides
_PLAIN = 200  # characters of each


def of_message(message: Message, ticket: Ticket | None = None, version: int = 0) -> dict[str, Any]:
    """Return what a reader of the log needs to know of a message.

    Args:
        message: The message.
        ticket: Its ticket, where rules may answer the fact.
        version: The ticket's version once the fact holds.
    """
    told = message.snapshot()
    told["body"] = message.body[:SHOWN]
    if message.direction != "inbound":
        if ticket is not None:
            told["ticket"] = _within(ticket, version)
        return told
    told["sequence"] = message.sequence
    if message.content != "text":
        told["kind"] = message.content
    if message.subject:
        told["subject"] = message.subject[:SHOWN]
    if message.language:
        told["language"] = message.language
    if message.rating is not None:
        told["rating"] = message.rating
    if message.attachments:
        told["attachments"] = sorted({attached.kind for attached in message.attachments})
    if message.edited_at is not None:
        told["edited"] = True
    if ticket is not None:
        if message.external_conversation_id:
            told["post"] = message.external_conversation_id
        if message.extra:
            told["custom"] = _bounded(message.extra)
        told["platform"] = message.platform
        told["ticket"] = _within(ticket, version)
    return told


def of_ticket(ticket: Ticket, version: int) -> dict[str, Any]:
    """Return what rules need to know of a ticket; instants are seconds since 1970."""
    told = _within(ticket, version)
    told["platform"] = ticket.platform
    told["channel"] = ticket.channel
    if ticket.last_inbound_id is not None:
        told["last_inbound"] = ticket.last_inbound_id
    return told


def _within(ticket: Ticket, version: int) -> dict[str, Any]:
    """The same beside one of its messages, which tells the rest; in plain steps, as it is done for each of them."""
    told: dict[str, Any] = {
        "version": version,
        "number": ticket.number,
        "status": ticket.status,
        "priority": ticket.priority,
        "messages": ticket.message_count + ticket.merged_messages,
        "created": ticket.created_at.timestamp(),
    }
    if ticket.assignee_id is not None:
        told["assignee_id"] = ticket.assignee_id
    if ticket.team_id is not None:
        told["team_id"] = ticket.team_id
    if ticket.tags:
        told["tags"] = ticket.tags
    if ticket.subject:
        told["subject"] = ticket.subject
    if ticket.language:
        told["language"] = ticket.language
    if ticket.custom_fields:
        told["custom"] = ticket.custom_fields
    if ticket.reopened_count:
        told["reopened"] = ticket.reopened_count
    if ticket.last_author_message_at is not None:
        told["author_at"] = ticket.last_author_message_at.timestamp()
    if ticket.last_agent_message_at is not None:
        told["agent_at"] = ticket.last_agent_message_at.timestamp()
    if ticket.waiting_since is not None:
        told["waiting"] = ticket.waiting_since.timestamp()
    if ticket.reply_window_expires_at is not None:
        told["window"] = ticket.reply_window_expires_at.timestamp()
    if ticket.snoozed_until is not None:
        told["snoozed"] = ticket.snoozed_until.timestamp()
    return told


def _bounded(extra: dict[str, Any]) -> dict[str, Any]:
    """What a platform tells besides, as far as it is plain and short."""
    plain = {name: value for name, value in extra.items() if isinstance(value, str | int | float | bool)}
    return {name: value[:_PLAIN] if isinstance(value, str) else value for name, value in [*plain.items()][:_EXTRA]}
