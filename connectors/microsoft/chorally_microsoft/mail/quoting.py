"""Tells what is new in a mail from the earlier one below it, as Outlook and the usual programs mark it."""

import re
from typing import NamedTuple

_MARKS = re.compile(
    r"^(?:"
    r"_{20,}[ \t]*\n+(?=[^\n:]{1,30}:[^\n]*\n[^\n:]{1,30}:)"  # Outlook: a rule, then the headers of the earlier mail
    r"|-{2,}[ \t]*(?:original message|messaggio originale|ursprüngliche nachricht|message d'origine)[ \t]*-{2,}"
    r"|From:[^\n]*\n(?:Sent|Date):[^\n]*\n(?:To|Cc|Subject):"
    r"|[^\n]{5,200}(?:wrote|ha scritto|schrieb|a écrit|escribió):[ \t]*\n+>"
    r")",
    re.MULTILINE | re.IGNORECASE,
)


class Split(NamedTuple):
    """A text in two."""

    new: str
    quoted: str


def split(text: str) -> Split:
    """Return what is new in a text, and what it quotes; where nothing new would remain, all of it is new."""
    found = _MARKS.search(text)
    new = text[: found.start()].rstrip() if found else text
    return Split(new, text[found.start() :].strip()) if found and new.strip() else Split(text.rstrip("\r\n"), "")
