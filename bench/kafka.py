"""Kafka through the bus port, beside aiokafka without anything around it, in the same rounds.

    python -m bench.kafka BOOTSTRAP [--rounds 5] [--messages 40000]

Events are ``messages: add`` of 1 KiB (envelope), made beforehand. Publish through the port is encoding, the headers,
the batches. Read through the port is polling, decoding to the event's type, and the commit of each batch. Bare
aiokafka sends the same number of 1 KiB values with the same keys and no headers, awaits them together for each batch
of 1,000, and reads them with ``getmany`` and a commit each; compression, acknowledgement, idempotence and the size of
its batches are those of the adapter. Only the client's CPU seconds count: the broker is another process.
"""

import argparse
import asyncio
import uuid
from collections.abc import Sequence
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from chorally_core.adapters.kafka import KafkaBus, KafkaSettings
from chorally_core.adapters.kafka.records import to_record
from chorally_core.events import Event, envelope, topics
from chorally_core.serving import run

from bench.common import Spent, machine, show, spread
from bench.event_log import events

BATCH = 1_000
COMPRESSIONS = ("none", "lz4")
NAMES = PORT, BARE, HEADED = "port", "aiokafka", "aiokafka with the same headers"
TOPICS = {BARE: "bare", HEADED: "headed"}


async def through_the_port(settings: KafkaSettings, made: Sequence[Event[Any]]) -> tuple[Spent, Spent]:
    """Publish and read events; return what each took."""
    bus = KafkaBus(settings)
    await bus.start()
    await bus.publish(made[:1])
    publishing, reading = Spent(), Spent()
    with publishing:
        for at in range(0, len(made), BATCH):
            await bus.publish(made[at : at + BATCH])
    consumer = bus.consumer("bench", [topics.MESSAGES])
    got = 0
    while not got:  # joining the group is not counted
        await bus.wait(1.0)
        got += len((await consumer.poll(1)).delivered)
    with reading:
        while got <= len(made):
            batch = await consumer.poll(BATCH)
            if not batch.delivered:
                await bus.wait(1.0)
                continue
            got += len(batch.delivered)
            await consumer.commit(batch)
    assert isinstance(batch.delivered[-1].event, Event)
    await bus.stop()
    return publishing, reading


async def bare(
    settings: KafkaSettings, name: str, pairs: Sequence[tuple[bytes, bytes]], headers: Sequence[Any] = ()
) -> tuple[Spent, Spent]:
    """Send and read values by aiokafka alone; return what each took."""
    topic = settings.prefix + TOPICS[name]
    servers = list(settings.servers)
    compression = None if settings.compression == "none" else settings.compression
    producer = AIOKafkaProducer(
        bootstrap_servers=servers,
        acks="all",
        enable_idempotence=True,
        linger_ms=5,
        max_batch_size=262_144,
        compression_type=compression,
    )
    await producer.start()
    await producer.send_and_wait(topic, b"first", key=b"first")
    sending, reading = Spent(), Spent()
    with sending:
        for at in range(0, len(pairs), BATCH):
            sent = []
            for number, (key, value) in enumerate(pairs[at : at + BATCH], at):
                head = headers[number] if headers else None
                sent.append(await producer.send(topic, value, key=key, headers=head))
            await asyncio.gather(*sent)
    await producer.stop()
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=servers,
        group_id=topic,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    await consumer.getone()
    got = 1
    with reading:
        while got <= len(pairs):
            found = await consumer.getmany(timeout_ms=1_000, max_records=BATCH)
            got += sum(len(part) for part in found.values())
            await consumer.commit()
    await consumer.stop()
    return sending, reading


async def measure(bootstrap: str, rounds: int, messages: int, partitions: int) -> None:
    """Run all cases in turn and print the table."""
    made = events(messages)
    pairs = [(event.key.encode(), envelope(event)) for event in made]
    found: dict[tuple[str, str, str], list[float]] = {}
    ratios: dict[tuple[str, str], list[float]] = {}
    print(machine(Path(gettempdir()), "aiokafka", "msgspec"), f"{partitions} partitions", flush=True)
    for _ in range(rounds):
        for compression in COMPRESSIONS:
            prefix = f"bench-{uuid.uuid4().hex[:12]}."
            settings = KafkaSettings((bootstrap,), partitions=partitions, replication=1, prefix=prefix,
                                     compression=compression)  # fmt: skip
            preparing = KafkaBus(settings)
            await preparing.start()
            await preparing.publish([_on(made[0], topic) for topic in TOPICS.values()])  # makes the topics
            await preparing.stop()
            taken = {
                PORT: await through_the_port(settings, made),
                BARE: await bare(settings, BARE, pairs),
                HEADED: await bare(settings, HEADED, pairs, [to_record(event).headers for event in made]),
            }
            for name, (out, back) in taken.items():
                both = out.cpu_s + back.cpu_s
                for step, cpu_s in (("publish", out.cpu_s), ("read", back.cpu_s), ("both", both)):
                    found.setdefault((compression, name, step), []).append(cpu_s * 100_000 / messages)
            cpu_s = {name: out.cpu_s + back.cpu_s for name, (out, back) in taken.items()}
            for name in (BARE, HEADED):
                ratios.setdefault((compression, name), []).append(cpu_s[name] / cpu_s[PORT])
    steps = ("publish", "read", "both")
    for compression in COMPRESSIONS:
        heads = (f"CPU s per 100,000, compression {compression}", *steps)
        show(heads, [(n, *(spread(found[compression, n, s], 2) for s in steps)) for n in NAMES])
        for name in (BARE, HEADED):
            print(f"{PORT} / {name}, events per CPU second, publish and read: {spread(ratios[compression, name], 2)}")
        print()


def _on(event: Event[Any], topic: str) -> Event[Any]:
    return Event(
        topic=topic, issuer=event.issuer, name=event.name, data=event.data, id=event.id, tenant=event.tenant,
        key=event.key, occurred_at=event.occurred_at,
    )  # fmt: skip


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bootstrap", help="host:port of a broker")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=40_000)
    parser.add_argument("--partitions", type=int, default=3)
    options = parser.parse_args()
    run(measure(options.bootstrap, options.rounds, options.messages, options.partitions))


if __name__ == "__main__":
    main()
