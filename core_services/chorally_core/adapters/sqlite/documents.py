"""Documents in SQLite: a table for each kind, JSON beside the columns that are looked up by."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, cast, get_type_hints

import apsw
import msgspec

from chorally_core.adapters.sqlite.database import Database
from chorally_core.events import Event, Raw, decode, to_raw
from chorally_core.ports.documents import ARRIVAL, Condition, Conflict, DocT, Document, Key, Query, Unsent, Write

_CHUNK = 500
_encode = msgspec.json.Encoder().encode
NOTHING_UNSENT = Unsent((), ())
_headers = msgspec.json.Decoder(dict[str, str])


def _value(value: Any) -> Any:
    """A column's value: instants as microseconds, so that they sort."""
    if value is None or type(value) is str:
        return value
    if isinstance(value, datetime):
        return int(value.timestamp() * 1_000_000)
    if isinstance(value, bool):
        return int(value)
    return value


def _values(columns: tuple[str, ...]) -> Callable[[Document], tuple[Any, ...]]:
    """What reads the columns' values off a document."""
    if not columns:
        return lambda document: ()
    read = attrgetter(*columns)
    if len(columns) == 1:
        return lambda document: (_value(read(document)),)
    return lambda document: tuple([_value(value) for value in read(document)])


class _Table:
    """The table of one kind, with its statements."""

    def __init__(self, database: Database, of: type[Document]) -> None:
        self.of = of
        self.name = f"doc_{of.kind}"
        fields = [*of.unique, *of.sparse, *(field for index in of.indexes for field in index)]
        self.columns = tuple(dict.fromkeys(f for f in fields if f not in ("id", "tenant", "version")))
        unknown = set(self.columns) - set(of.__struct_fields__)
        if unknown:
            raise TypeError(f"{of.__name__} declares an index on {sorted(unknown)}, which it does not have")
        self.decoder = msgspec.json.Decoder(of)
        self.values = _values(self.columns)
        hints = get_type_hints(of)
        self.hints = {name: hints[name] for name in of.__struct_fields__}
        self._create(database)
        names = ", ".join(("id", "tenant", "version", *self.columns, "doc"))
        marks = ", ".join("?" * (4 + len(self.columns)))
        sets = ", ".join(f"{c}=?" for c in ("version", *self.columns, "doc"))
        self.insert = f"insert into {self.name}({names}) values({marks}) on conflict(id) do nothing"
        self.update = f"update {self.name} set {sets} where id=? and version=?"

    def _create(self, database: Database) -> None:
        columns = "".join(f", {column}" for column in self.columns)
        with database.transaction():
            run = database.writer.execute
            run(
                f"create table if not exists {self.name}"
                f"(id text not null unique, tenant text not null, version integer not null{columns}, doc blob not null)"
            )
            present = {row[1] for row in run(f"pragma table_info({self.name})")}
            for column in self.columns:
                if column not in present:
                    run(f"alter table {self.name} add column {column}")
            for field in self.of.unique:
                condition = f"where {field} is not null"
                run(f"create unique index if not exists {self.name}_u_{field} on {self.name}({field}) {condition}")
            for field in self.of.sparse:
                condition = f"where {field} is not null"
                run(f"create index if not exists {self.name}_s_{field} on {self.name}({field}) {condition}")
            for index in self.of.indexes:
                columns = ", ".join(("tenant", *index))
                run(f"create index if not exists {self.name}_i_{'_'.join(index)} on {self.name}({columns})")

    def row(self, document: Document) -> tuple[Any, ...]:
        values = self.values(document)
        return (document.id, document.tenant, document.version, *values, _encode(document))


