"""Fields of the tenant's own, on tickets, people and messages: what each takes, and what is wrong with a value.

The metadata service keeps the definitions; whoever writes such fields has them checked here.
"""

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from chorally_core.ports.documents import Document
from chorally_core.ports.storable import mistake_in

Entity = Literal["ticket", "author", "message"]
FieldType = Literal["text", "number", "boolean", "date", "select", "multi_select", "url"]
Identifies = Literal["mail", "phone", "link"]

MOST = 100
"""Fields of one kind of record, archived ones among them."""
LONGEST = 2000
"""Characters of a text."""
IDENTIFY = "author/identify"
"""Job that reads again who people are, after a field was said to identify them."""


class InvalidValue(ValueError):
    """A value that a field does not take; ``field`` names it."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why


class Option(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of the values of a selection."""

    value: str
    title: str = ""
    archived: bool = False
    """It stays where it was chosen, and is offered no more."""


class CustomField(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One field. Its key, what it is of and its type never change."""

    id: str
    key: str
    of: Entity
    type: FieldType
    number: int = 1
    """Goes up with each change."""
    title: str
    description: str = ""
    required: bool = False
    """It cannot be emptied, and a ticket is not resolved without it."""
    default: Any = None
    """What it has from the first change of the record's fields on, unless it is given something else."""
    options: tuple[Option, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    max_length: int = LONGEST
    identifies: Identifies | None = None
    """What the value says of who the person is; for texts and links of people."""
    archived: bool = False
    """What it has stays to be seen; it cannot be written."""
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str

    def settled(self, value: Any, present: Any = None) -> Any:
        """Return a value as it is stored.

        Args:
            value: What the field shall have; None empties it.
            present: What it has, which stays good although it could not be chosen any more.

        Raises:
            ValueError: The field does not take it; says why.
        """
        if value is not None and type(value) is type(present) and value == present:
            return value
        if self.archived:
            raise ValueError("the field is archived")
        if self.required and (value is None or value == []):
            raise ValueError("must not be empty")
        if value is None:
            return None
        return _SETTLE[self.type](self, value, present)


class FieldSet(Document, frozen=True, kw_only=True):
    """The fields of a tenant; under the tenant's id."""

    kind = "custom_field_set"

    free: bool = True
    """Whether fields may be written that nobody has declared."""
    fields: tuple[CustomField, ...] = ()

    def find(self, field_id: str) -> CustomField | None:
        """Return a field by its id."""
        return next((field for field in self.fields if field.id == field_id), None)

    def declared(self, of: Entity) -> dict[str, CustomField]:
        """Return the fields of a kind of record, by key."""
        return {field.key: field for field in self.fields if field.of == of}

    def settled(
        self, of: Entity, wanted: Mapping[str, Any], present: Mapping[str, Any], *, complete: bool = False
    ) -> dict[str, Any]:
        """Return the values to be written: those wanted as they are stored, and the defaults of those never set.

        Args:
            of: The kind of record.
            wanted: What shall change; None empties a field.
            present: What the record has.
            complete: Whether what is required must be there in the end.

        Raises:
            InvalidValue: A field does not take its value, or there is no such field, or one is missing.
        """
        declared = self.declared(of)
        settled: dict[str, Any] = {}
        for key, value in wanted.items():
            field = declared.get(key)
            if field is None:
                if not self.free and key not in present:
                    why = f"there is no such field of a {of}; see GET /metadata/v1/fields, or have it added there"
                    raise InvalidValue(key, why)
                settled[key] = value
                continue
            try:
                settled[key] = field.settled(value, present.get(key))
            except ValueError as error:
                raise InvalidValue(key, str(error)) from None
        for key, field in declared.items():
            if field.default is not None and not field.archived and key not in settled and key not in present:
                settled[key] = field.default
        if complete:
            for key, field in declared.items():
                if field.required and not field.archived and settled.get(key, present.get(key)) in (None, [], ()):
                    raise InvalidValue(key, "is required before the ticket is resolved; fill it in")
        return settled


def _text(field: CustomField, value: Any, present: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text, or null to empty it")
    if len(value) > field.max_length:
        raise ValueError(f"must have at most {field.max_length} characters")
    if why := mistake_in(value):
        raise ValueError(why)
    return value


def _number(field: CustomField, value: Any, present: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("must be a number, or null to empty it")
    if why := mistake_in(value):
        raise ValueError(why)
    if field.minimum is not None and value < field.minimum:
        raise ValueError(f"must be at least {field.minimum:g}")
    if field.maximum is not None and value > field.maximum:
        raise ValueError(f"must be at most {field.maximum:g}")
    return value


def _boolean(field: CustomField, value: Any, present: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false, or null to empty it")
    return value


def _date(field: CustomField, value: Any, present: Any) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise ValueError("must be a date such as 2026-11-23, or null to empty it") from None


def _select(field: CustomField, value: Any, present: Any) -> str:
    _offered(field, value, ())
    chosen: str = value
    return chosen


def _multi_select(field: CustomField, value: Any, present: Any) -> list[str]:
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list of options, or null to empty it")
    had = present if isinstance(present, list | tuple) else ()
    for each in value:
        _offered(field, each, had)
    return list(dict.fromkeys(value))


def _offered(field: CustomField, value: Any, had: Any) -> None:
    offered = [option.value for option in field.options if not option.archived]
    if not isinstance(value, str) or (value not in offered and value not in had):
        raise ValueError(f"must be one of {', '.join(offered)}")


def _url(field: CustomField, value: Any, present: Any) -> str:
    text = _text(field, value, present)
    try:
        parts = urlsplit(text)
        is_link = parts.scheme in ("http", "https") and bool(parts.hostname) and not any(c.isspace() for c in text)
    except ValueError:
        is_link = False
    if not is_link:
        raise ValueError("must be a link that begins with https:// or http://, or null to empty it")
    return text


_SETTLE: Mapping[FieldType, Callable[[CustomField, Any, Any], Any]] = {
    "text": _text,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "select": _select,
    "multi_select": _multi_select,
    "url": _url,
}
