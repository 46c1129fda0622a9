"""The embedded system's parts of the incoming flow, put together as ``chorally_core.bootstrap`` does it."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from chorally_core.adapters.local import FernetVault, Folder
from chorally_core.adapters.sqlite.database import Database
from chorally_core.adapters.sqlite.ledger import SqliteLedger
from chorally_core.adapters.sqlite.search import SqliteSearch
from chorally_core.bootstrap.services.search import SOURCES
from chorally_core.ports.ledger import Step, Work
from chorally_core.runner import Actions, Pump, Runner
from chorally_core.services.author import handlers as author
from chorally_core.services.io.directory import INSTALLATION
from chorally_core.services.io.handlers import GROUP as IO
from chorally_core.services.io.model import Account
from chorally_core.services.io.service import IoService
from chorally_core.services.log import handlers as log
from chorally_core.services.message import handlers as message
from chorally_core.services.rule_engine import handlers as rule_engine
from chorally_core.services.search.indexer import Indexer
from cryptography.fernet import Fernet

from chorally_sdk.plugins import discover

PLATFORM = "facebook"


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class Parts:
    """Journal, intake, author, message, log and outbound over one SQLite file with FULL synchronisation."""

    def __init__(self, folder: Path, *, with_search: bool = False, cache_mib: int = 64) -> None:
        """Open the file and put the parts together.

        Args:
            folder: Where the file goes.
            with_search: The search index is fed too.
            cache_mib: SQLite's page cache.
        """
        self.database = Database(folder / "chorally.db", cache_mib=cache_mib)
        self.ledger = SqliteLedger(self.database)
        self.actions = Actions(self.ledger)
        self.io = IoService(
            discover().connectors(),
            self.ledger,
            Folder(folder / "objects"),
            FernetVault([Fernet.generate_key().decode()]),
            now=now,
            new_id=lambda: secrets.token_hex(16),
            disk=folder,
            max_lag=100_000_000,
        )
        self.runners = [
            Runner(author.GROUP, author.HANDLERS, self.ledger, now=now),
            Runner(message.GROUP, message.HANDLERS, self.ledger, now=now),
            Runner(log.GROUP, log.HANDLERS, self.ledger, now=now),
            Runner(rule_engine.GROUP, rule_engine.handlers(), self.ledger, now=now),
            Runner(IO, self.io.handlers(), self.ledger, now=now),
        ]
        self.pump = Pump(self.ledger, [self.io.intake, *self.runners])
        self.indexer = None
        if with_search:
            self.indexer = Pump(self.ledger, [Indexer(self.ledger, SqliteSearch(self.database), SOURCES)], alone=True)

    async def connect(self, pages: Sequence[str], secret: str) -> None:
        """Set up one app, and one page for each tenant ``t0``, ``t1`` …; the platform is not asked."""
        settings = {"app_secret": secret, "verify_token": "never-asked-for"}
        await self.io.accounts.add_app(INSTALLATION, PLATFORM, "measured", settings, "app")
        accounts = [
            Account(
                id=f"account-{number}",
                tenant=f"t{number}",
                platform=PLATFORM,
                name=page,
                external_id=page,
                external_name=page,
                hook_token=secrets.token_hex(16),
                created_at=now(),
                connected_at=now(),
            )
            for number, page in enumerate(pages)
        ]
        await self.ledger.commit(Work([Step.of(accounts)]))
        await self.io.load()
        for runner in self.runners:
            await runner.start()
        await self.pump.drain()

    def one(self, sql: str) -> int:
        """Return the number that a query gives."""
        return int(next(iter(self.database.writer.execute(sql)))[0])
