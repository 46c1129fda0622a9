"""Events as records, and what else may lie on a topic."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.partitioner import murmur2
from chorally_core.adapters.kafka import TooLarge
from chorally_core.adapters.kafka.keys import hashed, partition_of
from chorally_core.adapters.kafka.records import MOST_BYTES, from_record, position, to_record
from chorally_core.events import Event, TriggerEvaluate, Unreadable, envelope, topics
from hypothesis import given
from hypothesis import strategies as st


def an_event(text: str = "così — 👍") -> Event[Any]:
    """Return an event with every header."""
    return Event(
        topic=topics.RULE_TRIGGERS,
        issuer="log-service",
        name="evaluate",
        data=TriggerEvaluate(log_id="l1", kind="message_received", snapshot={"text": text}),
        id="e1",
        tenant="acme",
        key="acme/Zoë",
        occurred_at=datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=UTC),
        caused_by="c1",
        depth=2,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )


def read(**fields: Any) -> Any:
    """Return a record as it is read."""
    return SimpleNamespace(**{"key": b"k", "value": b"{}", "headers": (), **fields})


def test_the_value_is_the_envelope_and_the_rest_are_headers() -> None:
    """Who reads the topic by other means sees the envelope as it is specified, and who caused what beside it."""
    key, value, head = to_record(an_event())
    assert value == envelope(an_event())
    assert key == "acme/Zoë".encode()
    assert dict(head) == {
        "id": b"e1",
        "tenant": b"acme",
        "occurred_at": b"2026-11-23T09:00:00.123456+00:00",
        "schema": b"1",
        "caused_by": b"c1",
        "depth": b"2",
        "traceparent": b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }


def test_an_event_comes_back_as_it_was() -> None:
    """Nothing is lost on the way."""
    key, value, head = to_record(an_event())
    assert from_record(topics.RULE_TRIGGERS, read(key=key, value=value, headers=tuple(head))) == an_event()


@pytest.mark.parametrize(
    "record",
    [
        read(value=None),
        read(key=None),
        read(key=b"\xff\xfe", value=b"\xff"),
        read(headers=(("id", None), ("id", b"\xff"))),
    ],
)
def test_what_others_may_write_is_unreadable_and_never_raises(record: Any) -> None:
    """Tombstones, missing keys and bytes that are no text go to the dead letters."""
    assert isinstance(from_record(topics.RULE_TRIGGERS, record), Unreadable)


def test_what_is_not_an_event_keeps_its_bytes() -> None:
    """A person sees what lay on the topic."""
    found = from_record(topics.LOGS, read(key=b"k\xff", value=b"\x00\x01"))
    assert isinstance(found, Unreadable)
    assert (found.raw.key, found.raw.value, found.raw.topic) == ("k\ufffd", b"\x00\x01", topics.LOGS)


def test_an_event_that_kafka_would_not_take_is_refused_by_name() -> None:
    """The size is known before anything is sent."""
    with pytest.raises(TooLarge, match=r"event e1 has \d+ bytes, Kafka takes 1000000"):
        to_record(an_event("x" * MOST_BYTES))


def test_positions_sort_as_numbers_and_name_the_partition() -> None:
    """Parked events are taken up in the order of their positions."""
    offsets = [0, 9, 10, 99, 10**12]
    assert sorted(position(7, offset) for offset in offsets) == [position(7, offset) for offset in offsets]
    assert position(7, 5).startswith("00007-")


@given(st.binary(max_size=80), st.integers(1, 100))
def test_keys_go_where_every_client_of_kafka_sends_them(key: bytes, partitions: int) -> None:
    """A publisher in another language keeps the order of our keys."""
    assert hashed(key) == murmur2(key) & 0x7FFFFFFF
    assert partition_of(key, partitions) == (murmur2(key) & 0x7FFFFFFF) % partitions