class SqliteDocuments:
    """Serves the documents port from one SQLite file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tables: dict[type[Document], _Table] = {}
        self._numbers: dict[tuple[type[Document], str], int] = {}

    def _table(self, of: type[Document]) -> _Table:
        table = self._tables.get(of)
        if table is None:
            table = self._tables[of] = _Table(self._database, of)
            if self._database.in_transaction:
                self._database.after_rollback(lambda: self._forget(of))
        return table

    def _forget(self, of: type[Document]) -> None:
        """The transaction that made the table was given up, and the table with it."""
        self._tables.pop(of, None)

    async def load(self, keys: Collection[Key]) -> dict[Key, Document]:
        """Return the documents that exist of those named, with one statement for each kind and field."""
        wanted: dict[tuple[type[Document], str], list[str]] = defaultdict(list)
        for of, field, value in keys:
            wanted[of, field].append(value)
        found: dict[Key, Document] = {}
        for (of, field), values in wanted.items():
            table = self._table(of)
            if field != "id" and field not in of.unique:
                raise ValueError(f"{of.__name__} cannot be loaded by {field!r}: it is not unique")
            for start in range(0, len(values), _CHUNK):
                part = values[start : start + _CHUNK]
                marks = ",".join("?" * len(part))
                sql = f"select doc, {field} from {table.name} where {field} in ({marks})"
                for row in self._database.writer.execute(sql, part):
                    found[Key(of, field, row[1])] = table.decoder.decode(row[0])
        return found

    async def get(self, of: type[DocT], value: str, field: str = "id") -> DocT | None:
        """Return one document, by id or by a unique field."""
        found = await self.load((Key(of, field, value),))
        return cast("DocT | None", next(iter(found.values()), None))

    async def write(self, writes: Sequence[Write]) -> Unsent:
        """Store documents and their outboxes in one transaction, joining an open one.

        Raises:
            Conflict: A document was not as expected; none of the call is stored unless the caller's
                own transaction goes on.
        """
        events = [event for write in writes for event in write.outbox]
        with self._database.transaction():
            for of, group in _grouped(writes):
                self._write_kind(self._table(of), group)
            if not events:
                return NOTHING_UNSENT
            self._outbox()
            sql = "insert into doc_outbox(topic, key, headers, value) values(?,?,?,?)"
            self._database.writer.executemany(sql, [_outgoing(event) for event in events])
            last = self._database.writer.last_insert_rowid()
        return Unsent(events, list(range(last - len(events) + 1, last + 1)))

    def _outbox(self) -> None:
        self._database.writer.execute(
            "create table if not exists doc_outbox(place integer primary key, topic text not null, key text not null,"
            " headers blob not null, value blob not null)"
        )

    async def unsent(self, limit: int) -> Unsent:
        """Return events that were stored with documents and not relayed, in the order in which they were."""
        with self._database.transaction():
            self._outbox()
            sql = "select place, topic, key, headers, value from doc_outbox order by place limit ?"
            rows = list(self._database.writer.execute(sql, (limit,)))
        events = []
        for _, topic, key, head, value in rows:
            event = decode(Raw(topic=topic, key=key, value=value, headers=_headers.decode(head)))
            if isinstance(event, Event):
                events.append(event)
        return Unsent(events, [row[0] for row in rows])

    async def relayed(self, sent: Unsent) -> None:
        """Forget events that were relayed."""
        with self._database.transaction():
            places = [(place,) for place in sent.token]
            self._database.writer.executemany("delete from doc_outbox where place = ?", places)

    def _write_kind(self, table: _Table, writes: Sequence[Write]) -> None:
        connection = self._database.writer
        added = [table.row(w.document) for w in writes if not w.expected]
        changed = []
        for document, expected, _ in writes:
            if expected:
                row = table.row(document)
                changed.append((*row[2:], document.id, expected))
        try:
            if added:
                connection.executemany(table.insert, added)
            if changed:
                before = connection.total_changes()
                connection.executemany(table.update, changed)
                if connection.total_changes() - before != len(changed):
                    raise Conflict(table.of.kind, changed[0][-2] if len(changed) == 1 else "")
        except apsw.ConstraintError as error:
            raise Conflict(table.of.kind, writes[0].document.id if len(writes) == 1 else "") from error

    async def find(self, query: Query) -> list[Any]:
        """Return the documents that a query asks for, read beside the loop unless a transaction is open.

        Raises:
            LookupError: In the order of arrival, the document to resume behind is not stored any more.
        """
        table = self._table(query.of)
        if query.order == ARRIVAL:
            return await self._find_by_arrival(table, query)
        where, bindings = self._where(table, query)
        if query.after is not None:
            sign = "<" if query.descending else ">"
            value, last = _value(query.after[0]), query.after[1]
            if query.order == "id":
                where.append(f"id {sign} ?")
                bindings.append(last)
            else:
                column = self._column(table, query.order)
                where.append(f"({column}, id) {sign} (?, ?)")
                bindings += [value, last]
        direction = "desc" if query.descending else "asc"
        column = self._column(table, query.order)
        order = f"id {direction}" if query.order == "id" else f"{column} {direction}, id {direction}"
        return await self._found(table, where, [*bindings, query.limit], order)

    async def _find_by_arrival(self, table: _Table, query: Query) -> list[Any]:
        """Rows in the order of their numbers: one connection writes, so they become visible in it.

        A number is given anew only if the row with the highest one was deleted, which retention never does
        first. The tenant is kept from choosing an index, whose order would have to be sorted.
        """
        where, bindings = self._where(table, query)
        if query.tenant is not None and not query.where:
            where[0] = "+tenant = ?"
        if query.after is not None:
            number = await self._rows(f"select rowid from {table.name} where id = ?", [query.after[1]])
            if not number:
                raise LookupError(
                    f"{query.of.kind} {query.after[1]} is not stored, so nothing can be resumed behind it"
                )
            where.append(f"rowid {'<' if query.descending else '>'} ?")
            bindings.append(number[0][0])
        return await self._found(
            table, where, [*bindings, query.limit], f"rowid {'desc' if query.descending else 'asc'}"
        )

    async def _found(self, table: _Table, where: Sequence[str], bindings: Sequence[Any], order: str) -> list[Any]:
        condition = f" where {' and '.join(where)}" if where else ""
        sql = f"select doc from {table.name}{condition} order by {order} limit ?"
        return [table.decoder.decode(row[0]) for row in await self._rows(sql, bindings)]

    async def count(self, query: Query) -> int:
        """Return how many documents a query would find, whatever its limit."""
        table = self._table(query.of)
        where, bindings = self._where(table, query)
        condition = f" where {' and '.join(where)}" if where else ""
        rows = await self._rows(f"select count(*) from {table.name}{condition}", bindings)
        return int(rows[0][0])

    async def _rows(self, sql: str, bindings: Sequence[Any]) -> list[tuple[Any, ...]]:
        if self._database.in_transaction:
            return list(self._database.writer.execute(sql, tuple(bindings)))
        return await self._database.read(sql, bindings)

    def _column(self, table: _Table, field: str) -> str:
        if field in ("id", "tenant", "version") or field in table.columns:
            return field
        if field not in table.of.__struct_fields__:
            raise ValueError(f"{table.of.__name__} has no field {field!r}")
        return f"json_extract(cast(doc as text), '$.{field}')"

    def _where(self, table: _Table, query: Query) -> tuple[list[str], list[Any]]:
        where: list[str] = []
        bindings: list[Any] = []
        if query.tenant is not None:
            named = any(c.field in (*table.of.sparse, *table.of.unique) and c.test == "is" for c in query.where)
            where.append("+tenant = ?" if named else "tenant = ?")  # the index of the field named is the narrow one
            bindings.append(query.tenant)
        for condition in query.where:
            sql, values = self._condition(table, condition)
            where.append(sql)
            bindings += values
        return where, bindings

    def _condition(self, table: _Table, condition: Condition) -> tuple[str, list[Any]]:
        field, test, value = condition
        column = self._column(table, field)
        if test == "has":
            return f"exists (select 1 from json_each(cast(doc as text), '$.{field}') where value = ?)", [value]
        if test == "in":
            values = [_value(v) for v in value]
            return f"{column} in ({','.join('?' * len(values))})", values
        if test == "absent":
            return f"{column} is null", []
        if test == "present":
            return f"{column} is not null", []
        if test == "contains":
            escaped = str(value).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            return f"{column} like ? escape '\\'", [f"%{escaped}%"]
        return f"{column} {'=' if test == 'is' else test} ?", [_value(value)]

    async def delete(self, of: type[Document], ids: Collection[str]) -> int:
        """Remove documents and return how many there were."""
        table = self._table(of)
        with self._database.transaction():
            before = self._database.writer.total_changes()
            self._database.writer.executemany(f"delete from {table.name} where id=?", [(i,) for i in ids])
            return self._database.writer.total_changes() - before

    async def reserve(self, of: type[Document], tenant: str, count: int) -> range:
        """Return numbers after the highest in use; those not used before a restart are given again."""
        if not of.numbered:
            raise ValueError(f"{of.__name__} is not numbered")
        table = self._table(of)
        last = self._numbers.get((of, tenant))  # also of a turn that was given up, whose numbers may be in use
        if last is None:
            column = self._column(table, of.numbered)
            sql = f"select coalesce(max({column}), 0) from {table.name} where tenant = ?"
            last = int(next(iter(self._database.writer.execute(sql, (tenant,))))[0])
        self._numbers[of, tenant] = last + count
        return range(last + 1, last + count + 1)


def _grouped(writes: Sequence[Write]) -> Iterable[tuple[type[Document], list[Write]]]:
    """Writes by kind, in the order in which kinds first appear."""
    groups: dict[type[Document], list[Write]] = {}
    for write in writes:
        groups.setdefault(type(write.document), []).append(write)
    return groups.items()


def _outgoing(event: Event[Any]) -> tuple[str, str, bytes, bytes]:
    """An event as it lies in the outbox."""
    raw = to_raw(event)
    return raw.topic, raw.key, _encode(raw.headers), raw.value
