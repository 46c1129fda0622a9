"""The implementations that every port's tests run over.

A later back end joins by one more entry: a context manager that gives a fresh adapter, and reopens it.
The bodies stay as they are.
"""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest
from chorally_core.adapters.local import FernetVault, Folder, InProcess
from chorally_core.adapters.sqlite.bus import SqliteBus
from chorally_core.adapters.sqlite.database import Database
from chorally_core.adapters.sqlite.documents import SqliteDocuments
from chorally_core.adapters.sqlite.ledger import SqliteLedger
from chorally_core.adapters.sqlite.search import SqliteSearch
from chorally_core.adapters.stored import StoredSearch
from chorally_core.adapters.stored.search import SearchText
from chorally_core.ports.buckets import TenantBucket
from chorally_core.ports.jobs import Job
from chorally_core.runner import InOrder, Parked

from tests.support import kafka, opensearch, redis, s3

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


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.real)])
async def bus(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opened]:
    """Every event bus."""
    if request.param == "sqlite":
        yield _sqlite(tmp_path, SqliteBus)
        return
    async with kafka.a_prefix() as prefix:
        yield partial(kafka.a_bus, prefix)


def _mongo() -> Opened:
    """A database of its own on the server at ``CHORALLY_MONGO_URL``."""
    url = os.environ.get("CHORALLY_MONGO_URL", "")
    if not url:
        if os.environ.get("CI"):
            pytest.fail("CHORALLY_MONGO_URL is not set; start the server before the real tests")
        pytest.skip("needs a server: CHORALLY_MONGO_URL")
    parts = urlsplit(url)
    own = urlunsplit(parts._replace(path=f"/contract_{uuid4().hex[:12]}", query=_with_source(parts.query)))

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        from chorally_core.adapters.mongo import MongoDocuments

        from tests.contract.test_documents import Card, Line

        store = MongoDocuments(own)
        try:
            await store.migrate([Card, Job, Line, Parked, SearchText])
            yield store
        finally:
            await store.close()

    return opened


def _with_source(query: str) -> str:
    return query if "authSource" in query else f"{query}&authSource=admin".lstrip("&")


@pytest.fixture(params=["sqlite", pytest.param("mongo", marks=pytest.mark.real)])
def documents(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """Every document store."""
    return _mongo() if request.param == "mongo" else _sqlite(tmp_path, SqliteDocuments)


def _apart(documents: Opened, bus: Opened) -> Opened:
    """Documents and events apart, with no transaction over both."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[InOrder]:
        async with documents() as store, bus() as log:
            yield InOrder(store, log)

    return opened


@pytest.fixture(params=["sqlite", "in order", pytest.param("mongo", marks=pytest.mark.real)])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """Every ledger whose events come at once."""
    return a_ledger(request.param, tmp_path)


def a_ledger(name: str, folder: Path) -> Opened:
    """Return the ledger of a name, with its log in a folder."""
    if name == "sqlite":
        return _sqlite(folder, SqliteLedger)
    (folder / "bus").mkdir()
    store = _mongo() if name == "mongo" else _sqlite(folder, SqliteDocuments)
    return _apart(store, _sqlite(folder / "bus", SqliteBus))


@asynccontextmanager
async def a_cluster() -> AsyncIterator[Opened]:
    """Give the ledger of several processes: MongoDB and Kafka."""
    store = _mongo()
    async with kafka.a_prefix() as prefix:
        yield _apart(store, partial(kafka.a_bus, prefix))


def _stored(documents: Opened) -> Opened:
    """An index over a document store."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[StoredSearch]:
        async with documents() as store:
            yield StoredSearch(store)

    return opened


_INDEXES = ["sqlite", pytest.param("opensearch", marks=pytest.mark.real)]


@pytest.fixture(params=_INDEXES)
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opened]:
    """Every search index that knows other forms of words, ranks and counts."""
    async with _searching(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture(params=[*_INDEXES, "stored", pytest.param("stored in mongo", marks=pytest.mark.real)])
async def search(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opened]:
    """Everything that serves the search port."""
    async with _searching(request.param, tmp_path) as opened:
        yield opened


@asynccontextmanager
async def _searching(name: str, folder: Path) -> AsyncIterator[Opened]:
    if name == "sqlite":
        yield _sqlite(folder, SqliteSearch)
    elif name == "opensearch":
        async with opensearch.indexes() as opened:
            yield opened
    else:
        yield _stored(_mongo() if name == "stored in mongo" else _sqlite(folder, SqliteDocuments))


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.real)])
async def objects(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    """Every object store."""
    if request.param == "folder":
        yield Folder(tmp_path / "objects")
        return
    async with _sqlite(tmp_path, SqliteDocuments)() as store:
        await store.migrate([TenantBucket])
        async with s3.a_store(s3.a_place(), store) as shared:
            yield shared


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


@pytest.fixture(params=["in process", pytest.param("redis", marks=pytest.mark.real)])
async def coordination(request: pytest.FixtureRequest, monotonic: Monotonic) -> AsyncIterator[Any]:
    """Every coordination back end, by the clock that stands still."""
    if request.param == "in process":
        yield InProcess(monotonic)
        return
    url, prefix = redis.server_url(), redis.a_prefix()
    async with redis.a_coordination(url, clock=monotonic, prefix=prefix, timeout_ms=5000) as shared:
        yield shared
        assert not shared.status().degraded, "the test was answered without Redis"


@pytest.fixture(params=["fernet"])
def vault(request: pytest.FixtureRequest) -> Any:
    """Every vault."""
    return {"fernet": FernetVault(["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="])}[request.param]
