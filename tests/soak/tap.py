"""Reads what goes over the bus, beside the system: when each thing was told, and in which order."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from chorally_core.adapters.kafka.records import from_record
from chorally_core.events import Event, topics

_PREFIX = "soak-"
_PATIENCE_S = 10.0
_SILENCE_S = 10.0
_TOPICS = (topics.MESSAGES, topics.LOGS, topics.RULE_TRIGGERS)


@dataclass(frozen=True)
class Heard:
    """One event, where it lies and when it was there."""

    place: tuple[str, int, int]
    """Topic, partition and offset."""
    event: Event[Any]
    at: float
    """By this machine's monotonic clock."""


class Tap:
    """Keeps every event of the topics that tell what became of messages."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        self._bootstrap = bootstrap
        self._partitions = partitions
        self._heard: dict[tuple[str, int, int], Heard] = {}
        self._positions: dict[TopicPartition, int] = {}
        self.ticket_at: dict[str, float] = {}
        """When the log was told of each message that came in, by its id."""
        self.endings: Counter[str] = Counter()
        """What ended reading, which then began again."""

    async def run(self) -> None:
        """Read until cancelled, through whatever happens to the broker and to its client."""
        while True:
            life = asyncio.create_task(self._live(), name="tap")
            try:
                await asyncio.wait([life])
            finally:
                life.cancel()
            self.endings[_kind(life)] += 1
            await asyncio.sleep(0.5)

    async def _live(self) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, enable_auto_commit=False, auto_offset_reset="earliest",
            request_timeout_ms=10_000,
        )  # fmt: skip
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await consumer.start()
            await self._read(consumer)
        finally:
            async with asyncio.timeout(_PATIENCE_S):
                await consumer.stop()

    async def _read(self, consumer: Any) -> None:
        """Read until nothing has come for long, which may be the reader's fault."""
        looked, came = float("-inf"), time.monotonic()
        while time.monotonic() - came < _SILENCE_S:
            if time.monotonic() - looked > 2.0:
                looked = time.monotonic()
                async with asyncio.timeout(_PATIENCE_S):
                    await self._assign(consumer)
            if not consumer.assignment():
                await asyncio.sleep(0.1)
                continue
            for place, records in (await consumer.getmany(timeout_ms=100)).items():
                came = time.monotonic()
                for record in records:
                    self._keep(place, record)
                    self._positions[place] = record.offset + 1

    async def _assign(self, consumer: Any) -> None:
        """Take in topics that have appeared since."""
        known = await consumer.topics()
        wanted = {
            TopicPartition(_PREFIX + topic, number)
            for topic in _TOPICS
            if _PREFIX + topic in known
            for number in range(self._partitions)
        }
        if wanted and wanted != consumer.assignment():
            consumer.assign(sorted(wanted))
            for place in wanted:
                consumer.seek(place, self._positions.get(place, 0))

    def _keep(self, place: Any, record: Any) -> None:
        topic = place.topic.removeprefix(_PREFIX)
        event = from_record(topic, record)
        if not isinstance(event, Event):
            return
        at = (topic, place.partition, record.offset)
        if at in self._heard:
            return
        now = time.monotonic()
        self._heard[at] = Heard(at, event, now)
        if topic == topics.LOGS and event.data.kind == "message_received":
            self.ticket_at.setdefault(event.data.subject_id, now)

    def events(self, topic: str) -> list[Event[Any]]:
        """Return the events of a topic, those of a partition in its order."""
        return [self._heard[place].event for place in sorted(self._heard) if place[0] == topic]


def _kind(life: asyncio.Task[None]) -> str:
    if life.cancelled():
        return "cancelled"
    error = life.exception()
    return type(error).__name__ if error else "silence"
