"""What an earlier release left of its index."""

from pathlib import Path

from chorally_core.adapters.sqlite.database import Database
from chorally_core.adapters.sqlite.search import SqliteSearch


async def test_the_index_of_an_earlier_release_goes_and_is_to_be_made_anew(tmp_path: Path) -> None:
    """It held messages only; its texts are not left in the file."""
    database = Database(tmp_path / "chorally.db")
    run = database.writer.execute
    run("create table search_messages(id integer primary key, message_id text, ticket_id text, tenant text)")
    run("create virtual table search_text using fts5(text, content='', contentless_delete=1)")
    run("insert into search_messages values(1, 'm1', 't1', 'acme')")
    run("insert into search_text(rowid, text) values(1, 'parcel')")
    search = SqliteSearch(database)
    assert await search.start()
    tables = {row[0] for row in run("select name from sqlite_master where type='table'")}
    assert not {name for name in tables if name.startswith(("search_text", "search_messages"))}
    database.close()
