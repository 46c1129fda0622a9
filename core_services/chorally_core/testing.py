"""The whole system in one process, moved by hand, for tests of services; and kills at each of its commits.

It needs no server. ``in_order`` keeps documents and events apart with no transaction over both, as a cluster does.
"""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from chorally_core.adapters.sqlite import SqliteBus, SqliteDocuments
from chorally_core.adapters.sqlite.database import Database
from chorally_core.api.idempotency import release_claims
from chorally_core.bootstrap import Parts, System, new_id
from chorally_core.bootstrap.stores import Stores
from chorally_core.events import Event, LogAdd, topics
from chorally_core.ports.documents import Unsent, Write
from chorally_core.runner import InOrder
from chorally_core.settings import Settings
from chorally_sdk.plugins import Registry

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
_MOST_COMMITS = 1000


class Killed(BaseException):
    """The process is no more; nothing may catch it as an error."""


class Clock:
    """Time that moves when it is told to, and by a millisecond whenever it is asked for."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        """Return the time."""
        self.at += timedelta(milliseconds=1)
        return self.at

    def forward(self, **by: float) -> None:
        """Move on, such as by ``hours=1``."""
        self.at += timedelta(**by)


class Life:
    """A life that ends after so many commits, once it has begun; it never does where None are said."""

    def __init__(self, commits: int | None = None) -> None:
        self._left = commits
        self._begun = False
        self.ended = False

    def begin(self) -> None:
        """Count from here on."""
        self._begun = True

    def go_on(self) -> None:
        """Do nothing, as long as it lasts.

        Raises:
            Killed: It has ended.
        """
        if self.ended:
            raise Killed

    def committed(self) -> None:
        """Count a commit, which may be the last."""
        if not self._begun or self._left is None:
            return
        if self._left == 0:
            self.ended = True
            raise Killed
        self._left -= 1


class Trial:
    """A system, and what a test does with it."""

    def __init__(self, system: System, clock: Clock) -> None:
        self.system = system
        self.clock = clock
        self._clients: list[httpx.AsyncClient] = []

    def client(self, role: str = "admin", tenant: str = "acme", *, authorization: str = "") -> httpx.AsyncClient:
        """Return a client of somebody with a role; or with a header of its own."""
        headers = {"Authorization": authorization or f"Bearer {self.system.token(tenant, role)}"}
        transport = httpx.ASGITransport(app=self.system.app)
        client = httpx.AsyncClient(transport=transport, base_url="http://chorally.test", headers=headers)
        self._clients.append(client)
        return client

    async def happens(self, fact: LogAdd, *, name: str, tenant: str = "acme", issuer: str = "message-service") -> None:
        """Have a fact told, as the service does that it is of; the same name is the same event again."""
        event = Event(
            topic=topics.LOGS, issuer=issuer, name="add", data=fact, id=name, tenant=tenant,
            key=f"{tenant}/{fact.author_id or fact.subject_id}", occurred_at=self.clock.at,
        )  # fmt: skip
        await self.system.ledger.bus.publish([event])

    async def settle(self) -> None:
        """Let everything be handled that was told."""
        for _ in range(20):
            if not await self.system.pump.drain():
                break
        await self.system.behind.drain()

    async def told(self, issuer: str) -> list[Event[LogAdd]]:
        """Return the facts that a service has told, each once, in order."""
        consumer = self.system.ledger.bus.consumer("test-told", [topics.LOGS])
        found: dict[str, Event[LogAdd]] = {}
        for delivered in (await consumer.poll(100_000)).delivered:
            if isinstance(delivered.event, Event) and delivered.event.issuer == issuer:
                found.setdefault(delivered.event.id, delivered.event)
        return list(found.values())

    async def close(self) -> None:
        """Close the clients."""
        for client in self._clients:
            await client.aclose()


@asynccontextmanager
async def a_system(
    folder: Path,
    *,
    in_order: bool = False,
    clock: Clock | None = None,
    life: Life | None = None,
    settings: Mapping[str, Any] | None = None,
    services: Sequence[str] = (),
) -> AsyncIterator[Trial]:
    """Give the whole system, with all installed services and no connector, as it begins on a folder.

    Args:
        folder: Where it keeps everything.
        in_order: Whether documents and events lie apart, as in a cluster.
        clock: Its time.
        life: How long it lives; for good where None.
        settings: More of them.
        services: Which of them there are; all where none is named. It begins much faster with few.
    """
    clock, life = clock or Clock(), life or Life()
    given: dict[str, Any] = {"data": folder, "secret_keys": [_KEY], **(settings or {})}
    chosen = Settings(**given)
    stores = _MortalStores(chosen, life, in_order=in_order)
    parts = Parts(services=tuple(services)) if services else Parts()
    system = System(chosen, parts=parts, stores=stores, registry=Registry(), now=clock, ids=new_id)
    trial = Trial(system, clock)
    try:
        await stores.start()
        await system.ledger.recover()
        await release_claims(system.ledger.documents, clock)
        await system.io.load()
        for runner in system.runners:
            await runner.start()
        yield trial
    finally:
        await trial.close()
        if not life.ended:
            await system.io.stop()
        system.close()


async def killed_anywhere(
    folder: Path,
    story: Callable[[Trial], Awaitable[None]],
    shows: Callable[[Trial], Awaitable[None]],
    *,
    in_order: bool,
    services: Sequence[str] = (),
) -> int:
    """Tell a story, kill it after its first commit, tell it to its end, and look; then after its second, and so on.

    Args:
        folder: Where the systems keep everything.
        story: What happens. It is told again from the beginning after the kill, as by people who repeat what was not
            answered (with an ``Idempotency-Key``) and services that tell again what was not taken.
        shows: Asserts what must be so in the end, wherever it was killed.
        in_order: Whether documents and events lie apart.
        services: Which of them there are; all where none is named.

    Returns:
        How often it was killed.
    """
    begun = Clock()
    async with a_system(folder / "ready", in_order=in_order, clock=begun, services=services):
        pass
    for commits in range(_MOST_COMMITS):
        place, clock, life = folder / "place", Clock(begun.at), Life(commits)
        shutil.copytree(folder / "ready", place)
        try:
            async with a_system(place, in_order=in_order, clock=clock, life=life, services=services) as trial:
                life.begin()
                await story(trial)
        except Killed:
            pass
        async with a_system(place, in_order=in_order, clock=clock, services=services) as trial:
            await story(trial)
            await shows(trial)
        shutil.rmtree(place)
        if not life.ended:
            return commits
    raise AssertionError(f"the story has more than {_MOST_COMMITS} commits; tell a shorter one")


class _MortalDatabase(Database):
    """A database whose process lives for so many commits; the disk is not waited for."""

    def __init__(self, path: Path, life: Life) -> None:
        self._life = life
        super().__init__(path)
        self.writer.execute("pragma synchronous=off")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit, and end after it."""
        if self.in_transaction:
            with super().transaction():
                yield
            return
        self._life.go_on()
        before = self.writer.total_changes()
        with super().transaction():
            yield
        if self.writer.total_changes() != before:
            self._life.committed()

    async def read(self, sql: str, bindings: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query at once, so that everything happens in the same order each time."""
        return list(self.writer.execute(sql, tuple(bindings)))


class _EachByItself(SqliteDocuments):
    """Documents of which each becomes durable by itself, as where a store has no transactions over several."""

    async def write(self, writes: Sequence[Write]) -> Unsent:
        """Store documents one after another."""
        events: list[Event[Any]] = []
        token: list[Any] = []
        for write in writes:
            unsent = await super().write([write])
            events += unsent.events
            token += unsent.token or []
        return Unsent(events, token)


class _MortalStores(Stores):
    """What is kept, in a folder, for as long as a life lasts."""

    def __init__(self, settings: Settings, life: Life, *, in_order: bool) -> None:
        self._life = life
        self._apart: Database | None = None
        super().__init__(settings)
        if in_order and self._database is not None:
            self._apart = _MortalDatabase(settings.data / "bus.db", life)
            self.ledger = InOrder(_EachByItself(self._database), SqliteBus(self._apart))

    def _own(self, settings: Settings) -> Database:
        settings.data.mkdir(parents=True, exist_ok=True)
        self._database = _MortalDatabase(settings.data / "chorally.db", self._life)
        return self._database

    def close(self) -> None:
        """Close the folder."""
        super().close()
        if self._apart is not None:
            self._apart.close()
