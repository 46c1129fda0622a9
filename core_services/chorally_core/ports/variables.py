"""Texts with variables, such as ``Hello {{author.name|there}}``.

Which variables there are is said by whoever has the texts: rules, canned replies, templates of mails.
"""

import re
from collections.abc import Collection, Mapping

_PLACE = re.compile(r"\{\{\s*([^{}|]*?)\s*(?:\|([^{}]*))?\}\}")


def unknown_in(text: str, known: Collection[str]) -> list[str]:
    """Return the variables of a text that are none of those known."""
    return sorted({name for name, _ in _PLACE.findall(text)} - set(known))


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its variables replaced; where one is empty by what stands behind its bar."""
    return _PLACE.sub(lambda place: values.get(place[1], "") or (place[2] or ""), text)
