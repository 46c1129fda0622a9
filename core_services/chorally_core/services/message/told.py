"""What the log tells of messages and tickets besides the least: all that rules look at, and nothing where it is usual.

It is stored with every message, so each word counts; what is left out is unknown, empty, or as it mostly is.
"""

from typing import Any

from chorally_core.services.message.model import Message, Ticket

SHOWN = 2000
"""Characters of a message that the log tells."""


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
        told["platform"] = message.platform
        told["ticket"] = of_ticket(ticket, version)
        for name in ("platform", "channel", "last_inbound"):  # the message tells them
            told["ticket"].pop(name, None)
    return told


def of_ticket(ticket: Ticket, version: int) -> dict[str, Any]:
    """Return what rules need to know of a ticket; instants are seconds since 1970."""
    told: dict[str, Any] = {
        "version": version,
        "number": ticket.number,
        "status": ticket.status,
        "priority": ticket.priority,
        "platform": ticket.platform,
        "channel": ticket.channel,
        "messages": ticket.message_count,
        "created": ticket.created_at.timestamp(),
    }
    usual = {
        "assignee_id": ticket.assignee_id, "team_id": ticket.team_id, "tags": ticket.tags, "subject": ticket.subject,
        "language": ticket.language, "custom": ticket.custom_fields, "reopened": ticket.reopened_count,
        "last_inbound": ticket.last_inbound_id,
    }  # fmt: skip
    told.update({name: value for name, value in usual.items() if value})
    instants = {
        "author_at": ticket.last_author_message_at, "agent_at": ticket.last_agent_message_at,
        "waiting": ticket.waiting_since, "window": ticket.reply_window_expires_at,
    }  # fmt: skip
    told.update({name: at.timestamp() for name, at in instants.items() if at is not None})
    return told
