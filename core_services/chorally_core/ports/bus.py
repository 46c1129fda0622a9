"""The event bus port: an append-only log by topic, read by consumer groups, in order for each key.

A back end may divide a topic into partitions, each key in one of them, and the partitions among the members of a
group. So order holds within a key and between positions of one partition, and nowhere else.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol, runtime_checkable

from chorally_core.events import Event, Unknown, Unreadable
from chorally_core.ports.documents import Conflict


class Delivered(NamedTuple):
    """One thing read from a topic, and where it lies."""

    position: str
    """Opaque; sorts in the order of reading within a topic's partition."""
    event: Event[Any] | Unreadable | Unknown


class Batch(NamedTuple):
    """What one poll gave; committed as a whole."""

    delivered: Sequence[Delivered]
    token: Any
    """The adapter's own note of how far the batch reaches."""


class Moved(Conflict):
    """What was read belongs to another member of the group by now, which does the work again: rewind."""

    def __init__(self, group: str) -> None:
        Exception.__init__(self, f"the partitions of group {group} were shared out anew; the work is done again")
        self.kind = "partition"
        self.document_id = group


class Consumer(Protocol):
    """One member of a consumer group."""

    group: str

    async def poll(self, limit: int) -> Batch:
        """Return what comes next, at most ``limit``; an empty batch where nothing waits.

        Back ends that fetch beside the work return what has come in so far, which may be less than what waits,
        and nothing; ``wait`` returns when more has.
        """

    async def commit(self, batch: Batch) -> None:
        """Remember that everything up to the end of the batch is done.

        Raises:
            Moved: What was read belongs to another member of the group by now, and comes again there: rewind.
        """

    async def rewind(self) -> None:
        """Read again from the last commit."""

    @property
    def shares(self) -> int:
        """Grows when partitions come or go, and what is remembered of their keys is to be learned anew.

        0 for ever where a group has one member, which owns all.
        """

    def owns(self, position: str) -> bool:
        """Whether what lies there is this member's to work on, in any of its topics: a key is in the same partition."""

    def lag(self) -> Mapping[str, int]:
        """Return how many published events the group has not done, by topic, as far as this member knows.

        Only of its own partitions: what all members say adds up.
        """

    def waiting(self) -> int:
        """Return the lag of all topics together."""


class Bus(Protocol):
    """Carries events."""

    async def publish(self, events: Sequence[Event[Any]]) -> None:
        """Append events, in order for each key; they are durable when this returns.

        When it raises, some may be: publish all of them again.
        """

    def consumer(self, group: str, topics: Collection[str]) -> Consumer:
        """Return a member of the group that reads these topics from where the group left off."""

    async def wait(self, timeout: float) -> None:
        """Return when something may have come, or after ``timeout`` seconds."""

    def wake(self) -> None:
        """Make whoever waits look again."""


@runtime_checkable
class Erases(Protocol):
    """What a bus may offer besides: to remove what is kept of a person, before it is trimmed by itself."""

    async def erase(self, topic: str, keys: Collection[str]) -> int:
        """Remove the events of some keys that every group has read, and return how many there were.

        A key stands for the longer ones that go on with a slash, too.
        """


@runtime_checkable
class Trims(Protocol):
    """What a bus offers that does not forget by itself."""

    async def trim(self, topic: str, before: datetime) -> int:
        """Remove events older than ``before`` that every group has read, and return how many there were."""


@runtime_checkable
class MakesTopics(Protocol):
    """What a bus offers whose topics somebody may have to make beforehand."""

    async def missing_topics(self, topics: Collection[str]) -> list[str]:
        """Return which of them are not there."""

    async def make_topics(self, topics: Collection[str]) -> list[str]:
        """Make those that are not there, and return which."""
