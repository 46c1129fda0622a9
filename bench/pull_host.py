"""What ``bench.pull`` measures of the host: ``Pulling`` over one SQLite file."""

import asyncio
import gc
from datetime import UTC, datetime
from pathlib import Path

from chorally_core import logs
from chorally_core.adapters.local import FernetVault, Folder
from chorally_core.adapters.sqlite.database import Database
from chorally_core.adapters.sqlite.ledger import SqliteLedger
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.io.model import Account, StreamState
from chorally_core.services.io.service import IoService
from cryptography.fernet import Fernet

from bench.comments import PLATFORM, Comments


async def host(url: str, paths: list[str], folder: Path) -> tuple[int, int]:
    """Pull accounts, all at once, and return the pages and records that their streams' states tell."""
    logs.configure("error", "text")
    gc.set_threshold(50_000, 20, 100)  # as chorally_core.serving.run does
    database = Database(folder / "chorally.db")
    ledger = SqliteLedger(database)
    vault = FernetVault([Fernet.generate_key().decode()])
    objects = Folder(folder / "objects")
    io = IoService({PLATFORM: Comments}, ledger, objects, vault, now=_now, new_id=str, base_urls={PLATFORM: url})
    accounts = [_account(number, path) for number, path in enumerate(paths)]
    await ledger.commit(Work([Step.of(accounts)]))
    await io.load()
    for account in accounts:
        io.pulling.start(account)
    states = await asyncio.gather(*(_at_end(ledger, account) for account in accounts))
    await io.pulling.stop()
    pages, records = sum(state.pages for state in states), sum(state.messages for state in states)
    [[topic]] = database.writer.execute("select id from bus_topics where name = 'messages'")
    [[stored]] = database.writer.execute(f"select count(*) from bus_{int(topic)}")  # noqa: S608 - a number of ours
    assert stored == records, (stored, records)
    await io.directory.aclose()
    database.close()
    return pages, records


async def _at_end(ledger: SqliteLedger, account: Account) -> StreamState:
    """Return the state of an account's stream once it has reached the end."""
    name = StreamState.id_of(account.id, PLATFORM, "live")
    while True:
        state = await ledger.documents.get(StreamState, name)
        if state is not None and state.cursor == {"next": None}:
            return state
        await asyncio.sleep(0.05)


def _now() -> datetime:
    return datetime.now(UTC)


def _account(number: int, path: str) -> Account:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Account(
        id=f"a{number}",
        tenant="t",
        platform=PLATFORM,
        name=f"account {number}",
        external_id=str(number),
        data={"list": path},
        hook_token=f"unused-{number}",
        created_at=at,
        connected_at=at,
    )
