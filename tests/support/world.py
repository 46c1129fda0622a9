"""The core without HTTP, on a data folder, with connectors written by hand and a clock that stands still."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from chorally_core.adapters.local import FernetVault, Folder
from chorally_core.adapters.sqlite import SqliteBus, SqliteDocuments
from chorally_core.adapters.sqlite.database import Database
from chorally_core.adapters.sqlite.ledger import SqliteLedger
from chorally_core.events import Event
from chorally_core.ports.documents import Document, Documents, Key, Query
from chorally_core.ports.handlers import Change
from chorally_core.ports.ledger import Ledger
from chorally_core.runner import Actions, InOrder, Pump, Runner
from chorally_core.services.author import handlers as author
from chorally_core.services.io.model import Account, App, Delivery
from chorally_core.services.io.service import IoService
from chorally_core.services.log import handlers as log
from chorally_core.services.message import commands
from chorally_core.services.message import handlers as message
from chorally_core.services.message.changes import Actor
from chorally_core.services.message.model import Message, Ticket
from chorally_core.services.outbound import handlers as outbound
from chorally_core.services.publishing import handlers as publishing
from chorally_core.services.rule import handlers as rule
from chorally_core.services.rule_engine import handlers as rule_engine

import chorally_sdk as sdk

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Clock:
    """Time that moves when it is told to."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        """Return the time, a millisecond later at each call so that nothing happens at the same instant."""
        self.at += timedelta(milliseconds=1)
        return self.at

    def forward(self, **by: float) -> None:
        """Move on."""
        self.at += timedelta(**by)


class World:
    """All services in one process, moved by hand."""

    def __init__(
        self,
        folder: Path,
        connectors: Mapping[str, type[sdk.Connector]],
        *,
        clock: Clock | None = None,
        transports: Mapping[str, httpx.AsyncBaseTransport] | None = None,
        call_s: float = 5.0,
        database: Callable[[Path], Database] = Database,
        documents: Callable[[Database], Documents] = SqliteDocuments,
        in_order: bool = False,
        public_url: str = "",
    ) -> None:
        self.clock = clock or Clock()
        self.killed = False
        numbers = count(1)
        self.database = database(folder / "chorally.db")
        self.apart = database(folder / "bus.db") if in_order else None
        self.ledger: Ledger = SqliteLedger(self.database)
        if self.apart is not None:
            self.ledger = InOrder(documents(self.database), SqliteBus(self.apart))
        self.vault = FernetVault([KEY])
        self.actions = Actions(self.ledger)
        self.objects = Folder(folder / "objects")
        self.io = IoService(
            connectors,
            self.ledger,
            self.objects,
            self.vault,
            now=self.clock,
            new_id=lambda: f"{next(numbers):032x}",
            transport=(transports or {}).get,
            call_s=call_s,
            public_url=public_url,
            monotonic=lambda: self.clock.at.timestamp(),
        )
        groups = (
            (author.GROUP, author.HANDLERS), (message.GROUP, message.HANDLERS), (log.GROUP, log.HANDLERS),
            (rule_engine.GROUP, rule_engine.handlers()), (rule.GROUP, rule.handlers()),
            (publishing.GROUP, publishing.HANDLERS),
            (outbound.GROUP, outbound.HANDLERS),
        )  # fmt: skip
        self.runners = {name: self._runner(name, handlers) for name, handlers in groups}
        self.runners["io"] = self._runner("io", self.io.handlers())
        self.pump = Pump(self.ledger, [self.io.intake, *self.runners.values()])

    def _runner(self, group: str, handlers: Any) -> Runner:
        return Runner(group, handlers, self.ledger, now=self.clock)

    async def start(self) -> "World":
        """Take up what is in the folder, without beginning to pull or deliver."""
        await self.ledger.recover()
        await self.io.load()
        for runner in self.runners.values():
            await runner.start()
        return self

    async def app(self, platform: str, settings: Mapping[str, Any], tenant: str = "") -> App:
        """Set an app up."""
        return await self.io.accounts.add_app(tenant, platform, platform, settings, f"app-{platform}-{tenant}")

    async def account(self, platform: str, tenant: str = "acme", **options: Any) -> Account:
        """Connect an account."""
        given: dict[str, Any] = {
            "account_id": f"account-{platform}-{tenant}",
            "tenant": tenant,
            "platform": platform,
            "name": platform,
            "settings": {},
            "credentials": {"access_token": "token"},
            "since": None,
        }
        return await self.io.accounts.connect(**{**given, **options})

    async def settle(self, rounds: int = 20) -> None:
        """Let everything happen that is due now: events, deliveries, what they cause."""
        for _ in range(rounds):
            worked = await self.pump.drain()
            due = await self.io.outbox.dispatch()
            await self.io.outbox.idle()
            await self.io.outbox.release_held()
            if not worked and not due:
                return

    async def pull(self, account: Account, lane: Any = "live") -> None:
        """Run each stream of an account once."""
        connector = self.io.directory.connector(account)
        assert isinstance(connector, sdk.Pulls)
        for stream in connector.streams():
            await self.io.pulling.run(account, stream, lane)
        await self.settle()

    async def reply(self, ticket: Ticket, body: str, message_id: str = "answer-1") -> None:
        """Answer the last message of a ticket, as an agent does through the API: the same id again changes nothing."""
        names = (ticket.last_inbound_id or "", message_id)
        keys = [Key.by_id(Ticket, ticket.id), *(Key.by_id(Message, name) for name in names)]

        def decide(found: Any) -> Any:
            known = found.get(Message, message_id)
            now = found.get(Ticket, ticket.id)
            if known is not None and not now.lacks(known):
                return Change()
            answered = found.get(Message, ticket.last_inbound_id)
            actor = Actor("agent", "agent-1")
            return commands.reply(
                now, answered, body=body, actor=actor, message_id=message_id, at=self.clock(), known=known
            )

        await self.actions.act(keys, decide)

    async def all(self, of: type[Any], tenant: str | None = None) -> list[Any]:
        """Return all documents of a kind."""
        return await self.ledger.documents.find(Query(of, tenant, limit=100_000))

    async def tickets(self) -> list[Ticket]:
        """Return all tickets, in order of their number."""
        return sorted(await self.all(Ticket), key=lambda ticket: ticket.number)

    async def messages(self) -> list[Message]:
        """Return all messages, by ticket and sequence."""
        return sorted(await self.all(Message), key=lambda m: (m.ticket_id or "", m.sequence))

    async def published(self, topic: str) -> list[Event[Any]]:
        """Return all events of a topic, as a reader that comes late gets them."""
        consumer = self.ledger.bus.consumer(f"test-{topic}", [topic])
        return [found.event for found in (await consumer.poll(100_000)).delivered if isinstance(found.event, Event)]

    async def get(self, of: type[Document], name: str) -> Any:
        """Return one document."""
        return await self.ledger.documents.get(of, name)

    async def delivery(self, message_id: str = "answer-1") -> Delivery:
        """Return the delivery of a message."""
        found = await self.ledger.documents.get(Delivery, message_id)
        assert found is not None
        return found

    def kill(self) -> None:
        """End without any goodbye, as far as a test in the same process can."""
        self.killed = True
        self._close()

    async def close(self) -> None:
        """Stop, and close the folder."""
        if self.killed:
            return
        await self.io.stop()
        self._close()

    def _close(self) -> None:
        self.database.close()
        if self.apart is not None:
            self.apart.close()


@asynccontextmanager
async def a_world(folder: Path, connectors: Mapping[str, type[sdk.Connector]], **options: Any) -> AsyncIterator[World]:
    """Give a world that is closed at the end."""
    world = await World(folder, connectors, **options).start()
    try:
        yield world
    finally:
        await world.close()
