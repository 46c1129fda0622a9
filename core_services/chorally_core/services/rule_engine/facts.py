"""What a rule is judged on: the values of the fields, those that cost something only when they are asked for."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

WORDS = "#words"
"""Behind the name of a text: the set of its words."""
WAS = "#was"
"""Behind the name of a field: what it was before it changed."""
NOW = "now"
"""The instant of the judgement, in seconds since 1970."""
CHANGED = "changed"
"""The names of the fields that changed."""

_MARKS = "".join(chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code))[0] == "M")
"""What is written above, below or beside a letter and belongs to it; ``\\w`` leaves it out."""
_WORD = re.compile(rf"[\w{_MARKS}]+(?:['’][\w{_MARKS}]+)*")

Lazy = Callable[["Facts"], Any]
"""Computes a field from the others."""


def fold(text: str) -> str:
    """Return a text as it is compared: in one case, and letters that are written in several ways in one."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        return unicodedata.normalize("NFKC", text.casefold())
    return text.lower()


def words_of(folded: str) -> frozenset[str]:
    """Return the words of a folded text."""
    return frozenset(_WORD.findall(folded))


class Facts(dict[str, Any]):
    """The values of the fields by name: texts folded, sets frozen, times as seconds since 1970.

    A plain dictionary, so that known fields are read as quickly as Python can; what is not known reads as what stands
    for it. What that is belongs to the class, of which ``facts_of`` makes one for each set of fields.
    """

    __slots__ = ()
    missing: ClassVar[Mapping[str, Any]] = {}
    """What stands for each field that is not known."""
    lazy: ClassVar[Mapping[str, Lazy]] = {}
    """Computes fields that are not known, once each and only where asked for."""

    def __missing__(self, name: str) -> Any:
        value: Any
        if (make := self.lazy.get(name)) is not None:
            value = make(self)
        elif name.endswith(WORDS):
            value = words_of(self[name.removesuffix(WORDS)])
        elif name.endswith(WAS):
            value = self.missing.get(name.removesuffix(WAS))
        elif name == CHANGED:
            value = frozenset()
        else:
            value = self.missing[name]
        self[name] = value
        return value


def facts_of(missing: Mapping[str, Any], lazy: Mapping[str, Lazy] | None = None) -> type[Facts]:
    """Return the class of facts of some fields.

    Args:
        missing: What stands for each field that is not known, as a catalogue has it.
        lazy: Computes fields from others.
    """
    return type("Facts", (Facts,), {"__slots__": (), "missing": dict(missing), "lazy": dict(lazy or {})})
