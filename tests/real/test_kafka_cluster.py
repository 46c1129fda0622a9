"""The way to a real Kafka: who is let in, how topics come about, what is refused, and a broker that goes away."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from chorally_core.adapters.kafka import KafkaBus, KafkaUnavailable, NotPublished, TooLarge, parse
from chorally_core.events import Unreadable, topics
from pydantic import SecretStr

from tests.support import kafka
from tests.support.kafka import a_bus, an_event, ids, read_until
from tests.support.patience import patiently, until

pytestmark = pytest.mark.real
TOPIC = topics.RULE_TRIGGERS


@pytest.fixture
async def prefix() -> AsyncIterator[str]:
    """Topics and groups of this test alone."""
    async with kafka.a_prefix() as own:
        yield own


@pytest.fixture
async def admin(prefix: str) -> AsyncIterator[Any]:
    """An administrator of the cluster."""
    from aiokafka.admin import AIOKafkaAdminClient

    (server,) = kafka.environment(kafka.BOOTSTRAP)
    client = AIOKafkaAdminClient(bootstrap_servers=server)
    await client.start()
    yield client
    await client.close()


def sasl(**changes: Any) -> dict[str, Any]:
    """Return settings for the port that asks for a user."""
    server, mechanism, user, password = kafka.environment(
        "CHORALLY_KAFKA_SASL_BOOTSTRAP",
        "CHORALLY_KAFKA_SASL_MECHANISM",
        "CHORALLY_KAFKA_USER",
        "CHORALLY_KAFKA_PASSWORD",
    )
    return {"servers": (server,), "sasl": mechanism, "user": user, "password": SecretStr(password), **changes}


async def read(bus: Any, count: int) -> list[Any]:
    """Return so many events as a new group reads them."""
    seen: list[Any] = []
    await read_until(bus, bus.consumer("reader", [TOPIC]), lambda: len(seen) >= count, seen.append)
    return seen


async def test_events_travel_under_authentication(prefix: str) -> None:
    """Topics, publishing and groups all use the user of the URL."""
    async with a_bus(prefix, **sasl()) as bus:
        await bus.publish([an_event("e1", "k")])
        assert ids(await read(bus, 1)) == ["e1"]


async def test_a_wrong_password_is_told_without_being_shown(prefix: str, caplog: pytest.LogCaptureFixture) -> None:
    """The operator learns what to correct; the log keeps the secret."""
    bus = KafkaBus(kafka.settings(prefix, **sasl(password=SecretStr("not-the-p4ssword"))))
    with caplog.at_level("DEBUG"), pytest.raises(KafkaUnavailable, match="refuses the user or the password of") as told:
        await bus.start()
    assert "correct them in the URL" in str(told.value)
    assert "not-the-p4ssword" not in str(told.value) + repr(told.value) + caplog.text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"servers": ("127.0.0.1:1",)}, "127.0.0.1:1: ConnectionRefusedError"),
        ({"tls": True}, "sasl and tls"),
        ({"sasl": "SCRAM-SHA-256", "user": "u", "password": SecretStr("p")}, "sasl and tls"),
    ],
)
async def test_what_keeps_from_connecting_is_told_at_start(prefix: str, changes: dict[str, Any], told: str) -> None:
    """A start that cannot succeed ends at once, with the reason."""
    with pytest.raises(KafkaUnavailable, match=told):
        await KafkaBus(kafka.settings(prefix, **changes)).start()


async def test_a_port_that_asks_for_a_user_refuses_whoever_has_none(prefix: str) -> None:
    """The connection that the broker closes without a word is explained."""
    with pytest.raises(KafkaUnavailable, match="each port has its own sasl and tls"):
        await KafkaBus(kafka.settings(prefix, servers=sasl()["servers"])).start()


async def test_topics_are_made_as_the_settings_say(prefix: str, admin: Any) -> None:
    """Partitions and retention are ours, not the broker's defaults."""
    from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

    async with a_bus(prefix, partitions=5, retention_hours=36) as bus:
        await bus.publish([an_event("e1", "k")])
        assert bus.reports() == []
    (made,) = await admin.describe_topics([prefix + TOPIC])
    assert len(made["partitions"]) == 5
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, prefix + TOPIC)])
    configs = {entry[0]: entry[1] for entry in answer.resources[0][4]}
    assert (configs["retention.ms"], configs["cleanup.policy"]) == (str(36 * 3_600_000), "delete")


