"""Finds the one of a batch that cannot be stored, so that it is set aside and holds up nothing.

A decision that fails is noticed at once. What it gives may still be refused by the store: a text that is no
Unicode, a value that another document holds. Then the whole batch fails, and nothing says whose fault it was:
it is taken again one by one, and who fails alone is to blame. A disk that is full is nobody's fault.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from chorally_core.ports.documents import Conflict

_DEEPEST = 32  # levels of a JSON value; every reader of it has room for many more
_LARGEST = 2**63
_CONFLICTS = 5  # in a row after which a conflict is no coincidence
_OF_CONTENT = (
    TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError, msgspec.MsgspecError,
)  # fmt: skip


class Storable:
    """Remembers what could not be stored, over the turns in which it is taken again."""

    def __init__(self) -> None:
        self._singly = 0
        self._conflicts: dict[str, int] = {}
        self._blamed: dict[str, Exception] = {}

    def limit(self, batch: int) -> int:
        """Return how many to take next: one while it is looked for who is to blame."""
        return 1 if self._singly else batch

    def failed(self, names: Sequence[str], error: Exception) -> None:
        """Take in that these could not be stored together."""
        if len(names) > 1:
            self._singly = len(names)
            return
        (name,) = names
        if isinstance(error, Conflict):
            self._conflicts = {name: self._conflicts.get(name, 0) + 1}
            if self._conflicts[name] < _CONFLICTS:
                return
        elif not is_of_content(error):
            return
        self.blame(name, error)

    def blame(self, name: str, error: Exception) -> None:
        """Take in that this one can never be stored."""
        self._blamed[name] = error

    def stored(self, names: Sequence[str]) -> None:
        """Take in that these were stored, or what was put in their place."""
        self._singly = max(self._singly - len(names), 0)
        if self._blamed or self._conflicts:
            for name in names:
                self._blamed.pop(name, None)
                self._conflicts.pop(name, None)

    def check(self, name: str) -> None:
        """Raise what storing this one led to, where it is to blame."""
        if self._blamed and name in self._blamed:
            raise self._blamed[name]


def shown(error: Exception) -> str:
    """Return an error as it can be stored: its type and text, at most 2,000 characters, all of them Unicode."""
    return f"{type(error).__name__}: {error}"[:2000].encode(errors="replace").decode()


def is_of_content(error: Exception) -> bool:
    """Whether an error comes of what was to be stored, so that it comes again whenever it is tried."""
    return isinstance(error, _OF_CONTENT)


def mistake_in(value: Any) -> str:
    """Say why a JSON value from outside cannot be kept and shown again; empty where it can."""
    level = [value]
    for _ in range(_DEEPEST):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, Mapping):
                inner += [*one.keys(), *one.values()]
            elif isinstance(one, list | tuple):
                inner += one
            elif why := _mistake_in_plain(one):
                return why
        if not inner:
            return ""
        level = inner
    return f"must not be nested deeper than {_DEEPEST} levels"


def _mistake_in_plain(value: Any) -> str:
    if isinstance(value, str):
        return "" if value.isascii() or _is_unicode(value) else "must be Unicode, without halves of characters"
    if isinstance(value, float):
        return "" if math.isfinite(value) else "must have finite numbers only"
    if isinstance(value, int):
        return "" if -_LARGEST <= value < _LARGEST else "must have integers of 64 bits only"
    return ""


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
