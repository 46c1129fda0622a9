"""The index of messages in SQLite's FTS5, words folded to lower case without accents."""

import re
from collections.abc import Sequence

from chorally_core.adapters.sqlite.database import Database
from chorally_core.ports.search import Indexed

_WORD = re.compile(r"\w+", re.UNICODE)


class SqliteSearch:
    """Serves the search port from the SQLite file that holds the documents."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.transaction():
            run = database.writer.execute
            run(
                "create table if not exists search_messages(id integer primary key, message_id text not null unique,"
                " ticket_id text not null, tenant text not null)"
            )
            run(
                "create virtual table if not exists search_text using fts5"
                "(text, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2')"
            )

    async def put(self, messages: Sequence[Indexed]) -> None:
        """Index messages, joining an open transaction."""
        run = self._database.writer.execute
        with self._database.transaction():
            for message in messages:
                row = next(iter(run("select id from search_messages where message_id=?", (message.message_id,))), None)
                if row is not None:
                    run("delete from search_text where rowid=?", row)
                    if not message.text:
                        run("delete from search_messages where id=?", row)
                        continue
                elif not message.text:
                    continue
                else:
                    run(
                        "insert into search_messages(message_id, ticket_id, tenant) values(?,?,?)",
                        (message.message_id, message.ticket_id, message.tenant),
                    )
                    row = (self._database.writer.last_insert_rowid(),)
                run("insert into search_text(rowid, text) values(?,?)", (*row, message.text))

    async def tickets(self, tenant: str, text: str, *, limit: int) -> list[str]:
        """Return the tickets whose messages have all the words; the last may be the beginning of one."""
        words = _WORD.findall(text)
        if not words:
            return []
        query = " ".join(f'"{word}"' for word in words) + "*"
        rows = await self._database.read(
            "select m.ticket_id, max(m.id) as newest from search_text t join search_messages m on m.id = t.rowid"
            " where search_text match ? and m.tenant = ? group by m.ticket_id order by newest desc limit ?",
            (query, tenant, limit),
        )
        return [row[0] for row in rows]
