"""What may stand in the texts of rules, such as ``Hello {{author.name|there}}``."""

from collections.abc import Mapping

VARIABLES: Mapping[str, str] = {
    "author.name": "Name of whoever wrote",
    "author.handle": "Their name on the platform",
    "message.text": "What they wrote, its first 2,000 characters",
    "message.channel": "Where they wrote it",
    "ticket.number": "Number of the ticket",
    "ticket.subject": "Its subject",
    "rule.name": "Name of the rule",
}
"""What may stand in a text, and what it means."""
