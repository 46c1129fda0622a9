"""The event bus on Kafka, for installations of more than one process; needs the extra ``kafka``."""

from chorally_core.adapters.kafka.bus import KafkaBus
from chorally_core.adapters.kafka.consumer import KafkaConsumer
from chorally_core.adapters.kafka.errors import InvalidBus, KafkaUnavailable, Moved, NotPublished, TooLarge
from chorally_core.adapters.kafka.settings import KafkaSettings, parse

__all__ = [
    "InvalidBus", "KafkaBus", "KafkaConsumer", "KafkaSettings", "KafkaUnavailable", "Moved", "NotPublished", "TooLarge",
    "parse",
]  # fmt: skip
