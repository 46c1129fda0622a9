"""What a member holds of the partitions it was given: records read ahead, those handed out, those done."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from aiokafka import TopicPartition


class Reach(NamedTuple):
    """How far a batch reaches; good for as long as the share of which it was read."""

    share: int
    offsets: dict[TopicPartition, int]
    """The first offset behind the batch, by partition."""


class _Kept:
    """One partition's records that are not done, in order; the first ``taken`` were handed out."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.taken = 0
        self.next = 0
        """The offset that is read next from the log."""


class Share:
    """The records of some partitions, between the log and whoever works on them."""

    def __init__(self) -> None:
        self.number = 0
        """Grows when partitions come or go."""
        self.ahead = 0
        """Records that were read and not handed out."""
        self._kept: dict[TopicPartition, _Kept] = {}

    def renew(self) -> None:
        """Forget all: the partitions are shared out anew."""
        self.number += 1
        self.ahead = 0
        self._kept.clear()

    def keep(self, partition: TopicPartition, records: Sequence[Any]) -> int | None:
        """Take what was read of a partition; return how many offsets are missing before it, None where none is."""
        kept = self._kept.get(partition)
        missing = None
        if kept is None:
            kept = self._kept[partition] = _Kept()
        elif records[0].offset > kept.next:
            missing = records[0].offset - kept.next
        kept.records += records
        kept.next = records[-1].offset + 1
        self.ahead += len(records)
        return missing

    def take(self, limit: int) -> tuple[list[tuple[TopicPartition, Sequence[Any]]], Reach]:
        """Hand out at most ``limit`` records, of each partition in order; partitions take turns."""
        parts: list[tuple[TopicPartition, Sequence[Any]]] = []
        offsets: dict[TopicPartition, int] = {}
        if self.ahead:
            for partition, kept in list(self._kept.items()):
                if limit <= 0:
                    break
                part = kept.records[kept.taken : kept.taken + limit]
                if part:
                    kept.taken += len(part)
                    limit -= len(part)
                    offsets[partition] = part[-1].offset + 1
                    parts.append((partition, part))
                    self._kept[partition] = self._kept.pop(partition)
            self.ahead -= sum(len(part) for _, part in parts)
        return parts, Reach(self.number, offsets)

    def done(self, reach: Reach) -> None:
        """Let go of what is done."""
        if reach.share != self.number:
            return
        for partition, offset in reach.offsets.items():
            kept = self._kept[partition]
            count = 0
            for record in kept.records:
                if record.offset >= offset:
                    break
                count += 1
            del kept.records[:count]
            self.ahead -= max(count - kept.taken, 0)
            kept.taken = max(kept.taken - count, 0)

    def rewind(self) -> None:
        """Hand out again what is not done."""
        for kept in self._kept.values():
            self.ahead += kept.taken
            kept.taken = 0

    @property
    def in_flight(self) -> bool:
        """Whether something was handed out that is not done."""
        return any(kept.taken for kept in self._kept.values())

    def undone(self, partition: TopicPartition) -> int | None:
        """Return the first offset of a partition that is not done; None where nothing was read yet."""
        kept = self._kept.get(partition)
        if kept is None:
            return None
        return int(kept.records[0].offset) if kept.records else kept.next

    def partitions(self) -> Iterable[TopicPartition]:
        """Return the partitions of which something was read."""
        return self._kept.keys()
