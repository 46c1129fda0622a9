"""A bus in partitions, and processes that share them out, are killed, and work in any order the chance gives."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

from chorally_core.adapters.sqlite import SqliteDocuments
from chorally_core.adapters.sqlite.database import Database
from chorally_core.events import Event
from chorally_core.ports.bus import Batch, Delivered, Moved
from chorally_core.ports.documents import Conflict, Document, Query, Unsent, Write
from chorally_core.ports.handlers import Handler
from chorally_core.runner import InOrder, Runner

PARTITIONS = 3


class Killed(BaseException):
    """The process is no more."""


class Log:
    """One topic in partitions, as the broker has it."""

    def __init__(self) -> None:
        self.partitions: list[list[Event[Any]]] = [[] for _ in range(PARTITIONS)]
        self.committed = [0] * PARTITIONS
        self.members: list[Member] = []

    def append(self, events: Iterable[Event[Any]]) -> None:
        """Append events, each to the partition of its key."""
        for event in events:
            self.partitions[crc32(event.key.encode()) % PARTITIONS].append(event)

    def share_out(self, rng: random.Random) -> None:
        """Give each partition to some member."""
        owners = [rng.choice(self.members) for _ in range(PARTITIONS)] if self.members else []
        for member in self.members:
            member.take_over([number for number, owner in enumerate(owners) if owner is member])


class Member:
    """A member of the one group."""

    def __init__(self, log: Log, group: str) -> None:
        self.group = group
        self.shares = 0
        self._log = log
        self._next: dict[int, int] = {}

    def take_over(self, partitions: Collection[int]) -> None:
        """Have other partitions from now on."""
        self.shares += 1
        self._next = {number: self._log.committed[number] for number in partitions}

    async def poll(self, limit: int) -> Batch:
        """Return what comes next of the partitions."""
        delivered: list[Delivered] = []
        for number in self._next:
            part = self._log.partitions[number][self._next[number] : self._next[number] + limit - len(delivered)]
            for offset, event in enumerate(part, self._next[number]):
                delivered.append(Delivered(f"{number:05d}-{offset:019d}", event))
            self._next[number] += len(part)
        return Batch(delivered, (self.shares, dict(self._next)))

    async def commit(self, batch: Batch) -> None:
        """Store how far the group has come, unless the partitions moved."""
        share, reached = batch.token
        if share != self.shares:
            raise Moved(self.group)
        for number, offset in reached.items():
            self._log.committed[number] = offset

    async def rewind(self) -> None:
        """Read again from the last commit."""
        self._next = {number: self._log.committed[number] for number in self._next}

    def owns(self, position: str) -> bool:
        """Whether the partition is this member's."""
        return int(position.partition("-")[0]) in self._next

    def lag(self) -> Mapping[str, int]:
        """Return the lag of the partitions."""
        return {"all": sum(len(self._log.partitions[n]) - self._log.committed[n] for n in self._next)}

    def waiting(self) -> int:
        """Return the lag."""
        return self.lag()["all"]


class Bus:
    """The bus as one process sees it: it reads the log, and tells effects."""

    def __init__(self, log: Log, told: list[Event[Any]]) -> None:
        self._log = log
        self._told = told

    async def publish(self, events: Sequence[Event[Any]]) -> None:
        """Tell effects."""
        self._told += events

    def consumer(self, group: str, topics: Collection[str]) -> Member:
        """Return a member that has no partition yet."""
        member = Member(self._log, group)
        self._log.members.append(member)
        return member

    async def wait(self, timeout: float) -> None:
        """Return at once."""

    def wake(self) -> None:
        """Do nothing."""


class Memory(Database):
    """A database that waits for no disk and no thread."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.writer.execute("pragma synchronous=off")

    async def read(self, sql: str, bindings: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query at once."""
        return list(self.writer.execute(sql, tuple(bindings)))


class Steps(SqliteDocuments):
    """Documents of which each becomes durable by itself; others get on in between, and the process may end."""

    def __init__(self, database: Database, step: Callable[[], Any], now: Callable[[], datetime]) -> None:
        super().__init__(database, now)
        self._step = step

    async def write(self, writes: Sequence[Write]) -> Unsent:
        """Store documents one after another."""
        events: list[Event[Any]] = []
        token: list[Any] = []
        for write in writes:
            await self._step()
            unsent = await super().write([write])
            events += unsent.events
            token += unsent.token or []
        await self._step()
        return Unsent(events, token)

    async def load(self, keys: Any) -> Any:
        """Return documents, while others get on."""
        await self._step()
        return await super().load(keys)

    async def find(self, query: Query) -> list[Any]:
        """Return documents, while others get on."""
        await self._step()
        return await super().find(query)

    async def delete(self, of: type[Document], ids: Collection[str]) -> int:
        """Remove documents, or end before."""
        await self._step()
        return await super().delete(of, ids)

    async def relayed(self, sent: Unsent) -> None:
        """Forget what was told, or end before."""
        await self._step()
        await super().relayed(sent)


class Cluster:
    """Two processes that work on one log; the chance decides who gets on when, who is killed, who gets what."""

    def __init__(self, folder: Path, seed: int, handlers: Callable[[], Sequence[Handler[Any]]]) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - chance that can be repeated, not a secret
        self.log = Log()
        self.told: list[Event[Any]] = []
        self.database = Memory(folder / "documents.db")
        self.at = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
        self.chance_of_death = 0.03
        self._handlers = handlers

    def now(self) -> datetime:
        """Return the time, a second later at each call."""
        self.at += timedelta(seconds=1)
        return self.at

    async def _step(self) -> None:
        for _ in range(self.rng.randrange(4)):
            await asyncio.sleep(0)
        if self.rng.random() < self.chance_of_death:
            raise Killed

    def ledger(self) -> InOrder:
        """Return the ledger of one more process."""
        return InOrder(Steps(self.database, self._step, self.now), Bus(self.log, self.told))

    def is_done(self) -> bool:
        """Whether everything is read and nothing waits."""
        if [len(part) for part in self.log.partitions] != self.log.committed:
            return False
        made = self.database.writer.execute("select 1 from sqlite_master where name = 'doc_parked'")
        return not list(made) or not list(self.database.writer.execute("select 1 from doc_parked limit 1"))

    async def process(self) -> None:
        """Live until everything is done; whoever is killed is started again."""
        while not self.is_done():
            runner = Runner("g", self._handlers(), self.ledger(), now=self.now, batch=5, attempts=1_000)
            self.log.share_out(self.rng)
            with contextlib.suppress(Killed):
                await self._live(runner)
            self.log.members.remove(runner.consumer)  # type: ignore[arg-type]
            self.log.share_out(self.rng)

    async def _live(self, runner: Runner) -> None:
        await runner.start()
        while not self.is_done():
            if self.rng.random() < 0.1:
                self.log.share_out(self.rng)
            try:
                await runner.step()
            except Conflict:
                await runner.recover()
            await asyncio.sleep(0)

    async def all(self, of: type[Document]) -> list[Any]:
        """Return all documents of a kind."""
        return await SqliteDocuments(self.database).find(Query(of, None, limit=10_000))
