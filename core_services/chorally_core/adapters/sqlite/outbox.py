"""The outbox of documents in SQLite: events that lie with their documents until they are relayed.

Only where the event log lies elsewhere; in one file both are one transaction.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from chorally_core.adapters.sqlite.database import Database
from chorally_core.adapters.sqlite.table import encode, to_value
from chorally_core.events import Event, Raw, decode, to_raw
from chorally_core.ports.documents import Unsent, Write

_CHUNK = 500
_headers = msgspec.json.Decoder(dict[str, str])
_FIELDS = "place, topic, key, headers, value"


class Outbox:
    """The events of all documents, in the order in which they were stored."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def _made(self) -> None:
        run = self._database.writer.execute
        run(
            "create table if not exists doc_outbox(place integer primary key, topic text not null, key text not null,"
            " headers blob not null, value blob not null, kind text, document text, at integer)"
        )
        present = {row[1] for row in run("pragma table_info(doc_outbox)")}
        for column in ("kind", "document", "at"):
            if column not in present:
                run(f"alter table doc_outbox add column {column}")
        run("create index if not exists doc_outbox_document on doc_outbox(kind, document)")

    def add(self, writes: Sequence[Write]) -> Unsent:
        """Keep the events of writes, in an open transaction; return them behind what lay with the documents."""
        self._made()
        names = [(write.document.kind, write.document.id) for write in writes if write.outbox]
        earlier = self.of(names)
        at = to_value(self._now())
        rows = [_row(event, write, at) for write in writes for event in write.outbox]
        sql = "insert into doc_outbox(topic, key, headers, value, kind, document, at) values(?,?,?,?,?,?,?)"
        self._database.writer.executemany(sql, rows)
        last = self._database.writer.last_insert_rowid()
        own = [event for write in writes for event in write.outbox]
        places = range(last - len(own) + 1, last + 1)
        return Unsent([*earlier.events, *own], [*earlier.token, *places])

    def oldest(self, limit: int, older_than: timedelta) -> Unsent:
        """Return the oldest events that were not relayed."""
        until = to_value(self._now() - older_than)
        sql = f"select {_FIELDS} from doc_outbox where at is null or at <= ? order by place limit ?"
        with self._database.transaction():
            self._made()
            return _unsent(list(self._database.writer.execute(sql, (until, limit))))

    def of(self, names: Sequence[tuple[str, str]]) -> Unsent:
        """Return the events that lie with documents, told by kind and id."""
        rows: list[Any] = []
        with self._database.transaction():
            self._made()
            for start in range(0, len(names), _CHUNK):
                part = names[start : start + _CHUNK]
                marks = ",".join(["(?,?)"] * len(part))
                sql = f"select {_FIELDS} from doc_outbox where (kind, document) in (values {marks}) order by place"
                rows += self._database.writer.execute(sql, tuple(value for name in part for value in name))
        return _unsent(rows)

    def forget(self, sent: Unsent) -> None:
        """Remove events that were relayed."""
        with self._database.transaction():
            places = [(place,) for place in sent.token]
            self._database.writer.executemany("delete from doc_outbox where place = ?", places)


def _row(event: Event[Any], write: Write, at: int) -> tuple[Any, ...]:
    raw = to_raw(event)
    return raw.topic, raw.key, encode(raw.headers), raw.value, write.document.kind, write.document.id, at


def _unsent(rows: Sequence[tuple[Any, ...]]) -> Unsent:
    """What lies there; events of a later release, which this one cannot read, stay for one that can."""
    events, places = [], []
    for place, topic, key, head, value in rows:
        event = decode(Raw(topic=topic, key=key, value=value, headers=_headers.decode(head)))
        if isinstance(event, Event):
            events.append(event)
            places.append(place)
    return Unsent(events, places)
