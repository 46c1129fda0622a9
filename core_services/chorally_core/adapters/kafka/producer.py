"""Appends records: idempotent, acknowledged by all replicas in sync, in batches.

A batch that fails leaves a gap in what an idempotent producer has promised its broker, which then refuses all that
follows. So a producer ends with its first failed batch, and the next call gets a new one.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer

from chorally_core.adapters.kafka.closing import CLOSE_S, close
from chorally_core.adapters.kafka.connection import options
from chorally_core.adapters.kafka.keys import partition_of
from chorally_core.adapters.kafka.lane import Lane
from chorally_core.adapters.kafka.records import Record
from chorally_core.adapters.kafka.settings import KafkaSettings

log = structlog.get_logger(__name__)

_BATCH_BYTES = 262_144


class Producer:
    """Appends to any topic."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._client: Any = None
        self._renewing = asyncio.Lock()
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Connect."""
        await self._connected()

    async def append(self, topic_records: Mapping[str, Sequence[Record]]) -> None:
        """Return when all records are durable; in order for each key.

        Raises:
            NotPublished: Kafka refused some of them.
        """
        done = []
        for topic, records in topic_records.items():
            count = len(await self._partitions(topic))
            by_partition: dict[int, list[Record]] = {}
            for record in records:
                by_partition.setdefault(partition_of(record.key, count), []).append(record)
            done += [self._lane(topic, partition).put(part) for partition, part in by_partition.items()]
        for told in await asyncio.gather(*done, return_exceptions=True):
            if told is not None:
                raise told

    async def _partitions(self, topic: str) -> Sequence[int]:
        client = self._client or await self._connected()
        found: Sequence[int] = await client.partitions_for(topic)
        return found

    def _lane(self, topic: str, partition: int) -> Lane:
        lane = self._lanes.get((topic, partition))
        if lane is None:
            lane = self._lanes[topic, partition] = Lane(topic, partition, self._new_batch, self._send)
        return lane

    async def _new_batch(self) -> Any:
        return (self._client or await self._connected()).create_batch()

    async def _send(self, batch: Any, topic: str, partition: int) -> None:
        client = self._client or await self._connected()
        try:
            await (await client.send_batch(batch, topic, partition=partition))
        except Exception as error:
            if self._client is client:
                self._client = None
                log.warning("a Kafka producer is replaced", topic=topic, partition=partition, error=repr(error))
                ending = asyncio.create_task(client.stop(), name="kafka producer ends")
                self._ending.add(ending)
                ending.add_done_callback(self._ending.discard)
            raise

    async def _connected(self) -> Any:
        async with self._renewing:
            if self._client is None:
                compression = self._settings.compression
                client = AIOKafkaProducer(
                    acks="all",
                    enable_idempotence=True,
                    max_batch_size=_BATCH_BYTES,
                    compression_type=None if compression == "none" else compression,
                    **await asyncio.to_thread(options, self._settings),
                )
                try:
                    await client.start()
                except BaseException:
                    await close(client)
                    raise
                self._client = client
            return self._client

    def waiting_s(self) -> float:
        """Return for how long the oldest batch has been under way; 0 where none is."""
        now = asyncio.get_running_loop().time()
        return max((now - lane.since for lane in self._lanes.values() if lane.since is not None), default=0.0)

    async def stop(self) -> None:
        """Give up what is under way, and disconnect."""
        await asyncio.gather(*(lane.stop() for lane in self._lanes.values()))
        if self._client is not None:
            client, self._client = self._client, None
            await close(client)
        if self._ending:
            await asyncio.wait(self._ending, timeout=CLOSE_S)
        for ending in self._ending:
            ending.cancel()
