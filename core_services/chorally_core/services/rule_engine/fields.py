"""What conditions may look at: each field with its type, and what stands for it where it is missing."""

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Type(StrEnum):
    """How a field's value is compared."""

    KEYWORD = "keyword"
    """One of some words, or an id: compared as it is."""
    TEXT = "text"
    """What people write: compared without regard to case and to ways of writing the same letters."""
    NUMBER = "number"
    BOOLEAN = "boolean"
    SET = "set"
    """Any number of keywords, such as tags."""
    TIME = "time"
    """An instant, in seconds since 1970."""


MISSING: Mapping[Type, Any] = {
    Type.KEYWORD: None,
    Type.TEXT: "",
    Type.NUMBER: math.nan,  # compares as false with everything
    Type.BOOLEAN: None,
    Type.SET: frozenset(),
    Type.TIME: math.nan,
}
"""The value of a field that is not known; no positive test is true of it."""


class UnknownField(ValueError):
    """There is no such field; the message names those that are spelled nearly so."""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that conditions may look at."""

    name: str
    type: Type
    title: str
    description: str = ""
    values: tuple[str, ...] = ()
    """The only values of a keyword, or members of a set; empty where any may come."""


class Catalogue:
    """The fields that there are, those of the tenant's own included."""

    def __init__(self, fields: Iterable[Field]) -> None:
        """Take the fields.

        Raises:
            ValueError: Two have one name.
        """
        self._fields: dict[str, Field] = {}
        for field in fields:
            if field.name in self._fields:
                raise ValueError(f"two fields are called {field.name!r}")
            self._fields[field.name] = field
        self.missing = {name: MISSING[field.type] for name, field in self._fields.items()}
        """What stands for each field where it is not known."""

    def __iter__(self) -> Iterator[Field]:
        return iter(self._fields.values())

    def __getitem__(self, name: str) -> Field:
        """Return the field of that name.

        Raises:
            UnknownField: There is none.
        """
        try:
            return self._fields[name]
        except KeyError:
            near = difflib.get_close_matches(name, self._fields, n=3, cutoff=0.5)
            hint = (
                f"; did you mean {' or '.join(map(repr, near))}?" if near else "; GET /rule-engine/v1/schema lists all"
            )
            raise UnknownField(f"there is no field {name!r}{hint}") from None
