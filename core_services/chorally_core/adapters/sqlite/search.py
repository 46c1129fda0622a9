"""The index in SQLite's FTS5, in the file that holds the documents: what is put is part of the same transaction.

Words come folded, and beside them the stems that the text's language gives them, so FTS5 only has to find what is
the same. What entries are filtered by lies in a table of its own; a message is filtered by what its ticket's row says.
An index is a generation: another one can be filled beside it, and take its place at once.
"""

import json
import zlib
from collections.abc import Sequence
from datetime import datetime

from chorally_core.adapters.sqlite.database import Database
from chorally_core.adapters.sqlite.search_sql import COLUMNS, Asking, at_of, micros
from chorally_core.ports.search import INDEX_SCHEMA, Asked, Entry, Hit, Hits
from chorally_core.ports.stems import stems
from chorally_core.ports.words import Wanted, said

_STATE = "create table if not exists search_state(id integer primary key, serving int, building int, name, filled int)"
_BEFORE = ("search_text", "search_messages")  # of releases that searched messages only


class SqliteSearch:
    """Serves the search port from the SQLite file that holds the documents."""

    in_turns = True
    bears_tickets = False

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.transaction():
            database.writer.execute(_STATE)
            if not list(database.writer.execute("select 1 from search_state")):
                for table in _BEFORE:
                    database.writer.execute(f"drop table if exists {table}")
                database.writer.execute("insert into search_state values(1, 1, null, null, 0)")
                self._make(1)

    async def start(self) -> bool:
        """Return whether the index has never been made from everything."""
        return bool(next(iter(self._database.writer.execute("select filled from search_state")))[0] != INDEX_SCHEMA)

    def _make(self, generation: int) -> None:
        run = self._database.writer.execute
        run(
            f"create table search_entries_{generation}(id integer primary key, kind text not null, entry_id text not"
            " null, tenant text not null, version int not null, at int not null, digest int not null,"
            f" {', '.join(f'{column} text not null' for column in COLUMNS)}, unique(entry_id, kind))"
        )
        run(f"create index search_at_{generation} on search_entries_{generation}(tenant, at, kind)")
        run(f"create index search_author_{generation} on search_entries_{generation}(author_id)")
        run(
            f"create virtual table search_words_{generation} using fts5(title, body, names, it, en, content='',"
            " contentless_delete=1, tokenize='unicode61 remove_diacritics 0')"
        )

    def _state(self) -> tuple[int, int | None, str | None]:
        found: tuple[int, int | None, str | None] = next(
            iter(self._database.writer.execute("select serving, building, name from search_state"))
        )
        return found

    async def put(self, entries: Sequence[Entry]) -> None:
        """Index entries, joining an open transaction."""
        with self._database.transaction():
            serving, building, _ = self._state()
            for generation in (serving,) if building is None else (serving, building):
                for entry in entries:
                    self._put(generation, entry)

    def _put(self, generation: int, entry: Entry) -> None:
        run = self._database.writer.execute
        table, words = f"search_entries_{generation}", f"search_words_{generation}"
        known = next(
            iter(run(f"select id, version, digest from {table} where entry_id=? and kind=?", (entry.id, entry.kind))),
            None,
        )
        if known is not None and known[1] > entry.version:
            return
        digest = zlib.crc32("\0".join((entry.language, entry.title, entry.body, entry.names)).encode())
        values = {column: getattr(entry, column) for column in COLUMNS}
        values["tags"] = json.dumps(entry.tags, ensure_ascii=False) if entry.tags else "[]"
        if known is None:
            marks = ", ".join("?" * (len(COLUMNS) + 6))
            run(
                f"insert into {table}(kind, entry_id, tenant, version, at, digest, {', '.join(COLUMNS)})"
                f" values({marks})",
                (entry.kind, entry.id, entry.tenant, entry.version, micros(entry.at), digest, *values.values()),
            )
            row = self._database.writer.last_insert_rowid()
        else:
            row = known[0]
            run(
                f"update {table} set version=?, at=?, digest=?, {', '.join(f'{c}=?' for c in COLUMNS)} where id=?",
                (entry.version, micros(entry.at), digest, *values.values(), row),
            )
            if not entry.gone and known[2] == digest:
                return
            run(f"delete from {words} where rowid=?", (row,))
        if entry.gone:
            run(f"delete from {table} where id=?", (row,))
            return
        title, body, names = said(entry.title), said(entry.body), said(entry.names)
        forms = " ".join(stems((*title, *body), entry.language))
        run(
            f"insert into {words}(rowid, title, body, names, it, en) values(?,?,?,?,?,?)",
            (
                row, " ".join(title), " ".join(body), " ".join(names), forms if entry.language == "it" else "",
                forms if entry.language == "en" else "",
            ),
        )  # fmt: skip

    async def find(self, tenant: str, asked: Asked) -> Hits:
        """Return a page of what is found."""
        asking = Asking(self._state()[0], tenant, asked)
        hits: list[Hit] = []
        total = 0
        facets: dict[str, list[tuple[str, int]]] = {field: [] for field in asked.facets}
        for part, kind, name, at, score, value, count in await self._database.read(*asking.answer()):
            if part == "hit":
                hits.append(Hit(kind, name, at_of(at), score))
            elif part == "total":
                total = count
            else:
                facets[part].append((str(value), count))
        counted = {field: sorted(counts, key=lambda one: (-one[1], one[0])) for field, counts in facets.items()}
        return Hits(asking.in_order(hits), total, counted)

    async def tickets(self, tenant: str, wanted: Wanted, *, limit: int) -> list[str]:
        """Return the tickets in which something is found, the newest hits first."""
        if not wanted.all_of:
            return []
        asking = Asking(self._state()[0], tenant, Asked(wanted, ("ticket", "message")))
        return [str(row[0]) for row in await self._database.read(*asking.tickets(limit))]

    async def bear(self, tickets: Sequence[Entry]) -> set[str]:
        """Return none: messages are filtered by their tickets' own rows."""
        return set()

    async def forget(self, tenant: str, author_id: str, until: datetime) -> None:
        """Remove what an author said until then, and the author."""
        with self._database.transaction():
            serving, building, _ = self._state()
            for generation in (serving,) if building is None else (serving, building):
                table = f"search_entries_{generation}"
                where = f"from {table} where author_id=? and tenant=? and at<=?"
                given = (author_id, tenant, micros(until))
                self._database.writer.execute(
                    f"delete from search_words_{generation} where rowid in (select id {where})", given
                )
                self._database.writer.execute(f"delete {where}", given)

    async def begin_rebuild(self, name: str) -> None:
        """Have a new generation beside the one that serves."""
        with self._database.transaction():
            serving, building, known = self._state()
            if known == name:
                return
            if building is not None:
                self._drop(building)
            self._make(following := max(serving, building or 0) + 1)
            self._database.writer.execute("update search_state set building=?, name=?", (following, name))

    async def fill(self, name: str, entries: Sequence[Entry]) -> None:
        """Index entries in the new generation only."""
        with self._database.transaction():
            _, building, known = self._state()
            if building is None or known != name:
                raise LookupError(f"the index {name} is not being rebuilt")
            for entry in entries:
                self._put(building, entry)

    async def end_rebuild(self, name: str) -> None:
        """Have the new generation serve, and drop the old one."""
        with self._database.transaction():
            serving, building, known = self._state()
            if building is None or known != name:
                return
            self._database.writer.execute(
                "update search_state set serving=?, building=null, name=null, filled=?", (building, INDEX_SCHEMA)
            )
            self._drop(serving)

    def _drop(self, generation: int) -> None:
        for table in (f"search_words_{generation}", f"search_entries_{generation}"):
            self._database.writer.execute(f"drop table {table}")

    async def aclose(self) -> None:
        """Do nothing: the file is closed by whoever opened it."""