async def test_a_topic_with_fewer_partitions_is_reported_and_left(prefix: str, admin: Any) -> None:
    """More partitions would tear the order of its keys, so a person decides."""
    async with a_bus(prefix, partitions=2) as bus:
        await bus.publish([an_event("e1", "k")])
    async with a_bus(prefix, partitions=4) as bus:
        await bus.publish([an_event("e2", "k")])
        (report,) = bus.reports()
        assert "has 2 partitions, the settings say 4" in report
        assert ids(await read(bus, 2)) == ["e1", "e2"]
    (topic,) = await admin.describe_topics([prefix + TOPIC])
    assert len(topic["partitions"]) == 2


async def test_more_copies_than_brokers_are_refused_with_what_to_do(prefix: str) -> None:
    """A topic that cannot be made keeps events from being published, and says why."""
    async with a_bus(prefix, replication=9) as bus:
        with pytest.raises(KafkaUnavailable, match="set replication below 9"):
            await bus.publish([an_event("e1", "k")])


async def test_what_others_write_on_a_topic_is_delivered_as_unreadable(prefix: str) -> None:
    """Rubbish, tombstones and missing keys are read past, with their place."""
    from aiokafka import AIOKafkaProducer

    (server,) = kafka.environment(kafka.BOOTSTRAP)
    async with a_bus(prefix, partitions=1) as bus:
        await bus.publish([an_event("e1", "k")])
        producer = AIOKafkaProducer(bootstrap_servers=server)
        await producer.start()
        await producer.send_and_wait(prefix + TOPIC, b"\xff\x00", headers=[("id", b"\xff")])
        await producer.send_and_wait(prefix + TOPIC, None, key=b"k")
        await producer.stop()
        await bus.publish([an_event("e2", "k")])
        seen = await read(bus, 4)
        assert [isinstance(delivered.event, Unreadable) for delivered in seen] == [False, True, True, False]
        assert [delivered.position for delivered in seen] == [f"00000-{offset:019d}" for offset in range(4)]


async def test_an_event_too_large_takes_nothing_with_it(prefix: str) -> None:
    """The call is refused as a whole before anything is sent."""
    async with a_bus(prefix) as bus:
        with pytest.raises(TooLarge, match="event big has"):
            await bus.publish([an_event("e1", "k"), an_event("big", "k", text="x" * 1_000_000)])
        await bus.publish([an_event("e2", "k")])
        assert ids(await read(bus, 1)) == ["e2"]


async def test_after_a_refusal_of_the_broker_publishing_goes_on(prefix: str, admin: Any) -> None:
    """A batch that fails ends its producer, which promised numbers without gaps; the next call has another."""
    from aiokafka.admin import NewTopic

    small = NewTopic(prefix + TOPIC, 1, 1, topic_configs={"max.message.bytes": "2000"})
    await admin.create_topics([small])
    async with a_bus(prefix, partitions=1, compression="none") as bus:
        await bus.publish([an_event("e1", "k")])
        with pytest.raises(NotPublished, match=TOPIC):
            await bus.publish([an_event("big", "k", text="x" * 5_000)])
        await asyncio.gather(*(bus.publish([an_event(f"e{i}", "k")]) for i in range(2, 6)))
        assert ids(await read(bus, 5)) == ["e1", "e2", "e3", "e4", "e5"]


async def test_each_key_keeps_the_order_of_the_calls(prefix: str) -> None:
    """However many publish at once, and however their batches are shared out, on a topic that is there."""
    async with a_bus(prefix) as bus:
        await bus.publish([an_event("first", "first")])

        async def one_after_another(key: str) -> None:
            for number in range(0, 100, 10):
                await bus.publish([an_event(f"{key}/{number + i:03d}", key) for i in range(10)])

        at_once = [bus.publish([an_event(f"all/{number:03d}", "all")]) for number in range(200)]
        await asyncio.gather(*at_once, *(one_after_another(f"key{number}") for number in range(20)))
        seen: dict[str, list[str]] = {}
        for delivered in await read(bus, 2_201):
            seen.setdefault(delivered.event.key, []).append(delivered.event.id)
        assert seen.pop("first") == ["first"]
        assert seen.pop("all") == [f"all/{number:03d}" for number in range(200)]
        assert len(seen) == 20
        assert all(found == [f"{key}/{number:03d}" for number in range(100)] for key, found in seen.items())


