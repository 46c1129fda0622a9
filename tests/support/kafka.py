"""A Kafka server for tests, told by the environment; each test has topics and groups of its own."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from chorally_core.events import Event, TriggerEvaluate, topics

from tests.support.patience import patiently

BOOTSTRAP = "CHORALLY_KAFKA_BOOTSTRAP"


def environment(*names: str) -> list[str]:
    """Return variables that tell of the server; without them a test is skipped, or fails in CI."""
    missing = [name for name in names if not os.environ.get(name)]
    if missing and os.environ.get("CI"):
        pytest.fail(f"CI must start Kafka; {', '.join(missing)} not set")
    if missing:
        pytest.skip(f"no Kafka server: {', '.join(missing)} not set")
    return [os.environ[name] for name in names]


@asynccontextmanager
async def a_prefix() -> AsyncIterator[str]:
    """A prefix that nobody else has; the topics under it are removed afterwards."""
    from aiokafka.admin import AIOKafkaAdminClient

    (server,) = environment(BOOTSTRAP)
    prefix = f"test-{uuid4().hex[:12]}."
    try:
        yield prefix
    finally:
        admin = AIOKafkaAdminClient(bootstrap_servers=server)
        try:
            await admin.start()
            await admin.delete_topics([name for name in await admin.list_topics() if name.startswith(prefix)])
        finally:
            await admin.close()


def settings(prefix: str, **changes: Any) -> Any:
    """Return settings for small topics on the server."""
    from chorally_core.adapters.kafka import KafkaSettings

    (server,) = environment(BOOTSTRAP)
    fields = {"servers": (server,), "partitions": 3, "replication": 1, "prefix": prefix, "session_s": 3.0}
    return KafkaSettings(**{**fields, **changes})


@asynccontextmanager
async def a_bus(prefix: str, *, handover_s: float = 10.0, **changes: Any) -> AsyncIterator[Any]:
    """A bus as one process has it."""
    from chorally_core.adapters.kafka import KafkaBus

    bus = KafkaBus(settings(prefix, **changes), handover_s=handover_s)
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


def an_event(name: str, key: str, topic: str = topics.RULE_TRIGGERS, text: str = "") -> Event[Any]:
    """Return an event that its id tells apart."""
    from tests.contract.test_bus import AT

    data = TriggerEvaluate(log_id=name, kind="message_received", snapshot={"text": text})
    return Event(
        topic=topic, issuer="log-service", name="evaluate", data=data, id=name, tenant="acme", key=key, occurred_at=AT
    )


Handle = Callable[[Sequence[Any]], Awaitable[None]]


async def read_until(
    bus: Any, consumer: Any, done: Callable[[], bool], handle: Callable[[Any], None], limit: int = 50
) -> None:
    """Poll, handle and commit until something holds; work whose partitions moved is done again."""
    from chorally_core.ports.documents import Conflict

    async with patiently():
        while not done():
            batch = await consumer.poll(limit)
            if not batch.delivered:
                await bus.wait(0.2)
                continue
            for delivered in batch.delivered:
                handle(delivered)
            try:
                await consumer.commit(batch)
            except Conflict:
                await consumer.rewind()


def ids(delivered: Collection[Any]) -> list[str]:
    """Return the ids of what was delivered."""
    return [one.event.id for one in delivered]
