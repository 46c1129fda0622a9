"""The system, or the part of it that one process is."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

import httpx
import structlog
from prometheus_client import CollectorRegistry

import chorally_sdk as sdk
from chorally_core.adapters.identity.shared_keyring import SigningKeys
from chorally_core.api.addresses import Addresses
from chorally_core.api.idempotency import release_claims
from chorally_core.bootstrap.doors import Doors
from chorally_core.bootstrap.parts import Parts, Role
from chorally_core.bootstrap.readiness import Readiness
from chorally_core.bootstrap.reading import Reading
from chorally_core.bootstrap.service import Around
from chorally_core.bootstrap.stores import Stores
from chorally_core.bootstrap.trust import OPERATOR, Trust, new_id, told, utc_now
from chorally_core.bootstrap.upkeep import Upkeep
from chorally_core.bootstrap.vault import open_vault
from chorally_core.ports.leases import AlwaysHeld
from chorally_core.runner import Actions, InOrder, Relay
from chorally_core.runner.leases import StoredLeases
from chorally_core.runner.metrics import Figures
from chorally_core.services.io import members
from chorally_core.services.io.beside import Shared
from chorally_core.services.io.service import IoService
from chorally_core.services.log.feed import Feed
from chorally_core.services.outbound.consents import unwanted
from chorally_core.settings import Settings
from chorally_core.telemetry.tasks import ended
from chorally_sdk.plugins import Registry, discover

log = structlog.get_logger(__name__)

_STOP_S = 25.0  # that all parts have to end, of which the stores have the rest
_FEED_S = 2.0
_WORK_S = 12.0  # turns in hand and visible calls under way have eight of them
_TASKS_S = 6.0  # jobs that run have five of them

_IO_ROLES: dict[members.Role, Role] = {"api": Role.API, "worker": Role.WORKER}
"""What a process may be of io beside its runners."""


class System:
    """The chosen parts in one process; all of them where nothing else is said."""

    def __init__(
        self,
        settings: Settings,
        *,
        parts: Parts | None = None,
        stores: Stores | None = None,
        registry: Registry | None = None,
        now: Callable[[], datetime] = utc_now,
        ids: Callable[[], str] = new_id,
        transport: Callable[[str], httpx.AsyncBaseTransport | None] = lambda platform: None,
    ) -> None:
        """Put the parts together; where the process is alone, take the data folder.

        Args:
            settings: What the operator sets.
            parts: What the process consists of; everything where None.
            stores: What is kept or shared; by the settings where None.
            registry: The connectors; those installed where None.
            now: The clock.
            ids: Gives unguessable ids.
            transport: Returns the transport of a platform's HTTP clients, and of those to ``keycloak``.

        Raises:
            InUse: Another process owns the folder.
            InvalidSettings: Back ends, keys or tokens cannot be used, or are missing.
        """
        self.settings = settings
        self.parts = parts = parts or Parts()
        self.now = now
        self.stores = stores or Stores(settings, parts)
        self.ledger = self.stores.ledger
        self.objects = self.stores.objects
        self.search = self.stores.search
        self.coordination = self.stores.coordination
        self.registry = registry or discover()
        self.vault = open_vault(settings)
        self.feed = Feed(self.ledger.documents)
        self.actions = Actions(self.ledger)
        self.leases = AlwaysHeld() if parts.alone else StoredLeases(self.ledger.documents, new_id())
        self.io = self._io(ids, transport)
        self.io.outbox.unwanted = unwanted(self.ledger.documents)
        self.trust = Trust(
            settings, self.vault, self.ledger.documents, actions=self.actions, shared=self.stores.shares_documents,
            now=now, ids=ids, keycloak=transport("keycloak"),
        )  # fmt: skip
        self.around = Around(
            settings=settings,
            stores=self.stores,
            trust=self.trust,
            io=self.io,
            feed=self.feed,
            actions=self.actions,
            registry=self.registry,
            now=now,
            ids=ids,
        )
        linger_s = settings.linger_ms / 1000
        self.reading = Reading(parts, self.around, linger_s=linger_s, answers_wait=self._answers_wait)
        self.runners, self.pump, self.behind = self.reading.runners, self.reading.pump, self.reading.behind
        self.upkeep = Upkeep(self.around, parts.of(Role.WORKER), self.leases)
        self.readiness = self._readiness()
        takes_hooks = parts.has("io", Role.API)
        self.figures = Figures(CollectorRegistry(), self.runners, self.io.journal.counts if takes_hooks else Counter())
        self.upkeep.figures(self.figures.registry)
        addresses = Addresses(rate=settings.address_rate, refused=settings.refused_rate)
        doors = Doors(parts=parts, around=self.around, addresses=addresses)
        self.services = doors.services()
        self.app: sdk.ASGIApp = doors.front(self.services, self.figures.registry, self.readiness)
        self._tasks: list[asyncio.Task[None]] = []
        self._passing: set[asyncio.Task[None]] = set()

    def _io(self, ids: Callable[[], str], transport: Callable[[str], httpx.AsyncBaseTransport | None]) -> IoService:
        """The connectors' host; only a process that is a part of io opens it, others ask it about connectors."""
        settings, shared = self.settings, None
        roles = frozenset(name for name, role in _IO_ROLES.items() if self.parts.has("io", role))
        if isinstance(self.leases, StoredLeases) and roles:
            shared = Shared(leases=self.leases, coordination=self.coordination, roles=roles)
        return IoService(
            self.registry.connectors(),
            self.ledger,
            self.objects,
            self.vault,
            now=self.now,
            new_id=ids,
            base_urls=settings.base_urls,
            private=settings.private_networks,
            transport=transport,
            pull_every=timedelta(seconds=settings.pull_every_s) if settings.pull_every_s else None,
            disk=settings.data if self.parts.alone else self.stores.objects_in,
            disk_reserve=settings.disk_reserve_mib * 1024 * 1024,
            max_lag=settings.max_lag,
            call_s=settings.call_s,
            public_url=settings.public_url,
            return_urls=settings.return_urls,
            reconnect_url=settings.reconnect_url or f"{settings.public_url}/io/v1/accounts/{{account_id}}",
            shared=shared,
        )

    def _answers_wait(self) -> None:
        """Let new deliveries go out without waiting for the next look, in whatever process that is."""
        if self.parts.has("io", Role.WORKER):
            self.io.outbox.wake()
        else:
            self._later(self.coordination.wake("io/outbox"))

    def _readiness(self) -> Readiness:
        readiness = Readiness()
        readiness.ask(self._ended)
        if self.parts.has("io", Role.API):
            readiness.ask(self._refuses_hooks)
        readiness.ask(self.stores.troubles)
        if self.stores.shares_documents:
            readiness.reach(lambda: self.ledger.documents.get(SigningKeys, "readiness"))
        return readiness

    def _ended(self) -> list[str]:
        names = [task.get_name() for task in self._tasks if task.done()] + self.reading.ended() + self.io.ended()
        return [f"{name} has ended" for name in names]

    def _refuses_hooks(self) -> list[str]:
        if self.io.journal.has_room():
            return []
        return ["webhooks are refused: the disk is almost full or too many wait"]

    async def start(self) -> None:
        """Take up what was left, and begin."""
        if not self.parts.alone:
            log.info("starting", parts=str(self.parts))
            if not self.settings.coordination.get_secret_value():
                log.warning("CHORALLY_COORDINATION is not set: rates and presence are those of each process")
        await self.stores.start()
        await self.trust.start()
        if isinstance(self.leases, StoredLeases):
            self._begin("leases", self.leases.run())
        if self.parts.alone:
            await self.ledger.recover()
        if not self.stores.shares_documents:
            await release_claims(self.ledger.documents, self.now)
        if self.parts.has("io", Role.API, Role.WORKER):
            await self.io.load()
        await self.reading.start()
        if self.stores.shares_documents:
            self._begin("keys", self.trust.run())
        if self.parts.of(Role.WORKER) and isinstance(self.ledger, InOrder):
            self._begin("relay", Relay(self.ledger, self.leases).run())
        if self.parts.of(Role.WORKER):
            self._begin("upkeep", self.upkeep.run())
        if self.parts.has("io", Role.API, Role.WORKER):
            await self.io.start()
        self.readiness.started = True
        self._later(self.services.make())

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the rest, once."""
        task = asyncio.create_task(work)
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    async def retire(self, drain_s: float) -> None:
        """Be not ready any more, go on serving for a while, then let those go who would stay.

        Args:
            drain_s: Seconds until whoever sends requests has seen that others should have them.
        """
        log.info("stopping", parts=str(self.parts))
        self.readiness.stopping = True
        await asyncio.sleep(drain_s)
        await self.feed.stop()

    async def stop(self) -> None:
        """Finish what is under way, in bounded time, and give everything back; what fails does not keep the rest."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _STOP_S
        self.readiness.stopping = True
        await ended(_FEED_S, {"feed": self.feed.stop()})
        await ended(_WORK_S, {"reading": self.reading.stop(), "io": self.io.stop()})
        for task in self._tasks:
            task.cancel()
        await ended(_TASKS_S, {task.get_name(): task for task in self._tasks})
        beside = {f"work beside the rest, {number}": task for number, task in enumerate(self._passing)}
        leases = {"leases": self.leases.stop()} if isinstance(self.leases, StoredLeases) else {}
        await ended(_TASKS_S, {**beside, **leases})
        await ended(_TASKS_S, {"keycloak": self.trust.aclose()})
        await ended(max(end - loop.time(), _TASKS_S), {"stores": self.stores.aclose()})
        self.close()

    def close(self) -> None:
        """Close the folder, where there is one."""
        self.stores.close()

    async def ready(self) -> list[str]:
        """Say what stands in the way of serving."""
        return await self.readiness()

    def token(self, tenant: str, role: str, name: str = OPERATOR) -> str:
        """Return a token for whoever runs the installation."""
        return told(self.trust.issuer, tenant, role, name)
