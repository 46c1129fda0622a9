"""What can go wrong on the way to Kafka; no message holds a secret."""

from collections.abc import Sequence

from chorally_core.ports.bus import Moved

__all__ = ["InvalidBus", "KafkaUnavailable", "Moved", "NotPublished", "TooLarge"]


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
