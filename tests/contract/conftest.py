"""The implementations that every port's tests run over.

A later back end joins by one more entry: a context manager that gives a fresh adapter, and reopens it.
The bodies stay as they are.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from chorally_core.adapters.local import FernetVault, Folder, InProcess
from chorally_core.adapters.sqlite.bus import SqliteBus
from chorally_core.adapters.sqlite.database import Database
from chorally_core.adapters.sqlite.documents import SqliteDocuments
from chorally_core.adapters.sqlite.ledger import SqliteLedger
from chorally_core.adapters.sqlite.search import SqliteSearch
from chorally_core.runner import InOrder

Opened = Callable[[], AbstractAsyncContextManager[Any]]
"""Opens the same store again, as a new process would."""


def _sqlite(folder: Path, of: Callable[[Database], Any]) -> Opened:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        database = Database(folder / "contract.db")
        try:
            yield of(database)
        finally:
            database.close()

    return opened


@pytest.fixture(params=["sqlite"])
def bus(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """Every event bus."""
    return {"sqlite": _sqlite(tmp_path, SqliteBus)}[request.param]


@pytest.fixture(params=["sqlite"])
def documents(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """Every document store."""
    return {"sqlite": _sqlite(tmp_path, SqliteDocuments)}[request.param]


def _apart(folder: Path) -> Opened:
    """Documents and events in files of their own, with no transaction over both."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[InOrder]:
        documents, bus = Database(folder / "documents.db"), Database(folder / "bus.db")
        try:
            yield InOrder(SqliteDocuments(documents), SqliteBus(bus))
        finally:
            documents.close()
            bus.close()

    return opened


@pytest.fixture(params=["sqlite", "in order"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """Every ledger."""
    return {"sqlite": _sqlite(tmp_path, SqliteLedger), "in order": _apart(tmp_path)}[request.param]


@pytest.fixture(params=["sqlite"])
def search(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """Every search index."""
    return {"sqlite": _sqlite(tmp_path, SqliteSearch)}[request.param]


@pytest.fixture(params=["folder"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Every object store."""
    return {"folder": Folder(tmp_path / "objects")}[request.param]


class Monotonic:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def monotonic() -> Monotonic:
    """A clock that stands still."""
    return Monotonic()


@pytest.fixture(params=["in process"])
def coordination(request: pytest.FixtureRequest, monotonic: Monotonic) -> Any:
    """Every coordination back end."""
    return {"in process": InProcess(monotonic)}[request.param]


@pytest.fixture(params=["fernet"])
def vault(request: pytest.FixtureRequest) -> Any:
    """Every vault."""
    return {"fernet": FernetVault(["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="])}[request.param]
