"""One process's membership of a consumer group: joins, reads ahead beside the work, hands over, begins anew.

Who gets which partition is decided by ranges, so that the same key of several topics is one member's, as long as the
topics have as many partitions. aiokafka 0.14 knows no cooperative rebalance: at each one all members give up all
partitions. A member first lets the work in hand end, for a while, then forgets what it read; what was not committed
by then is read by whoever has the partition next, and the old member's commit is refused.

Nothing more is taken from aiokafka while enough is read ahead, and aiokafka fetches nothing while it holds something.
To pause its partitions instead would throw away what is fetched.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition, errors
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from chorally_core.adapters.kafka.closing import CLOSE_S, close
from chorally_core.adapters.kafka.connection import options
from chorally_core.adapters.kafka.errors import KafkaUnavailable
from chorally_core.adapters.kafka.settings import KafkaSettings
from chorally_core.adapters.kafka.share import Share
from chorally_core.telemetry.tasks import where

log = structlog.get_logger(__name__)

AHEAD = 1_000
"""Records read ahead; beyond them nothing more is fetched."""
SILENT_S = 10.0
"""Without an answer of the brokers for so long, something is wrong: they answer twice a second."""
_SHARED_OUT_S = 30.0  # in which partitions are shared out anew, unless something is wrong
_FETCH_MS = 1_000
_LOOK_S = 5.0  # between looks at where the log ends while nothing is fetched
_LONGEST_PAUSE_S = 30.0
_LEAVE_S = 12.0  # to leave a group, with what ``close`` may take


class Membership:
    """What a member of a group does by itself."""

    def __init__(
        self,
        settings: KafkaSettings,
        group: str,
        topics: Collection[str],
        *,
        ensure: Callable[[Collection[str]], Awaitable[None]],
        arrived: Callable[[], None],
        handover_s: float,
        after: "Membership | None",
    ) -> None:
        """Prepare; nothing is connected yet.

        Args:
            settings: The way to the brokers.
            group: By our name.
            topics: By our names.
            ensure: Makes topics that are missing.
            arrived: Called when there is something to take.
            handover_s: How long work in hand may take before its partitions are given up.
            after: The membership whose place it takes, which ends first.
        """
        self.share = Share()
        self.client: Any = None
        self.room = asyncio.Event()
        """Set when something was taken."""
        self.settled = asyncio.Event()
        """Set while no work is in hand."""
        self.settled.set()
        self.moved: asyncio.Future[None] | None = None
        """Done when the share is given up; None while there is none."""
        self._settings = settings
        self._group = group
        self._topics = sorted(topics)
        self._ensure = ensure
        self._arrived = arrived
        self._handover_s = handover_s
        self._after = after
        self._paused = False
        self._left = False
        self._ending = False
        self._failure = ""
        self._without_since = -math.inf
        self._pause_s = 1.0
        self._ends: dict[TopicPartition, int] = {}
        self._places: dict[TopicPartition, int] = {}
        self._is_new = False
        self._starting: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a share of which work may be taken.

        Raises:
            RuntimeError: The bus was not started.
        """
        if self._task is None:
            raise RuntimeError("the bus is not started")
        if self._task.done() and not self._left:
            self._task.result()
        return self.moved is not None and not self._paused

    def pause(self) -> None:
        """Hand out nothing until the partitions are shared out anew: the group has gone on without this member."""
        self._paused = True

    def lag(self) -> dict[TopicPartition, int]:
        """Return how many events of the share are not done, as of the last answer of the brokers."""
        if self.client is None or self.moved is None:
            return {}
        return {partition: self._lag(partition) for partition in self.client.assignment()}

    def _lag(self, partition: TopicPartition) -> int:
        undone = self.share.undone(partition)
        if undone is None:
            undone = self._places.get(partition)
        if undone is None:
            return 0
        return max(self.client.highwater(partition) or 0, self._ends.get(partition, 0), undone) - undone

    def trouble(self) -> str:
        """Say why nothing can be read at the moment; an empty text where it can."""
        if self.moved is None and not self._failure and not self._left:
            return self._waiting()
        if self._failure or self.client is None or self.moved is None or self.share.ahead >= AHEAD:
            return self._failure
        answers = [self.client.last_poll_timestamp(partition) or 0 for partition in self.client.assignment()]
        silent_s = time.time() - max(answers, default=0) / 1000
        if not any(answers) or silent_s < SILENT_S:
            return ""
        return f"group {self._group} has had no answer of the brokers for {silent_s:.0f} s"

    def _waiting(self) -> str:
        """Say that there is no share: at the beginning, and later where it takes longer than sharing out anew does."""
        if time.monotonic() - self._without_since < _SHARED_OUT_S:
            return ""
        return f"group {self._group} has not been given its share of the partitions"

    def start(self) -> None:
        """Begin to read, in the background."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"kafka group {self._group}")

    def leave(self) -> None:
        """Hand out nothing more, for good; the next commit is refused."""
        self._left = True
        self._forget()

    def _forget(self) -> None:
        if self.moved is not None:
            self.moved.set_result(None)
            self.moved = None
            self._without_since = time.monotonic()
        self.share.renew()
        self.settled.set()
        self.room.set()

    async def stop(self) -> None:
        """Leave the group, so that the others have its partitions at once."""
        self.leave()
        if self._starting is not None:  # a member that is cut off while it joins holds up the others
            await asyncio.wait({self._starting}, timeout=CLOSE_S)
        if self._task is not None:
            if not self._ending:  # once: a second time would cut off its leaving
                self._ending = True
                self._task.cancel()
            await _end(self._task)
        if self._after is not None:
            await self._after.stop()

    async def _run(self) -> None:
        """Be a member; where that ends by an error, begin anew."""
        if self._after is not None:
            await self._after.stop()
            self._after = None
        while not self._left:
            try:
                await self._member()
            except (errors.KafkaError, KafkaUnavailable, OSError) as error:
                self._failure = f"group {self._group} cannot read: {error!r}"
                log.warning("reading from Kafka begins anew", group=self._group, error=repr(error), in_s=self._pause_s)
            await self._rest()

    async def _rest(self) -> None:
        """Wait before beginning anew, longer each time."""
        if not self._left:
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)

    async def _member(self) -> None:
        await self._ensure(self._topics)
        settings = self._settings
        session_ms = round(settings.session_s * 1000)
        client = AIOKafkaConsumer(
            group_id=settings.prefix + self._group,
            auto_offset_reset="none",
            enable_auto_commit=False,
            partition_assignment_strategy=(RangePartitionAssignor,),
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=min(session_ms // 3, 3_000),
            rebalance_timeout_ms=round(self._handover_s * 1000) + 20_000,
            fetch_max_bytes=8 << 20,
            **await asyncio.to_thread(options, settings),
        )
        self.client = client
        try:
            client.subscribe([settings.prefix + topic for topic in self._topics], listener=_Listener(self))
            self._starting = asyncio.ensure_future(client.start())
            await self._starting
            self._starting = None
            await self._read(client)
        finally:
            self._starting = None
            self._forget()
            self.client = None
            await close(client)

    async def _read(self, client: Any) -> None:
        while not self._left:  # aiokafka may swallow the cancellation that ends it
            if self._is_new:
                self._is_new = False
                await self._look(client)
            if self.share.ahead >= AHEAD:
                await self._wait_for_room(client)
                continue
            try:
                found = await client.getmany(timeout_ms=_FETCH_MS, max_records=AHEAD)
            except errors.NoOffsetForPartitionError as new:
                await self._from_the_beginning(client, new.args[0])
                continue
            except errors.OffsetOutOfRangeError as gone:
                for partition, offset in gone.args[0].items():
                    log.error(
                        "events were removed before the group had read them; raise retention_hours",
                        group=self._group, topic=partition.topic, partition=partition.partition, offset=offset,
                    )  # fmt: skip
                    await self._from_the_beginning(client, partition)
                continue
            for partition, records in found.items():
                missing = self.share.keep(partition, records)
                if missing is not None:
                    log.error("events are missing", group=self._group, topic=partition.topic, count=missing)
            if found:
                self._arrived()

    async def _from_the_beginning(self, client: Any, partition: TopicPartition) -> None:
        try:
            await client.seek_to_beginning(partition)
        except errors.IllegalStateError:
            log.debug("a partition went to another member before it was begun", group=self._group)

    async def _wait_for_room(self, client: Any) -> None:
        """Read on when enough was handed out, and look meanwhile how far the log goes."""
        self.room.clear()
        try:
            async with asyncio.timeout(_LOOK_S):
                await self.room.wait()
        except TimeoutError:
            await self._look(client)

    async def _look(self, client: Any) -> None:
        """Learn where the log ends and the group is, which nobody tells while nothing is fetched."""
        partitions = list(client.assignment())
        try:
            async with asyncio.timeout(_LOOK_S):
                ends = await client.end_offsets(partitions)
                begun = await client.beginning_offsets(partitions)
                committed = await asyncio.gather(*(client.committed(partition) for partition in partitions))
        except (errors.KafkaError, TimeoutError) as error:  # the brokers are away, or the partitions go elsewhere
            log.debug("the end of the log is not known", group=self._group, error=repr(error))
            return
        if not self._is_new:
            places = zip(partitions, committed, strict=True)
            self._ends, self._places = ends, {p: begun[p] if offset is None else offset for p, offset in places}

    async def give_up(self, partitions: Collection[TopicPartition]) -> None:
        """Let the work in hand end, then forget what was read of the partitions."""
        self.pause()
        if partitions:
            try:
                async with asyncio.timeout(self._handover_s):
                    await self.settled.wait()
            except TimeoutError:
                log.warning("work in hand is given up; another member does it again", group=self._group)
        self._forget()

    def take_over(self) -> None:
        """Begin to hand out what is read of the new share."""
        self.share.renew()
        self._ends.clear()
        self._places.clear()
        self._is_new = True
        self._paused = False
        self._failure = ""
        self._pause_s = 1.0
        if not self._left:
            self.moved = asyncio.get_running_loop().create_future()
            self._arrived()


async def _end(task: asyncio.Task[None]) -> None:
    """Wait until a cancelled membership has left its group; one that does not in time is cut off, once more."""
    await asyncio.wait({task}, timeout=_LEAVE_S)
    if not task.done():
        log.error("a member of a group does not end", task=task.get_name(), at=where(task))
        task.cancel()
        await asyncio.wait({task}, timeout=1.0)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells a member that partitions come and go."""

    def __init__(self, member: Membership) -> None:
        self._member = member

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        await self._member.give_up(revoked)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._member.take_over()
