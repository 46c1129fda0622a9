"""The embedded event log: append and read with FULL synchronisation, beside a raw file with fdatasync per batch.

    python -m bench.event_log [--rounds 5] [--messages 40000]

Events are ``messages: add`` of about 1 KiB (envelope), made beforehand. Append is ``SqliteBus.publish``: encoding,
the row with its headers, the commit. Read is a consumer group that starts anew, so that every event is read from
the table and decoded to its type, and its position is committed with each batch.
"""

import argparse
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chorally_core.adapters.sqlite.bus import SqliteBus
from chorally_core.adapters.sqlite.database import Database
from chorally_core.events import Event, MessageAdd, envelope, topics
from chorally_core.events.ids import derived
from chorally_core.serving import run

from bench.common import Spent, machine, scratch, show, spread

BATCHES = (1, 10, 100, 1000)
SMALL = 200  # batches of one or ten: enough to measure, and no more syncs than needed


def events(count: int) -> list[Event[Any]]:
    """Return events whose value has 1,024 bytes."""
    begin = datetime(2026, 11, 1, tzinfo=UTC)
    return [_event(number, begin + timedelta(seconds=number)) for number in range(count)]


def _event(number: int, at: datetime) -> Event[Any]:
    author = derived("author", str(number % 5_000))

    def with_body(body: str) -> Event[Any]:
        data = MessageAdd(
            id=derived("message", str(number)),
            account_id="account-1",
            platform="facebook",
            channel="facebook_comment",
            conversation_key=author,
            external_id=f"4400_{900_000_000 + number}",
            external_conversation_id="102000000000_4400",
            external_created_at=at,
            received_at=at,
            author_id=author,
            author_name=f"Customer {number % 5_000}",
            external_parent_id="102000000000_4400",
            external_url=f"https://www.facebook.com/4400_{900_000_000 + number}",
            body=body,
        )
        return Event(
            topic=topics.MESSAGES,
            issuer="io-service",
            name="add",
            data=data,
            id=derived("said", str(number)),
            tenant="t1",
            key=f"t1/{author}",
            occurred_at=at,
        )

    return with_body("x" * (1_024 - len(envelope(with_body("")))))


async def append(folder: Path, batches: Sequence[Sequence[Event[Any]]]) -> Spent:
    """Publish batches to a log in a new file."""
    database = Database(folder / "log.db")
    bus = SqliteBus(database)
    bus.topic(topics.MESSAGES)
    spent = Spent()
    with spent:
        for batch in batches:
            await bus.publish(batch)
    database.close()
    return spent


async def read(folder: Path, group: str, batch: int, most: int) -> Spent:
    """Read a log as a new group, and commit each batch."""
    database = Database(folder / "log.db")
    consumer = SqliteBus(database).consumer(group, [topics.MESSAGES])
    spent = Spent()
    got = 0
    with spent:
        while got < most:
            found = await consumer.poll(batch)
            got += len(found.delivered)
            await consumer.commit(found)
    assert got == most
    assert all(isinstance(delivered.event, Event) for delivered in found.delivered)
    database.close()
    return spent


def raw_file(folder: Path, batches: Sequence[Sequence[bytes]]) -> Spent:
    """Append the values to a file, and make each batch durable."""
    descriptor = os.open(folder / "raw", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    spent = Spent()
    with spent:
        for batch in batches:
            os.write(descriptor, b"".join(batch))
            os.fdatasync(descriptor)
    os.close(descriptor)
    return spent


async def measure(rounds: int, messages: int, folder: Path | None) -> None:
    """Run all cases in turn and print the table."""
    made = events(messages)
    values = [envelope(event) for event in made]
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    with scratch(folder) as place:
        print(machine(place, "msgspec", "apsw"), flush=True)
    for _ in range(rounds):
        for batch in BATCHES:
            count = min(messages, batch * SMALL if batch < 100 else messages)
            parts = [made[at : at + batch] for at in range(0, count, batch)]
            texts = [values[at : at + batch] for at in range(0, count, batch)]
            with scratch(folder) as place:
                cases = {
                    "append": await append(place, parts),
                    "read, decode, commit the position": await read(place, "reader", batch, count),
                    "raw file, fdatasync per batch": raw_file(place, texts),
                }
            for name, spent in cases.items():
                found.setdefault((name, batch), []).append((count / spent.cpu_s, count / spent.wall_s))
    names = list(dict.fromkeys(name for name, _ in found))
    for column, unit in enumerate(("CPU s", "wall s")):
        heads = (f"messages per {unit}", *(f"batch {batch:,}" for batch in BATCHES))
        show(heads, [(name, *(spread([f[column] for f in found[name, batch]]) for batch in BATCHES)) for name in names])


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=40_000, help="of the batches of 100 and 1,000")
    parser.add_argument("--folder", type=Path, help="where files go; the system's temporary folder otherwise")
    options = parser.parse_args()
    run(measure(options.rounds, options.messages, options.folder))


if __name__ == "__main__":
    main()
