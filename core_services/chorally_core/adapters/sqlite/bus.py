"""The event log in SQLite: a table for each topic, consumer groups with positions, hand-over in memory.

What is published is a row first. Groups that have read up to the end get the event itself handed over,
without reading and decoding it again; a group that lags, or starts anew, reads the rows.
"""

import asyncio
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from chorally_core.adapters.sqlite.database import Database
from chorally_core.events import Event, Raw, Unknown, Unreadable, decode, envelope, said
from chorally_core.ports.bus import Batch, Consumer, Delivered

_AHEAD = 20_000  # events handed over in memory before a lagging group reads the log instead
_ERASED = b'{"issuer":"bus","event":"erased","data":{}}'  # no topic knows it, so whoever reads it goes on
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _micros(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def _headers(
    at: int, event_id: str, tenant: str, caused_by: str, depth: int, traceparent: str, schema: int
) -> dict[str, str]:
    """An event's headers, as they are beside its value on any bus."""
    return {
        "id": event_id,
        "tenant": tenant,
        "occurred_at": (_EPOCH + timedelta(microseconds=at)).isoformat(),
        "caused_by": caused_by,
        "depth": str(depth),
        "traceparent": traceparent,
        "schema": str(schema),
    }


def _stored(
    topic: str, at: int, key: str, event_id: str, tenant: str, caused_by: str, depth: int, traceparent: str,
    schema: int, value: bytes,
) -> Event[Any] | Unreadable | Unknown:  # fmt: skip
    """The event that a row is, or why it cannot be one, which is found out as on any bus."""
    with suppress(msgspec.DecodeError, RecursionError):
        issuer, name, data = said(topic, value)
        if data is not None:
            return Event(
                topic=topic, issuer=issuer, name=name, data=data, id=event_id, tenant=tenant, key=key,
                occurred_at=_EPOCH + timedelta(microseconds=at), caused_by=caused_by, depth=depth,
                traceparent=traceparent, schema=schema,
            )  # fmt: skip
    headers = _headers(at, event_id, tenant, caused_by, depth, traceparent, schema)
    return decode(Raw(topic=topic, key=key, value=value, headers=headers))


class _Topic:
    """One topic's table and the groups that read it."""

    def __init__(self, database: Database, name: str) -> None:
        self.name = name
        run = database.writer.execute
        with database.transaction():
            run("create table if not exists bus_topics(id integer primary key, name text not null unique)")
            run(
                "create table if not exists bus_positions(grp text not null, topic text not null,"
                " position integer not null, primary key(grp, topic)) without rowid"
            )
            run("insert into bus_topics(name) values(?) on conflict(name) do nothing", (name,))
            self.table = f"bus_{next(iter(run('select id from bus_topics where name=?', (name,))))[0]}"
            run(
                f"create table if not exists {self.table}(position integer primary key, at integer not null,"
                " key text not null, id text not null, tenant text not null, caused_by text not null,"
                " depth integer not null, traceparent text not null, schema integer not null, value blob not null)"
            )
        self.insert = f"insert into {self.table} values(?,?,?,?,?,?,?,?,?,?)"
        self.head = 0
        self.readers: list[_Reader] = []
        self.refresh(database)

    def refresh(self, database: Database) -> None:
        """Learn where the log ends."""
        row = next(iter(database.writer.execute(f"select coalesce(max(position), 0) from {self.table}")))
        self.head = int(row[0])


class _Reader:
    """How far a group has read one topic."""

    def __init__(self, database: Database, group: str, topic: _Topic) -> None:
        self.database = database
        self.group = group
        self.topic = topic
        self.handed: deque[tuple[int, Event[Any]]] = deque()
        self.next = 0
        self.rewind()

    def rewind(self) -> None:
        sql = "select position from bus_positions where grp=? and topic=?"
        row = next(iter(self.database.writer.execute(sql, (self.group, self.topic.name))), None)
        self.handed.clear()
        self.next = (row[0] if row else 0) + 1

    def hand(self, first: int, events: Sequence[Event[Any]]) -> None:
        """Take events just published, from a position on, if nothing before them is still to be read from the log."""
        expected = self.handed[-1][0] + 1 if self.handed else self.next
        if first == expected and len(self.handed) < _AHEAD:
            self.handed.extend(enumerate(events, first))

    def take(self, limit: int) -> list[Delivered]:
        found: list[Delivered] = []
        if self.handed:
            while self.handed and len(found) < limit:
                position, event = self.handed.popleft()
                found.append(Delivered(f"{position:016d}", event))
                self.next = position + 1
            return found
        if self.next > self.topic.head:
            return []
        table = self.topic.table
        sql = f"select * from {table} where position >= ? order by position limit ?"
        for position, *row in self.database.writer.execute(sql, (self.next, limit)):
            found.append(Delivered(f"{position:016d}", _stored(self.topic.name, *row)))
            self.next = position + 1
        if not found:
            self.next = self.topic.head + 1
        return found


class SqliteConsumer:
    """A group's reader of some topics."""

    def __init__(self, bus: "SqliteBus", group: str, readers: Sequence[_Reader]) -> None:
        self.group = group
        self._bus = bus
        self._readers = readers

    async def poll(self, limit: int) -> Batch:
        """Return what comes next, topic after topic."""
        delivered: list[Delivered] = []
        reached: dict[str, int] = {}
        for reader in self._readers:
            if len(delivered) >= limit:
                break
            found = reader.take(limit - len(delivered))
            if found:
                delivered += found
                reached[reader.topic.name] = reader.next - 1
        return Batch(delivered, reached)

    async def commit(self, batch: Batch) -> None:
        """Store the positions, joining an open transaction."""
        if not batch.token:
            return
        rows = [(self.group, topic, position) for topic, position in batch.token.items()]
        database = self._bus.database
        with database.transaction():
            database.after_rollback(self._rewind)
            database.writer.executemany(
                "insert into bus_positions(grp, topic, position) values(?,?,?)"
                " on conflict(grp, topic) do update set position=excluded.position",
                rows,
            )

    def _rewind(self) -> None:
        for reader in self._readers:
            reader.rewind()

    async def rewind(self) -> None:
        """Read again from the last commit."""
        self._rewind()

    shares = 0
    """In one process a group has one member, which owns all."""

    def owns(self, position: str) -> bool:
        """Whether what lies there is this member's: all is."""
        return True

    def lag(self) -> Mapping[str, int]:
        """Return how many events the group has not read, by topic."""
        return {
            reader.topic.name: max(reader.topic.head - (reader.handed[0][0] if reader.handed else reader.next) + 1, 0)
            for reader in self._readers
        }

    def waiting(self) -> int:
        """Return how many events the group has not read."""
        return sum(self.lag().values())


class SqliteBus:
    """Serves the bus port from one SQLite file."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._topics: dict[str, _Topic] = {}
        self._woken = asyncio.Event()

    def topic(self, name: str) -> _Topic:
        """Return a topic, made where there is none."""
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = _Topic(self.database, name)
            if self.database.in_transaction:
                self.database.after_rollback(lambda: self._forget(name))
        return topic

    def _forget(self, name: str) -> None:
        """The transaction that made the topic's table was given up, and the table with it."""
        self._topics.pop(name, None)

    async def publish(self, events: Sequence[Event[Any]]) -> None:
        """Append events in one transaction, joining an open one."""
        if not events:
            return
        by_topic: dict[str, list[Event[Any]]] = {}
        for event in events:
            by_topic.setdefault(event.topic, []).append(event)
        touched = [self.topic(name) for name in by_topic]
        with self.database.transaction():
            self.database.after_rollback(lambda: self._undo(touched))
            self.database.after_commit(self._woken.set)
            for topic in touched:
                self._append(topic, by_topic[topic.name])

    def _append(self, topic: _Topic, events: Sequence[Event[Any]]) -> None:
        first = topic.head + 1
        rows = [
            (
                position, _micros(event.occurred_at), event.key, event.id, event.tenant, event.caused_by,
                event.depth, event.traceparent, event.schema, envelope(event),
            )
            for position, event in enumerate(events, first)
        ]  # fmt: skip
        for reader in topic.readers:
            reader.hand(first, events)
        self.database.writer.executemany(topic.insert, rows)
        topic.head += len(rows)

    def _undo(self, topics: Sequence[_Topic]) -> None:
        for topic in topics:
            if topic.name not in self._topics:
                continue
            topic.refresh(self.database)
            for reader in topic.readers:
                reader.rewind()

    def consumer(self, group: str, topics: Collection[str]) -> Consumer:
        """Return the group's reader; in one process a group has one member."""
        readers = []
        for name in topics:
            topic = self.topic(name)
            reader = _Reader(self.database, group, topic)
            topic.readers = [r for r in topic.readers if r.group != group] + [reader]
            readers.append(reader)
        self._woken.set()
        return SqliteConsumer(self, group, readers)

    async def wait(self, timeout: float) -> None:
        """Return when something was published, or after ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()

    def wake(self) -> None:
        """Make whoever waits look again."""
        self._woken.set()

    async def trim(self, topic: str, before: datetime) -> int:
        """Remove events older than ``before`` that every group has read; the last one is always kept."""
        log = self.topic(topic)
        floor = min([self._position(r) for r in log.readers], default=log.head)
        with self.database.transaction():
            counted = self.database.writer.total_changes()
            self.database.writer.execute(
                f"delete from {log.table} where position <= ? and position < ? and at < ?",
                (floor, log.head, _micros(before)),
            )
            return self.database.writer.total_changes() - counted

    def _position(self, reader: _Reader) -> int:
        sql = "select position from bus_positions where grp=? and topic=?"
        row = next(iter(self.database.writer.execute(sql, (reader.group, reader.topic.name))), None)
        return int(row[0]) if row else 0

    async def erase(self, topic: str, keys: Collection[str]) -> int:
        """Remove the events of some keys that every group has read, and return how many there were.

        A key stands for the longer ones that go on with a slash, too. The newest event of a topic keeps its
        place, emptied. What is to be removed is looked for beside the event loop.
        """
        log = self.topic(topic)
        floor = min([self._position(r) for r in log.readers], default=log.head)
        sql = f"select position from {log.table} where position <= ? and (key = ? or (key >= ? and key < ?))"
        found: list[int] = []
        for key in keys:
            rows = await self.database.read(sql, (floor, key, f"{key}/", f"{key}0"))
            found += [row[0] for row in rows]
        with self.database.transaction():
            counted = self.database.writer.total_changes()
            gone = [(position,) for position in found if position < log.head]
            self.database.writer.executemany(f"delete from {log.table} where position = ?", gone)
            self.database.writer.executemany(
                f"update {log.table} set value = ? where position = ? and value <> ?",
                [(_ERASED, position, _ERASED) for position in found if position >= log.head],
            )
            return self.database.writer.total_changes() - counted
