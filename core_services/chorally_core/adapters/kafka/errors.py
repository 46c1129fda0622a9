"""What can go wrong on the way to Kafka; no message holds a secret."""

from collections.abc import Sequence

from chorally_core.ports.documents import Conflict


class InvalidBus(ValueError):
    """The URL of the bus cannot be used; ``mistakes`` lists all that is wrong with it."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = tuple(mistakes)


class KafkaUnavailable(ConnectionError):
    """No server can be used, or the cluster refuses what it is asked for; the message says what to do."""


class NotPublished(Exception):
    """Kafka refused some events of a call; others of it may be on their topics. Publish all of them again."""


class TooLarge(ValueError):
    """An event has more bytes than Kafka takes; nothing of the call was published."""


class Moved(Conflict):
    """What was read belongs to another member of the group by now, which does the work again: rewind."""

    def __init__(self, group: str) -> None:
        Exception.__init__(self, f"the partitions of group {group} were shared out anew; the work is done again")
        self.kind = "partition"
        self.document_id = group
