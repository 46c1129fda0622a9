"""Events as Kafka's records: the envelope is the value, what is said beside it are headers."""

from typing import Any, NamedTuple

from chorally_core.adapters.kafka.errors import TooLarge
from chorally_core.events import Event, Raw, Unknown, Unreadable, decode, envelope, headers

MOST_BYTES = 1_000_000
"""Of one event; brokers take 1 MiB unless told otherwise."""


class Record(NamedTuple):
    """What a producer appends."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def to_record(event: Event[Any]) -> Record:
    """Return the record of an event.

    Raises:
        TooLarge: Kafka would not take it.
    """
    value = envelope(event)
    if len(value) > MOST_BYTES:
        raise TooLarge(f"event {event.id} has {len(value)} bytes, Kafka takes {MOST_BYTES}; say less in it")
    return Record(event.key.encode(), value, [(name, text.encode()) for name, text in headers(event).items()])


def from_record(topic: str, record: Any) -> Event[Any] | Unreadable | Unknown:
    """Return the event that a record holds, or why it cannot be one; never raises.

    Args:
        topic: The topic by our name.
        record: What aiokafka read, of whoever wrote it.
    """
    try:
        key = record.key.decode()
        head = {name: text.decode() for name, text in record.headers}
    except (AttributeError, UnicodeDecodeError):  # no key, a header without a value, something other than UTF-8
        key = (record.key or b"").decode(errors="replace")
        head = {name: (text or b"").decode(errors="replace") for name, text in record.headers}
    return decode(Raw(topic=topic, key=key, value=record.value or b"", headers=head))


def position(partition: int, offset: int) -> str:
    """Return what names a record within its topic, and sorts in the order of its partition."""
    return f"{partition:05d}-{offset:019d}"
