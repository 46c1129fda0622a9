"""The event: an envelope of exactly ``issuer``, ``event`` and ``data``, and the headers beside it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from chorally_core.events.ids import derived

D = TypeVar("D", bound="Data")


class Data(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an event says; one subclass for each event, declared in ``catalogue``."""


class Event(msgspec.Struct, Generic[D], frozen=True, kw_only=True):
    """One fact or request, with its headers; immutable."""

    topic: str
    issuer: str
    """The service that says it, such as ``message-service``."""
    name: str
    """``event`` in the envelope, such as ``add``."""
    data: D
    id: str
    """Deterministic: the same cause gives the same id."""
    tenant: str
    key: str
    """Events of one key are handled in order."""
    occurred_at: datetime
    caused_by: str = ""
    """Id of the event or request that led to this one."""
    depth: int = 0
    """How many rules lie between the outside world and this event."""
    traceparent: str = ""
    """W3C trace context."""
    schema: int = 1

    def causes(
        self, data: "Data", *, topic: str, issuer: str, name: str, key: str = "", of: str = "", depth: int | None = None
    ) -> "Event[Any]":
        """Return an event that follows from this one, with an id that only this cause gives.

        Args:
            data: What it says.
            topic: Where it goes.
            issuer: Who says it.
            name: Its name in the envelope.
            key: Its ordering key; this event's where empty.
            of: Tells apart several events of the same name that one event causes.
            depth: Rules between the outside world and it; this event's where None.
        """
        return Event(
            topic=topic,
            issuer=issuer,
            name=name,
            data=data,
            id=derived(self.id, topic, name, of),
            tenant=self.tenant,
            key=key or self.key,
            occurred_at=self.occurred_at,
            caused_by=self.id,
            depth=self.depth if depth is None else depth,
            traceparent=self.traceparent,
        )


def carrying(events: Sequence[Event[Any]], traceparent: str) -> Sequence[Event[Any]]:
    """Return the events with a trace to carry on; those that are in one already stay in theirs."""
    if not traceparent:
        return events
    return [event if event.traceparent else msgspec.structs.replace(event, traceparent=traceparent) for event in events]


class Envelope(msgspec.Struct, frozen=True):
    """The value on the wire."""

    issuer: str
    event: str
    data: msgspec.Raw


class _Out(msgspec.Struct, frozen=True):
    issuer: str
    event: str
    data: Any


class Raw(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it lies on a bus: bytes, and headers that are all strings."""

    topic: str
    key: str
    value: bytes
    headers: Mapping[str, str]


_encoder = msgspec.json.Encoder()


def envelope(event: Event[Any]) -> bytes:
    """Return the event's value as it goes on a bus: UTF-8 JSON of ``{issuer, event, data}``."""
    return _encoder.encode(_Out(event.issuer, event.name, event.data))


def headers(event: Event[Any]) -> dict[str, str]:
    """Return the event's headers; those that say nothing are left out."""
    found = {
        "id": event.id,
        "tenant": event.tenant,
        "occurred_at": event.occurred_at.isoformat(),
        "schema": str(event.schema),
    }
    if event.caused_by:
        found["caused_by"] = event.caused_by
    if event.depth:
        found["depth"] = str(event.depth)
    if event.traceparent:
        found["traceparent"] = event.traceparent
    return found


def to_raw(event: Event[Any]) -> Raw:
    """Return the event as it lies on a bus."""
    return Raw(topic=event.topic, key=event.key, value=envelope(event), headers=headers(event))
