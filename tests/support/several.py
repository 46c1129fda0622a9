"""Several processes of the I/O service over one store, moved by hand, on one clock."""

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from chorally_core.adapters.local import FernetVault, Folder, InProcess
from chorally_core.adapters.sqlite import SqliteBus, SqliteDocuments
from chorally_core.adapters.sqlite.database import Database
from chorally_core.events import Event
from chorally_core.ports.documents import Query
from chorally_core.ports.ledger import Step, Work
from chorally_core.runner import InOrder, Pump, Runner
from chorally_core.runner.leases import StoredLeases
from chorally_core.services.io.beside import Shared
from chorally_core.services.io.model import Account, App, Delivery
from chorally_core.services.io.service import IoService

import chorally_sdk as sdk
from tests.support.hooks import SECRET
from tests.support.wall import NOTE, Wall, WallPlatform
from tests.support.world import KEY, Clock

TTL_S = 10.0


class Process:
    """One process: what it does between its ticks is done by hand."""

    def __init__(self, several: "Several", name: str, roles: tuple[Any, ...], **options: Any) -> None:
        self.name = name
        self.clock = several.clock
        self._several = several
        self.leases = StoredLeases(
            several.ledger.documents, name, ttl_s=several.ttl_s, margin_s=several.ttl_s / 5, monotonic=several.ticks
        )
        self.io = IoService(
            options.pop("connectors", {"wall": Wall}),
            options.pop("ledger", several.ledger),
            several.objects,
            several.vault,
            now=several.clock,
            new_id=lambda: f"{name[:4]:x<4}{next(several.numbers):028x}"[::-1],
            transport=several.transports.get,
            call_s=5.0,
            shared=Shared(
                leases=self.leases,
                coordination=several.coordination,
                roles=frozenset(roles),
                monotonic=several.ticks,
                look_every_s=several.ttl_s / 20,
                round_s=several.ttl_s / 5,
                shards=8,
            ),
            **options,
        )
        assert self.io.beside is not None
        self.beside = self.io.beside
        self.reader = self.beside.reader
        self.pump = Pump(several.ledger, [self.io.intake])

    async def receive(self, hook: sdk.RawHook) -> sdk.Verdict:
        """Take a webhook at this process's door."""
        return await self.io.journal.receive("wall", "", hook)

    async def read(self, rounds: int = 20) -> int:
        """Read what is there, where this process is the reader or can be; return how many hooks that was."""
        done = 0
        for _ in range(rounds):
            await self.reader.look()
            worked = await self.pump.drain()
            done += worked
            if not worked:
                break
        return done

    async def round(self) -> None:
        """Do what is done every few seconds."""
        await self.leases.renew()
        await self.beside.following.look()
        await self.io.round()

    async def deliver(self) -> None:
        """Carry out what is due."""
        for _ in range(5):
            await self.io.outbox.dispatch()
            await self.io.outbox.idle()

    async def stop(self) -> None:
        """End in good order."""
        self._several.processes.remove(self)
        await self.io.stop()
        await self.leases.stop()

    async def kill(self) -> None:
        """End without a word: nothing of it is ever moved again."""
        self._several.processes.remove(self)
        await self.io.pulling.stop()
        await self.io.directory.aclose()


class Several:
    """The processes, and what they share."""

    def __init__(self, folder: Path, *, transports: Mapping[str, httpx.AsyncBaseTransport] | None = None) -> None:
        self.at = 5000.0
        self.ttl_s = TTL_S
        self.clock = Clock()
        self.numbers = count(1)
        self.database = Database(folder / "chorally.db")
        self.apart = Database(folder / "bus.db")
        self.ledger = InOrder(SqliteDocuments(self.database), SqliteBus(self.apart))
        self.objects = Folder(folder / "objects")
        self.vault = FernetVault([KEY])
        self.coordination_at = 0.0
        self.coordination = InProcess(lambda: self.coordination_at)
        self.platform = WallPlatform()
        self.transports = transports or {"wall": self.platform.transport()}
        self.processes: list[Process] = []

    def ticks(self) -> float:
        """Return the seconds that only grow, the same for all."""
        return self.at

    async def start(self, name: str, *roles: str, **options: Any) -> Process:
        """Start a process."""
        process = Process(self, name, roles or ("api", "worker"), **options)
        await process.io.load()
        self.processes.append(process)
        return process

    async def pass_time(self, seconds: float, step: float = 2.0) -> None:
        """Let time pass for those that live, round by round."""
        while seconds > 0:
            self.at += min(step, seconds)
            self.clock.forward(seconds=min(step, seconds))
            seconds -= step
            for process in list(self.processes):
                await process.round()

    async def app(self, at: Process) -> App:
        """Set the wall's app up at a process."""
        return await at.io.accounts.add_app("", "wall", "wall", {"secret": SECRET}, "app-wall")

    async def account(self, at: Process, tenant: str = "acme") -> Account:
        """Connect a wall at a process."""
        return await at.io.accounts.connect(
            account_id=f"account-{tenant}", tenant=tenant, platform="wall", name="wall", settings={},
            credentials={"access_token": "token"}, since=None,
        )  # fmt: skip

    async def queue(self, account: Account, body: str = "hi", message_id: str = "") -> None:
        """Queue an answer of an account, as the handler of its command does."""
        name = message_id or f"answer-{account.tenant}"
        delivery = Delivery(
            id=name, tenant=account.tenant, account_id=account.id, platform="wall", channel=NOTE,
            key=f"{account.tenant}/ada", client_ref=Delivery.client_ref_of(name), body=body, in_reply_to=f"n-{name}",
            created_at=self.clock(), next_at=self.clock(),
        )  # fmt: skip
        await self.ledger.commit(Work([Step.of([delivery])]))

    async def everywhere(self) -> None:
        """Let every process learn what was changed elsewhere."""
        for process in self.processes:
            await process.beside.following.look()

    async def consume(self, handlers: Any, group: str) -> int:
        """Run the handlers of a group."""
        runner = Runner(group, handlers, self.ledger, now=self.clock)
        await runner.start()
        return await Pump(self.ledger, [runner]).drain()

    async def published(self, topic: str) -> list[Event[Any]]:
        """Return all events of a topic, as a reader that comes late gets them."""
        consumer = self.ledger.bus.consumer(f"test-{topic}", [topic])
        return [found.event for found in (await consumer.poll(100_000)).delivered if isinstance(found.event, Event)]

    async def all(self, of: type[Any]) -> list[Any]:
        """Return all documents of a kind."""
        return await self.ledger.documents.find(Query(of, None, limit=100_000))

    async def close(self) -> None:
        """Stop what lives, and close the store."""
        for process in list(self.processes):
            await process.stop()
        self.database.close()
        self.apart.close()
