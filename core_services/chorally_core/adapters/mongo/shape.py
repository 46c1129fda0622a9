"""A document as it lies in its collection, and back.

``{_id, tenant, version, schema, doc, x, arrived, outbox}``: ``doc`` is the record as JSON types, so that every field
can be asked for and no instant loses its microseconds; ``schema`` the one that it is in; ``x`` has the instants again,
in microseconds, which queries sort and compare by; ``arrived`` the place in the order of arrival, of kinds that are
followed; ``outbox`` the events that were caused and not relayed, with the instant in microseconds.
"""

from datetime import datetime
from types import NoneType
from typing import Any, get_args, get_type_hints

import msgspec

from chorally_core.events import Event, Raw, decode, to_raw
from chorally_core.ports.documents import Document
from chorally_core.ports.schemas import upgraded


class Shape:
    """How one kind of document is stored."""

    def __init__(self, of: type[Document]) -> None:
        self.of = of
        self.name = of.kind
        hints = get_type_hints(of)
        looked_up = [*of.unique, *of.sparse, *(field for index in of.indexes for field in index)]
        self.columns = tuple(dict.fromkeys(f for f in looked_up if f not in ("id", "tenant", "version")))
        self.instants = tuple(f for f in of.__struct_fields__ if datetime in (hints[f], *get_args(hints[f])))
        needed = [field.name for field in msgspec.structs.fields(of) if field.required]
        self._nothing = {name: None for name in needed if NoneType in get_args(hints[name])}

    def path(self, field: str) -> str:
        """Return where a field of the document lies.

        Raises:
            ValueError: The document has no such field.
        """
        if field in ("id", "tenant", "version"):
            return "_id" if field == "id" else field
        if field in self.instants:
            return f"x.{field}"
        if field not in self.of.__struct_fields__:
            raise ValueError(f"{self.of.__name__} has no field {field!r}")
        return f"doc.{field}"

    def fields(self, document: Document) -> dict[str, Any]:
        """Return what is stored of a document beside its id."""
        named = ((field, getattr(document, field)) for field in self.of.__struct_fields__)
        return {
            "tenant": document.tenant,
            "version": document.version,
            "schema": self.of.schema,
            "doc": {field: msgspec.to_builtins(value) for field, value in named if value is not None},
            "x": {field: micros(at) for field in self.instants if (at := getattr(document, field)) is not None},
        }

    def document(self, stored: dict[str, Any]) -> Document:
        """Return the document that is stored, in whatever schema.

        Raises:
            TooNew: A later release has stored it.
        """
        fields, since = {**self._nothing, **stored["doc"]}, stored.get("schema", 1)
        return msgspec.convert(fields if since == self.of.schema else upgraded(self.of, fields, since), self.of)


def micros(at: datetime) -> int:
    """Return an instant in microseconds."""
    return round(at.timestamp() * 1_000_000)


def to_value(value: Any) -> Any:
    """Return a value as queries compare with it."""
    return micros(value) if isinstance(value, datetime) else value


def to_outbox(event: Event[Any], at: int) -> dict[str, Any]:
    """Return an event as it lies in an outbox since an instant."""
    raw = to_raw(event)
    return {
        "id": event.id, "at": at, "topic": raw.topic, "key": raw.key, "headers": dict(raw.headers), "value": raw.value,
    }  # fmt: skip


def from_outbox(stored: dict[str, Any]) -> Event[Any] | None:
    """Return the event of an outbox; None where this version no longer knows it."""
    raw = Raw(topic=stored["topic"], key=stored["key"], value=bytes(stored["value"]), headers=stored["headers"])
    event = decode(raw)
    return event if isinstance(event, Event) else None
