"""Documents in SQLite: a table for each kind, JSON beside the columns that are looked up by."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import apsw

from chorally_core.adapters.sqlite.database import INSTANT, Database
from chorally_core.adapters.sqlite.outbox import Outbox
from chorally_core.adapters.sqlite.table import Table, to_value
from chorally_core.ports.documents import ARRIVAL, Condition, Conflict, DocT, Document, Key, Query, Unsent, Write
from chorally_core.ports.schemas import check

_CHUNK = 500
NOTHING_UNSENT = Unsent((), ())


class SqliteDocuments:
    """Serves the documents port from one SQLite file."""

    def __init__(self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Prepare to store; tables are made when their kinds are first used."""
        self._database = database
        self._tables: dict[type[Document], Table] = {}
        self._numbers: dict[tuple[type[Document], str], int] = {}
        self._outbox = Outbox(database, now)

    def _table(self, of: type[Document]) -> Table:
        table = self._tables.get(of)
        if table is None:
            table = self._tables[of] = Table(self._database, of)
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
            return self._outbox.add(writes)

    async def unsent(self, limit: int, older_than: timedelta = timedelta(0)) -> Unsent:
        """Return events that were stored with documents and not relayed, in the order in which they were."""
        return self._outbox.oldest(limit, older_than)

    async def carried(self, of: type[Document], ids: Collection[str]) -> Unsent:
        """Return the events that lie with some documents, in the order in which they were stored."""
        return self._outbox.of([(of.kind, name) for name in ids])

    async def relayed(self, sent: Unsent) -> None:
        """Forget events that were relayed."""
        self._outbox.forget(sent)

    async def lacking(self, kinds: Iterable[type[Document]]) -> list[str]:
        """Say nothing: a kind is brought up to date when it is first used."""
        return []

    async def migrate(self, kinds: Iterable[type[Document]]) -> list[str]:
        """Bring what lies in the file up to date, and say what had to be rewritten.

        Raises:
            TooNew: A later release has stored documents.
        """
        kinds = list(kinds)
        check(kinds)
        sql = "select name from sqlite_master where type = 'table'"
        there = {row[0] for row in self._database.writer.execute(sql)}
        tables = [self._table(of) for of in kinds if f"doc_{of.kind}" in there and of not in self._tables]
        return [f"{table.of.kind}: {table.rewritten} documents rewritten" for table in tables if table.rewritten]

    def _write_kind(self, table: Table, writes: Sequence[Write]) -> None:
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
            if not query.of.followed:
                raise ValueError(f"{query.of.__name__} is not followed in the order of arrival")
            return await self._find_by_arrival(table, query)
        where, bindings = self._where(table, query)
        if query.after is not None:
            sign = "<" if query.descending else ">"
            value, last = to_value(query.after[0]), query.after[1]
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

    async def _find_by_arrival(self, table: Table, query: Query) -> list[Any]:
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

    async def _found(self, table: Table, where: Sequence[str], bindings: Sequence[Any], order: str) -> list[Any]:
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

    def _column(self, table: Table, field: str) -> str:
        if field in ("id", "tenant", "version") or field in table.columns:
            return field
        if field not in table.of.__struct_fields__:
            raise ValueError(f"{table.of.__name__} has no field {field!r}")
        found = f"json_extract(cast(doc as text), '$.{field}')"
        return f"{INSTANT}({found})" if field in table.instants else found

    def _where(self, table: Table, query: Query) -> tuple[list[str], list[Any]]:
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

    def _condition(self, table: Table, condition: Condition) -> tuple[str, list[Any]]:
        field, test, value = condition
        column = self._column(table, field)
        if test == "has":
            return f"exists (select 1 from json_each(cast(doc as text), '$.{field}') where value = ?)", [value]
        if test == "in":
            values = [to_value(v) for v in value]
            return f"{column} in ({','.join('?' * len(values))})", values
        if test == "absent":
            return f"{column} is null", []
        if test == "present":
            return f"{column} is not null", []
        if test == "contains":
            escaped = str(value).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            return f"{column} like ? escape '\\'", [f"%{escaped}%"]
        return f"{column} {'=' if test == 'is' else test} ?", [to_value(value)]

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
