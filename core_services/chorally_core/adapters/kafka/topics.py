"""Makes topics before anything asks a broker for them, so that none comes about with the broker's defaults."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiokafka import errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from chorally_core.adapters.kafka.connection import options
from chorally_core.adapters.kafka.errors import KafkaUnavailable
from chorally_core.adapters.kafka.settings import KafkaSettings

log = structlog.get_logger(__name__)

_HOUR_MS = 3_600_000
_EXISTS = errors.TopicAlreadyExistsError.errno


class Topics:
    """The topics that are known to be there."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._known: set[str] = set()
        self._one_at_a_time = asyncio.Lock()
        self.reports: dict[str, str] = {}
        """What a person should look at, by topic: it exists otherwise than the settings say."""

    def name(self, topic: str) -> str:
        """Return what a topic is called on the cluster."""
        return self._settings.prefix + topic

    def known(self, topics: Collection[str]) -> bool:
        """Say whether all of these are there."""
        return self._known.issuperset(topics)

    async def ensure(self, topics: Collection[str]) -> None:
        """Return once these topics are there; those that are not are made, those that are stay as they are.

        Raises:
            KafkaUnavailable: One is missing and cannot be made, or no broker answers.
        """
        async with self._one_at_a_time:
            missing = [topic for topic in topics if topic not in self._known]
            if not missing:
                return
            async with self._admin() as admin:
                await self._make(admin, missing)
            self._known.update(missing)

    async def missing(self, topics: Collection[str]) -> list[str]:
        """Return which of these topics are not there.

        Raises:
            KafkaUnavailable: No broker answers.
        """
        async with self._admin() as admin:
            there = set(await admin.list_topics())
        return [topic for topic in topics if self.name(topic) not in there]

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[Any]:
        admin = AIOKafkaAdminClient(**await asyncio.to_thread(options, self._settings))
        try:
            await admin.start()
            yield admin
        except errors.KafkaError as error:
            raise KafkaUnavailable(f"topics cannot be looked up: {error!r}") from error
        finally:
            await admin.close()

    async def _make(self, admin: Any, topics: Collection[str]) -> None:
        there = set(await admin.list_topics())
        existing = [topic for topic in topics if self.name(topic) in there]
        new = [topic for topic in topics if self.name(topic) not in there]
        if new:
            answer = await admin.create_topics([self._new(topic) for topic in new])
            refused = [self._refusal(*told) for told in answer.topic_errors if told[1] not in (0, _EXISTS)]
            if refused:
                raise KafkaUnavailable("; ".join(refused))
            log.info("topics made", topics=[self.name(topic) for topic in new], partitions=self._settings.partitions)
        if existing:
            described = await admin.describe_topics([self.name(topic) for topic in existing])
            for found in described:
                self._compare(found["topic"], len(found["partitions"]))

    def _new(self, topic: str) -> NewTopic:
        settings = self._settings
        configs = {
            "cleanup.policy": "delete",
            "retention.ms": str(round(settings.retention_hours * _HOUR_MS)),
            "min.insync.replicas": str(max(settings.replication - 1, 1)),
        }
        return NewTopic(self.name(topic), settings.partitions, settings.replication, topic_configs=configs)

    def _refusal(self, name: str, code: int, message: str | None = None) -> str:
        kind = errors.for_code(code)
        advice = {
            errors.InvalidReplicationFactorError: f"; set replication below {self._settings.replication}",
            errors.TopicAuthorizationFailedError: "; allow the user to make it, or make it beforehand",
            errors.ClusterAuthorizationFailedError: "; allow the user to make it, or make it beforehand",
        }.get(kind, "")
        return f"topic {name} cannot be made: {message or kind.__name__}{advice}"

    def _compare(self, name: str, partitions: int) -> None:
        wanted = self._settings.partitions
        if partitions < wanted:
            self.reports[name] = (
                f"topic {name} has {partitions} partitions, the settings say {wanted}; it stays as it is, because"
                " more of them would tear the order of its keys"
            )
            log.warning("topic has fewer partitions than set", topic=name, partitions=partitions, wanted=wanted)
