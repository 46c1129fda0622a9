"""The table of one kind of document, made and brought up to date when it is first used.

One process owns the file, so nobody sees a row in an earlier schema or a column that is not filled: what another
release left is rewritten first, in steps of bounded size. ``doc_kinds`` remembers how far that came, so that a
process that is killed meanwhile leaves the rest to the next.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple, get_args, get_type_hints

import msgspec
import structlog

from chorally_core.adapters.sqlite.database import Database
from chorally_core.ports.documents import Document, Upgrade
from chorally_core.ports.schemas import TooNew, upgraded

log = structlog.get_logger(__name__)

_STEP = 2_000  # rows rewritten in one transaction
encode = msgspec.json.Encoder().encode


def to_value(value: Any) -> Any:
    """Return a column's value: instants as microseconds, so that they sort."""
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
        return lambda document: (to_value(read(document)),)
    return lambda document: tuple([v if v is None or type(v) is str else to_value(v) for v in read(document)])


class _Kept(NamedTuple):
    """How a kind's rows are: as ``schema`` and ``columns`` say up to ``upto``, all of them where that is None."""

    schema: int
    columns: str
    was: int
    """The schema of the rows beyond."""
    upto: int | None


class Table:
    """The table of one kind, with its statements."""

    def __init__(self, database: Database, of: type[Document]) -> None:
        """Make the table where it is missing, and bring what lies in it up to date.

        Raises:
            TooNew: A later release has stored documents of the kind.
            TypeError: The kind declares an index on a field that it does not have.
        """
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
        self.instants = {name for name, hint in self.hints.items() if datetime in (hint, *get_args(hint))}
        """Fields that are compared as instants: in columns as numbers, in the document as text."""
        names = ", ".join(("id", "tenant", "version", *self.columns, "doc"))
        marks = ", ".join("?" * (4 + len(self.columns)))
        sets = ", ".join(f"{c}=?" for c in ("version", *self.columns, "doc"))
        self.insert = f"insert into {self.name}({names}) values({marks}) on conflict(id) do nothing"
        self.update = f"update {self.name} set {sets} where id=? and version=?"
        self.rewritten = self._bring_up_to_date(database)
        """How many rows were rewritten when the table was opened."""

    def row(self, document: Document) -> tuple[Any, ...]:
        """Return the values of ``insert``."""
        return (document.id, document.tenant, document.version, *self.values(document), encode(document))

    def _bring_up_to_date(self, database: Database) -> int:
        with database.transaction():
            kept = self._kept(database)
            has_rows = self._create(database)
            if not has_rows:
                self._index(database)
            kept = self._begun(kept, has_rows)
            self._keep(database, kept)
        rewritten = 0
        while kept.upto is not None:
            with database.transaction():
                upto, count = self._rewrite(database, kept)
                kept = self._begun(kept._replace(upto=upto), True)
                self._keep(database, kept)
            rewritten += count
        if has_rows:
            with database.transaction():
                self._index(database)
        if rewritten:
            log.info("documents brought up to date", kind=self.of.kind, schema=self.of.schema, rows=rewritten)
        return rewritten

    def _begun(self, kept: _Kept, has_rows: bool) -> _Kept:
        """What is to be done next, given how the rows are: what an earlier release had begun is ended first."""
        columns = ",".join(sorted(self.columns))
        if not has_rows:
            return _Kept(self.of.schema, columns, self.of.schema, None)
        if kept.schema != self.of.schema:
            done = kept.upto is None
            return _Kept(self.of.schema, columns, kept.schema, 0) if done else kept
        added = set(self.columns) - set(kept.columns.split(","))
        return (
            _Kept(kept.schema, columns, kept.was if kept.upto is not None else kept.schema, 0)
            if added
            else (kept._replace(columns=columns))
        )

    def _kept(self, database: Database) -> _Kept:
        run = database.writer.execute
        run(
            "create table if not exists doc_kinds(kind text primary key, schema integer not null,"
            " columns text not null, was integer not null, upto integer) without rowid"
        )
        sql = "select schema, columns, was, upto from doc_kinds where kind = ?"
        found = next(iter(run(sql, (self.of.kind,))), None)
        if found is None:  # from before kinds were noted down: what columns there are is filled
            present = {row[1] for row in run(f"pragma table_info({self.name})")}
            return _Kept(1, ",".join(sorted(present)), 1, None)
        kept = _Kept(*found)
        if kept.schema > self.of.schema:
            raise TooNew(self.of, kept.schema)
        return kept

    def _keep(self, database: Database, kept: _Kept) -> None:
        database.writer.execute(
            "insert into doc_kinds values(?,?,?,?,?) on conflict(kind) do update set schema=excluded.schema,"
            " columns=excluded.columns, was=excluded.was, upto=excluded.upto where schema is not excluded.schema"
            " or columns is not excluded.columns or was is not excluded.was or upto is not excluded.upto",
            (self.of.kind, *kept),
        )

    def _create(self, database: Database) -> bool:
        """Have the table with all its columns; return whether something lies in it."""
        run = database.writer.execute
        columns = "".join(f", {column}" for column in self.columns)
        run(
            f"create table if not exists {self.name}"
            f"(id text not null unique, tenant text not null, version integer not null{columns}, doc blob not null)"
        )
        present = {row[1] for row in run(f"pragma table_info({self.name})")}
        for column in self.columns:
            if column not in present:
                run(f"alter table {self.name} add column {column}")
        return bool(list(run(f"select 1 from {self.name} limit 1")))

    def _index(self, database: Database) -> None:
        run = database.writer.execute
        for field in self.of.unique:
            condition = f"where {field} is not null"
            run(f"create unique index if not exists {self.name}_u_{field} on {self.name}({field}) {condition}")
        for field in self.of.sparse:
            condition = f"where {field} is not null"
            run(f"create index if not exists {self.name}_s_{field} on {self.name}({field}) {condition}")
        for index in self.of.indexes:
            columns = ", ".join(("tenant", *index))
            run(f"create index if not exists {self.name}_i_{'_'.join(index)} on {self.name}({columns})")

    def _rewrite(self, database: Database, kept: _Kept) -> tuple[int | None, int]:
        """Bring the next rows up to date; return the last one's place, None at the end, and how many there were."""
        run = database.writer
        sql = f"select rowid, doc from {self.name} where rowid > ? order by rowid limit ?"
        rows = list(run.execute(sql, (kept.upto, _STEP)))
        if kept.schema != self.of.schema:
            steps = self.of.upgrades[kept.was - 1 : kept.schema - 1]
            plain = [(encode(_through(steps, msgspec.json.decode(stored))), place) for place, stored in rows]
            run.executemany(f"update {self.name} set doc=? where rowid = ?", plain)
        else:
            changed = []
            for place, stored in rows:
                document = self._document(stored, kept.was)
                changed.append((*self.values(document), encode(document), place))
            sets = ", ".join(f"{column}=?" for column in (*self.columns, "doc"))
            run.executemany(f"update {self.name} set {sets} where rowid = ?", changed)
        return (rows[-1][0] if len(rows) == _STEP else None), len(rows)

    def _document(self, stored: bytes, since: int) -> Document:
        if since == self.of.schema:
            return self.decoder.decode(stored)
        return msgspec.convert(upgraded(self.of, msgspec.json.decode(stored), since), self.of)


def _through(steps: Sequence[Upgrade], stored: dict[str, Any]) -> dict[str, Any]:
    for step in steps:
        stored = step(dict(stored))
    return stored
