"""Texts with variables, such as ``Hello {{author.name|there}}``."""

import re
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

_PLACE = re.compile(r"\{\{\s*([^{}|]*?)\s*(?:\|([^{}]*))?\}\}")


def unknown_in(text: str) -> list[str]:
    """Return the variables of a text that there are not."""
    return sorted({name for name, _ in _PLACE.findall(text)} - set(VARIABLES))


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its variables replaced; where one is empty by what stands behind its bar."""
    return _PLACE.sub(lambda place: values.get(place[1], "") or (place[2] or ""), text)
