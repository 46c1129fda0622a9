"""Grants among several processes of the system: leases, versions and the journal in the documents."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from chorally_core.adapters.local import FernetVault
from chorally_core.adapters.sqlite import SqliteDocuments
from chorally_core.adapters.sqlite.database import Database
from chorally_core.adapters.sqlite.ledger import SqliteLedger
from chorally_core.runner.leases import StoredLeases
from chorally_core.services.io.accounts import Accounts
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.grants import GrantRecord
from chorally_core.services.io.renewal import Renewal
from pydantic import SecretStr

import chorally_sdk as sdk
from tests.support.gallery import CLIENT, SECRET, Gallery, GalleryPlatform
from tests.support.world import KEY, Clock

GRANT = "grant-1"


class Process:
    """One process's part of the I/O service."""

    def __init__(self, name: str, database: Database, gallery: GalleryPlatform, clock: Clock) -> None:
        self.documents, self.clock, self.vault = SqliteDocuments(database), clock, FernetVault([KEY])
        self.ledger = SqliteLedger(database)
        self.directory = Directory(
            {"gallery": Gallery}, self.documents, self.vault, now=clock, transport=lambda _: gallery.transport()
        )
        self.leases = StoredLeases(self.documents, name)
        self.renewal = Renewal(
            self.documents,
            self.vault,
            self.directory,
            now=clock,
            new_id=lambda: f"{name}-{clock()}",
            leases=self.leases,
        )

    async def begin(self) -> None:
        """Store the app and a grant that has ended."""
        accounts = Accounts(self.ledger, self.directory, self.vault, now=self.clock, new_id=lambda: "hook")
        await accounts.add_app("", "gallery", "gallery", {"client_id": CLIENT, "client_secret": SECRET}, "app")
        record = GrantRecord(id=GRANT, tenant="acme", platform="gallery", created_at=self.clock())
        ended = self.clock() - timedelta(minutes=1)
        old = sdk.Grant(access=SecretStr("old"), refresh=SecretStr("refresh-0"), expires_at=ended)
        await self.renewal.put(record, old)

    async def fresh(self, tasks: int) -> list[str]:
        """Return what so many tasks get."""
        live = self.renewal.live(GRANT)
        return [g.access.get_secret_value() for g in await asyncio.gather(*(live.fresh() for _ in range(tasks)))]


@pytest.fixture
def gallery() -> GalleryPlatform:
    """A platform whose refresh tokens work once."""
    platform = GalleryPlatform()
    platform.refresh = "refresh-0"
    return platform


@pytest.fixture
def processes(tmp_path: Path, gallery: GalleryPlatform) -> Iterator[list[Process]]:
    """Two processes over the same documents."""
    database, clock = Database(tmp_path / "chorally.db"), Clock()
    yield [Process(name, database, gallery, clock) for name in ("first", "second")]
    database.close()


async def test_two_processes_of_eight_tasks_ask_once(processes: list[Process], gallery: GalleryPlatform) -> None:
    """One refresh, and everybody has what it gave."""
    first, second = processes
    await first.begin()
    await second.directory.load()
    ours, theirs = await asyncio.gather(first.fresh(8), second.fresh(8))
    assert ours == theirs == ["person-1-canary"] * 8
    assert gallery.refreshes == 1
    for process in processes:
        await process.leases.stop()


async def test_what_a_killed_process_began_is_noticed_and_tried_again(
    processes: list[Process], gallery: GalleryPlatform
) -> None:
    """Once its call must have ended, not before: the journal says since when it was under way."""
    first, second = processes
    await first.begin()
    await second.directory.load()
    kept = await first.renewal.kept(GRANT)
    assert kept is not None
    assert await first.renewal.grants.swap(GRANT, kept.begun("killed", first.clock()))
    with pytest.raises(sdk.RetryLater, match="interrupted"):
        await second.fresh(1)
    assert gallery.refreshes == 0
    first.clock.forward(seconds=31)
    assert await second.fresh(1) == ["person-1-canary"]
    await second.leases.stop()


async def test_where_the_platform_took_the_token_a_person_is_asked_and_told_why(
    processes: list[Process], gallery: GalleryPlatform
) -> None:
    """The answer was lost with the process: nobody has the new token."""
    first, second = processes
    await first.begin()
    await second.directory.load()
    kept = await first.renewal.kept(GRANT)
    assert kept is not None
    assert await first.renewal.grants.swap(GRANT, kept.begun("killed", first.clock()))
    gallery.refresh = "refresh-1"
    first.clock.forward(seconds=31)
    for _ in range(2):
        with pytest.raises(sdk.Reauthorize, match="interrupted"):
            await second.fresh(1)
    assert gallery.refreshes == 1
    await second.leases.stop()
