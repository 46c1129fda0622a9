"""A member of a consumer group: reads ahead beside the work, hands out, commits when the work is durable.

Who gets which partition is decided by ranges, so that the same key of several topics is one member's, as long as the
topics have as many partitions. aiokafka 0.14 knows no cooperative rebalance: at each one all members give up all
partitions. A member first lets the work in hand end, for a while, then forgets what it read; what was not committed
by then is read by whoever has the partition next, and the old member's commit is refused.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition, errors
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from chorally_core.adapters.kafka.closing import CLOSE_S, close
from chorally_core.adapters.kafka.connection import options
from chorally_core.adapters.kafka.errors import KafkaUnavailable, Moved
from chorally_core.adapters.kafka.records import from_record, position
from chorally_core.adapters.kafka.settings import KafkaSettings
from chorally_core.adapters.kafka.share import Reach, Share
from chorally_core.ports.bus import Batch, Delivered

log = structlog.get_logger(__name__)

HANDOVER_S = 10.0
_AHEAD = 1_000  # records read ahead; beyond them nothing more is fetched
_FETCH_MS = 1_000
_LOOK_S = 5.0  # between looks at where the log ends while nothing is fetched
_LONGEST_PAUSE_S = 30.0


class KafkaConsumer:
    """A member of one group that reads some topics; the bus starts and stops it."""

    def __init__(
        self,
        settings: KafkaSettings,
        group: str,
        topics: Collection[str],
        *,
        ensure: Callable[[Collection[str]], Awaitable[None]],
        arrived: Callable[[], None],
        handover_s: float = HANDOVER_S,
        after: "KafkaConsumer | None" = None,
    ) -> None:
        """Prepare; nothing is connected yet.

        Args:
            settings: The way to the brokers.
            group: By our name.
            topics: By our names.
            ensure: Makes topics that are missing.
            arrived: Called when there is something to poll.
            handover_s: How long work in hand may take before its partitions are given up.
            after: The member whose place it takes, which ends first.
        """
        self.group = group
        self.topics = sorted(topics)
        self.trouble = ""
        """Why it cannot read at the moment; empty where it can."""
        self._settings = settings
        self._ensure = ensure
        self._arrived = arrived
        self._handover_s = handover_s
        self._after = after
        self._names = {settings.prefix + topic: topic for topic in self.topics}
        self._share = Share()
        self._open = False
        self._left = False
        self._ending = False
        self._pause_s = 1.0
        self._ends: dict[TopicPartition, int] = {}
        self._places: dict[TopicPartition, int] = {}
        self._settled = asyncio.Event()
        self._settled.set()
        self._room = asyncio.Event()
        self._client: Any = None
        self._gone: asyncio.Future[None] | None = None
        self._starting: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def shares(self) -> int:
        """How often partitions came or went; whoever remembers something of its keys learns it anew when it grows."""
        return self._share.number

    async def poll(self, limit: int) -> Batch:
        """Return what was read ahead, at most ``limit``; empty while partitions are being shared out."""
        if self._task is None:
            raise RuntimeError("the bus is not started")
        if self._task.done() and not self._left:
            self._task.result()
        if not self._open:
            return Batch([], None)
        parts, reach = self._share.take(limit)
        if not parts:
            return Batch([], None)
        self._settled.clear()
        if self._share.ahead < _AHEAD:
            self._room.set()
        delivered = []
        for at, records in parts:
            topic, number = self._names[at.topic], at.partition
            delivered += [Delivered(position(number, r.offset), from_record(topic, r)) for r in records]
        return Batch(delivered, reach)

    async def commit(self, batch: Batch) -> None:
        """Store how far the group has come.

        Raises:
            Moved: The partitions were shared out anew since; nothing is stored, and the events come again.
        """
        reach: Reach | None = batch.token
        if reach is None:
            return
        if reach.share != self._share.number or self._gone is None:
            raise Moved(self.group)
        committing = asyncio.ensure_future(self._client.commit(reach.offsets))
        try:
            await asyncio.wait({committing, self._gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            committing.cancel()  # a client that has ended would try for ever
        if not committing.done():
            raise Moved(self.group)
        try:
            committing.result()
        except errors.IllegalStateError as error:
            raise Moved(self.group) from error
        except errors.CommitFailedError as error:
            if reach.share == self._share.number:
                self._open = False  # until the group has shared out anew
            raise Moved(self.group) from error
        self._share.done(reach)
        if not self._share.in_flight:
            self._settled.set()

    async def rewind(self) -> None:
        """Hand out again what is not committed."""
        self._share.rewind()
        self._settled.set()
        if self._share.ahead:
            self._arrived()

    def waiting(self) -> int:
        """Return how many events of its partitions were not handed out, as of the last answer of the brokers."""
        if self._client is None or not self._open:
            return 0
        return sum(self._lag(partition) for partition in self._client.assignment())

    def _lag(self, partition: TopicPartition) -> int:
        unread = self._share.unread(partition)
        if unread is None:
            unread = self._places.get(partition)
        if unread is None:
            return 0
        return max(self._client.highwater(partition) or 0, self._ends.get(partition, 0), unread) - unread

    def start(self) -> None:
        """Begin to read, in the background."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"kafka group {self.group}")

    def leave(self) -> None:
        """Hand out nothing more, for good; the next commit is refused."""
        self._left = True
        self._forget()

    def _forget(self) -> None:
        self._open = False
        self._share.renew()
        self._settled.set()
        self._room.set()

    async def stop(self) -> None:
        """Leave the group, so that the others have its partitions at once."""
        self.leave()
        if self._starting is not None:  # a member that is cut off while it joins holds up the others
            await asyncio.wait({self._starting}, timeout=CLOSE_S)
        if self._task is not None:
            if not self._ending:  # once: a second time would cut off its leaving
                self._ending = True
                self._task.cancel()
            await asyncio.wait({self._task})
        if self._after is not None:
            await self._after.stop()

    async def _run(self) -> None:
        """Be a member; where that ends by an error, begin anew."""
        if self._after is not None:
            await self._after.stop()
            self._after = None
        while True:
            try:
                await self._member()
            except (errors.KafkaError, KafkaUnavailable, OSError) as error:
                self.trouble = f"group {self.group} cannot read: {error!r}"
                log.warning("reading from Kafka begins anew", group=self.group, error=repr(error), in_s=self._pause_s)
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)

    async def _member(self) -> None:
        await self._ensure(self.topics)
        settings = self._settings
        session_ms = round(settings.session_s * 1000)
        client = AIOKafkaConsumer(
            group_id=settings.prefix + self.group,
            auto_offset_reset="none",
            enable_auto_commit=False,
            partition_assignment_strategy=(RangePartitionAssignor,),
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=min(session_ms // 3, 3_000),
            rebalance_timeout_ms=round(self._handover_s * 1000) + 20_000,
            fetch_max_bytes=8 << 20,
            **await asyncio.to_thread(options, settings),
        )
        self._client, self._gone = client, asyncio.get_running_loop().create_future()
        try:
            client.subscribe(list(self._names), listener=_Listener(self))
            self._starting = asyncio.ensure_future(client.start())
            await self._starting
            self._starting = None
            await self._read(client)
        finally:
            self._starting = None
            self._gone.set_result(None)
            self._client = self._gone = None
            self._forget()
            await close(client)

    async def _read(self, client: Any) -> None:
        while True:
            if self._share.ahead >= _AHEAD:
                await self._wait_for_room(client)
                continue
            try:
                found = await client.getmany(timeout_ms=_FETCH_MS, max_records=_AHEAD)
            except errors.NoOffsetForPartitionError as new:
                await self._from_the_beginning(client, new.args[0])
                continue
            except errors.OffsetOutOfRangeError as gone:
                for partition, offset in gone.args[0].items():
                    log.error(
                        "events were removed before the group had read them; raise retention_hours",
                        group=self.group, topic=partition.topic, partition=partition.partition, offset=offset,
                    )  # fmt: skip
                    await self._from_the_beginning(client, partition)
                continue
            for partition, records in found.items():
                missing = self._share.keep(partition, records)
                if missing is not None:
                    log.error("events are missing", group=self.group, topic=partition.topic, count=missing)
            if found:
                self._arrived()

    async def _from_the_beginning(self, client: Any, partition: TopicPartition) -> None:
        try:
            await client.seek_to_beginning(partition)
        except errors.IllegalStateError:
            log.debug("a partition went to another member before it was begun", group=self.group)

    async def _wait_for_room(self, client: Any) -> None:
        """Read on when enough was handed out, and look meanwhile how far the log goes."""
        self._room.clear()
        try:
            async with asyncio.timeout(_LOOK_S):
                await self._room.wait()
        except TimeoutError:
            await self._look(client)

    async def _look(self, client: Any) -> None:
        """Learn where the log ends, which nobody tells while nothing is fetched."""
        partitions = list(client.assignment())
        try:
            self._ends = await client.end_offsets(partitions)
            for partition in partitions:
                if self._share.unread(partition) is None:
                    self._places[partition] = await client.position(partition)
        except errors.KafkaError as error:  # the brokers are away, or the partitions go elsewhere
            log.debug("the end of the log is not known", group=self.group, error=repr(error))

    async def give_up(self, partitions: Collection[TopicPartition]) -> None:
        """Let the work in hand end, then forget what was read of the partitions."""
        self._open = False
        if partitions:
            try:
                async with asyncio.timeout(self._handover_s):
                    await self._settled.wait()
            except TimeoutError:
                log.warning("work in hand is given up; another member does it again", group=self.group)
        self._forget()

    def take_over(self) -> None:
        """Begin to hand out what is read of the new share."""
        self._share.renew()
        self._ends.clear()
        self._places.clear()
        self._open = not self._left
        self.trouble = ""
        self._pause_s = 1.0
        self._arrived()


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells a member that partitions come and go."""

    def __init__(self, member: KafkaConsumer) -> None:
        self._member = member

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        await self._member.give_up(revoked)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._member.take_over()
