"""A consumer on Kafka: what its membership has read ahead is polled, committed, and handed out again."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping

from aiokafka import errors

from chorally_core.adapters.kafka.errors import Moved
from chorally_core.adapters.kafka.membership import AHEAD, Membership
from chorally_core.adapters.kafka.records import from_record, position
from chorally_core.adapters.kafka.settings import KafkaSettings
from chorally_core.adapters.kafka.share import Reach
from chorally_core.ports.bus import Batch, Delivered

HANDOVER_S = 10.0


class KafkaConsumer:
    """A member of one group that reads some topics; the bus starts and stops its membership."""

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
        self.membership: Membership = Membership(
            settings,
            group,
            topics,
            ensure=ensure,
            arrived=arrived,
            handover_s=handover_s,
            after=None if after is None else after.membership,
        )
        self._arrived = arrived
        self._names = {settings.prefix + topic: topic for topic in topics}

    @property
    def shares(self) -> int:
        """How often partitions came or went; whoever remembers something of its keys learns it anew when it grows."""
        return self.membership.share.number

    async def poll(self, limit: int) -> Batch:
        """Return what was read ahead, at most ``limit``; empty while partitions are being shared out."""
        member = self.membership
        if not member.is_open:
            return Batch([], None)
        parts, reach = member.share.take(limit)
        if not parts:
            return Batch([], None)
        member.settled.clear()
        if member.share.ahead < AHEAD:
            member.room.set()
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
        member = self.membership
        if member.moved is None or reach.share != member.share.number:
            raise Moved(self.group)
        committing = asyncio.ensure_future(member.client.commit(reach.offsets))
        try:
            await asyncio.wait({committing, member.moved}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            committing.cancel()  # it would be tried again for a share that is gone, or for ever
        if not committing.done():
            raise Moved(self.group)
        try:
            committing.result()
        except errors.IllegalStateError as error:
            raise Moved(self.group) from error
        except errors.CommitFailedError as error:
            if reach.share == member.share.number:
                member.pause()
            raise Moved(self.group) from error
        member.share.done(reach)
        if not member.share.in_flight:
            member.settled.set()

    async def rewind(self) -> None:
        """Hand out again what is not committed."""
        self.membership.share.rewind()
        self.membership.settled.set()
        if self.membership.share.ahead:
            self._arrived()

    def owns(self, position: str) -> bool:
        """Whether the partition of a position is this member's, in any of its topics."""
        member = self.membership
        if member.client is None or member.moved is None:
            return False
        partition = int(position.partition("-")[0])
        return any(assigned.partition == partition for assigned in member.client.assignment())

    def lag(self) -> Mapping[str, int]:
        """Return how many events of its partitions are not committed, by topic, as far as the brokers have told."""
        counts = dict.fromkeys(self._names.values(), 0)
        for partition, count in self.membership.lag().items():
            counts[self._names[partition.topic]] += count
        return counts

    def waiting(self) -> int:
        """Return the lag of all topics together."""
        return sum(self.lag().values())