async def test_the_url_of_the_settings_reaches_the_server(prefix: str) -> None:
    """What an operator writes is enough."""
    (server,) = kafka.environment(kafka.BOOTSTRAP)
    bus = KafkaBus(parse(f"kafka://{server}/?partitions=1&replication=1&prefix={prefix}"))
    await bus.start()
    await bus.publish([an_event("e1", "k")])
    assert ids(await read(bus, 1)) == ["e1"]
    await bus.stop()


@dataclass(frozen=True)
class Broker:
    """A broker of this test's own, which goes away and comes back with its data."""

    script: str
    environment: dict[str, str]

    @property
    def address(self) -> str:
        """``host:port`` of it."""
        return f"127.0.0.1:{self.environment['CHORALLY_KAFKA_PORT']}"

    async def do(self, what: str) -> None:
        """Start or stop it."""
        process = await asyncio.create_subprocess_exec(
            self.script, what, env={**os.environ, **self.environment}, stdout=asyncio.subprocess.DEVNULL
        )
        assert await process.wait() == 0


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    """A broker started by the script that ``CHORALLY_KAFKA_SERVICE`` names, beside the shared one."""
    (script,) = kafka.environment("CHORALLY_KAFKA_SERVICE")
    names = ("CHORALLY_KAFKA_PORT", "CHORALLY_KAFKA_CONTROLLER_PORT", "CHORALLY_KAFKA_SASL_PORT")
    folders = {"CHORALLY_SERVICES_STATE": str(tmp_path / "state"), "CHORALLY_KAFKA_DATA": str(tmp_path / "data")}
    own = Broker(script, {**dict(zip(names, _free_ports(3), strict=True)), **folders})
    try:
        await own.do("start")
        yield own
    finally:
        await own.do("stop")


def _free_ports(count: int) -> list[str]:
    with closing(socket.socket()) as a, closing(socket.socket()) as b, closing(socket.socket()) as c:
        for one in (a, b, c)[:count]:
            one.bind(("127.0.0.1", 0))
        return [str(one.getsockname()[1]) for one in (a, b, c)[:count]]


@pytest.mark.slow
async def test_a_broker_that_goes_away_is_waited_for(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is published meanwhile arrives, what was not committed comes again, in order, and the status tells it."""
    monkeypatch.setattr("chorally_core.adapters.kafka.membership.SILENT_S", 1.0)
    monkeypatch.setattr("chorally_core.adapters.kafka.bus.SLOW_S", 1.0)
    async with a_bus("", servers=(broker.address,), session_s=10.0) as bus:
        member = bus.consumer("g", [TOPIC])
        await bus.publish([an_event(f"a{i:03d}", f"k{i % 7}") for i in range(100)])
        seen: list[Any] = []
        await read_until(bus, member, lambda: len(seen) >= 40, seen.append, limit=20)
        async with patiently():
            while not (held := await member.poll(10)).delivered:
                await bus.wait(0.2)
        await broker.do("stop")
        publishing = asyncio.create_task(bus.publish([an_event(f"b{i:03d}", f"k{i % 7}") for i in range(100)]))
        committing = asyncio.create_task(member.commit(held))
        await until(lambda: len(bus.troubles()) == 2, bus)
        assert not publishing.done()
        await broker.do("start")
        async with patiently():
            await publishing
            outcome = await asyncio.gather(committing, return_exceptions=True)
        told: BaseException | None = outcome[0]
        seen += [] if told else held.delivered
        if told:
            await member.rewind()
        await read_until(bus, member, lambda: len({*ids(seen)}) == 200, seen.append)
        by_key: dict[str, list[str]] = {}
        for delivered in seen:
            found = by_key.setdefault(delivered.event.key, [])
            if delivered.event.id not in found:
                found.append(delivered.event.id)
        assert all(found == sorted(found) for found in by_key.values())
        await until(lambda: not bus.troubles(), bus)


@pytest.mark.slow
async def test_a_bus_stops_also_while_the_broker_is_away(broker: Broker) -> None:
    """A process that is told to end does, and leaves nothing running."""
    before = asyncio.all_tasks()
    async with asyncio.timeout(60):
        async with a_bus("", servers=(broker.address,)) as bus:
            member = bus.consumer("g", [TOPIC])
            await bus.publish([an_event("e1", "k")])
            seen: list[Any] = []
            await read_until(bus, member, lambda: bool(seen), seen.append)
            await broker.do("stop")
            publishing = asyncio.create_task(bus.publish([an_event("e2", "k")]))
            await asyncio.wait({publishing}, timeout=1)
        with pytest.raises(NotPublished):
            await publishing
    assert asyncio.all_tasks() - before == set()
