"""The event bus on Kafka: topics with a fixed number of partitions, ordered by key within each."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

from chorally_core.adapters.kafka.connection import probe
from chorally_core.adapters.kafka.consumer import HANDOVER_S, KafkaConsumer
from chorally_core.adapters.kafka.producer import Producer
from chorally_core.adapters.kafka.records import Record, to_record
from chorally_core.adapters.kafka.settings import KafkaSettings
from chorally_core.adapters.kafka.topics import Topics
from chorally_core.events import Event
from chorally_core.ports.bus import Consumer
from chorally_core.telemetry import traces

SLOW_S = 10.0
"""Events that wait for so long to be taken are trouble."""


class KafkaBus:
    """Serves the bus port from a Kafka cluster, between ``start`` and ``stop``."""

    def __init__(self, settings: KafkaSettings, *, handover_s: float = HANDOVER_S) -> None:
        """Prepare; nothing is connected yet.

        Args:
            settings: The way to the brokers, from ``parse``.
            handover_s: How long work in hand may take when partitions go to another member.
        """
        self._settings = settings
        self._handover_s = handover_s
        self._topics = Topics(settings)
        self._producer = Producer(settings)
        self._members: dict[str, KafkaConsumer] = {}
        self._woken = asyncio.Event()
        self._started = False

    async def start(self) -> None:
        """Connect, and begin to read for the consumers that were asked for.

        Raises:
            KafkaUnavailable: No server can be used; the message says why.
        """
        await probe(self._settings)
        await self._producer.start()
        self._started = True
        for member in self._members.values():
            member.membership.start()

    async def stop(self) -> None:
        """Leave the groups, and disconnect; what was not committed comes again."""
        self._started = False
        await asyncio.gather(*(member.membership.stop() for member in self._members.values()))
        await self._producer.stop()

    async def publish(self, events: Sequence[Event[Any]]) -> None:
        """Append events, in order for each key; waits for as long as the brokers are away.

        Raises:
            TooLarge: One is larger than Kafka takes; none is published.
            NotPublished: Kafka refused some; publish all of them again.
        """
        if not events:
            return
        if not self._started:
            raise RuntimeError("the bus is not started")
        by_topic: dict[str, list[Record]] = {}
        for event in events:
            by_topic.setdefault(event.topic, []).append(to_record(event))
        if not self._topics.known(by_topic):
            await self._topics.ensure(by_topic)
        named = {self._topics.name(topic): records for topic, records in by_topic.items()}
        if not traces.on:
            await self._producer.append(named)
            return
        with traces.along([event.traceparent for event in events], "publish", operation="send", size=len(events)):
            await self._producer.append(named)

    def consumer(self, group: str, topics: Collection[str]) -> Consumer:
        """Return the group's member in this process; one that was asked for before gives way to it."""
        earlier = self._members.get(group)
        if earlier is not None:
            earlier.membership.leave()
        member = self._members[group] = KafkaConsumer(
            self._settings,
            group,
            topics,
            ensure=self._topics.ensure,
            arrived=self.wake,
            handover_s=self._handover_s,
            after=earlier,
        )
        if self._started:
            member.membership.start()
        return member

    async def wait(self, timeout: float) -> None:
        """Return when something was read, or after ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()

    def wake(self) -> None:
        """Make whoever waits look again."""
        self._woken.set()

    async def missing_topics(self, topics: Collection[str]) -> list[str]:
        """Return which topics are not there; the bus need not be started.

        Raises:
            KafkaUnavailable: No broker answers.
        """
        return await self._topics.missing(topics)

    async def make_topics(self, topics: Collection[str]) -> list[str]:
        """Make the topics that are not there, and return which; the bus need not be started.

        Raises:
            KafkaUnavailable: One cannot be made, or no broker answers.
        """
        missing = await self._topics.missing(topics)
        await self._topics.ensure(topics)
        return missing

    def troubles(self) -> list[str]:
        """Say what keeps events from going in or out at the moment."""
        found = [told for member in self._members.values() if (told := member.membership.trouble())]
        waiting_s = self._producer.waiting_s()
        if waiting_s > SLOW_S:
            found.append(f"events have waited {waiting_s:.0f} s for Kafka to take them")
        return found

    def reports(self) -> list[str]:
        """Say which topics are otherwise than the settings say."""
        return list(self._topics.reports.values())
