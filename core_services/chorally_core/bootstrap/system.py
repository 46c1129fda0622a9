"""The system: everything in one process."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

import chorally_sdk as sdk
from chorally_core import asyncapi
from chorally_core.api import app as api_app
from chorally_core.api import author as author_api
from chorally_core.api import identity as identity_api
from chorally_core.api import io as io_api
from chorally_core.api import log as log_api
from chorally_core.api import message as message_api
from chorally_core.api.idempotency import release_claims
from chorally_core.api.identity_users import LocalUsers
from chorally_core.api.webhooks import Webhooks
from chorally_core.bootstrap.stores import Stores
from chorally_core.bootstrap.trust import OPERATOR, Trust, new_id, open_vault, utc_now
from chorally_core.bootstrap.upkeep import Upkeep
from chorally_core.runner import Actions, Pump, Runner
from chorally_core.runner.metrics import Figures
from chorally_core.services.author import handlers as author
from chorally_core.services.identity import Passwords, SignIn
from chorally_core.services.io.handlers import GROUP as IO
from chorally_core.services.io.refusal import length
from chorally_core.services.io.service import IoService
from chorally_core.services.log import handlers as log_service
from chorally_core.services.log.feed import Feed
from chorally_core.services.message import handlers as message
from chorally_core.services.message.indexing import Indexer
from chorally_core.settings import Settings
from chorally_sdk.plugins import Registry, discover

log = structlog.get_logger(__name__)


class System:
    """Everything in one process."""

    def __init__(
        self,
        settings: Settings,
        *,
        registry: Registry | None = None,
        now: Callable[[], datetime] = utc_now,
        ids: Callable[[], str] = new_id,
        transport: Callable[[str], httpx.AsyncBaseTransport | None] = lambda platform: None,
    ) -> None:
        """Open the data folder and put the parts together.

        Args:
            settings: What the operator sets.
            registry: The connectors; those installed where None.
            now: The clock.
            ids: Gives unguessable ids.
            transport: Returns the transport of a platform's HTTP clients.

        Raises:
            InUse: Another process owns the folder.
            InvalidSettings: Keys or tokens cannot be used.
        """
        self.settings = settings
        self.now = now
        self.stores = Stores(settings)
        self.database = self.stores.database
        self.ledger = self.stores.ledger
        self.objects = self.stores.objects
        self.search = self.stores.search
        self.registry = registry or discover()
        connectors = self.registry.connectors()
        self.vault = open_vault(settings)
        self.coordination = self.stores.coordination
        self.feed = Feed(self.ledger.documents)
        self.actions = Actions(self.ledger)
        self.io = IoService(
            connectors,
            self.ledger,
            self.objects,
            self.vault,
            now=now,
            new_id=ids,
            base_urls=settings.base_urls,
            transport=transport,
            pull_every=timedelta(seconds=settings.pull_every_s) if settings.pull_every_s else None,
            disk=settings.data,
            disk_reserve=settings.disk_reserve_mib * 1024 * 1024,
            max_lag=settings.max_lag,
            call_s=settings.call_s,
        )
        self.runners = [
            self._runner(author.GROUP, author.HANDLERS),
            self._runner(message.GROUP, message.HANDLERS),
            self._runner(log_service.GROUP, log_service.HANDLERS),
            self._runner(IO, self.io.handlers()),
        ]
        self.pump = Pump(
            self.ledger,
            [self.io.intake, *self.runners],
            linger_s=settings.linger_ms / 1000,
            after_turn=self._after_turn,
        )
        self.indexer = Pump(self.ledger, [Indexer(self.ledger, self.search)], idle_s=1.0, alone=True)
        self.figures = Figures(CollectorRegistry(), self.runners, self.io.journal.counts)
        self._taken = 0
        self.upkeep = Upkeep(settings, self.ledger, self.objects, self.actions, self.io, now=now)
        self.trust = Trust(settings, self.vault, self.ledger.documents, now=now, ids=ids)
        self.services = self._services(ids)
        self.app: sdk.ASGIApp = self._app()
        self._tasks: list[asyncio.Task[None]] = []

    def _runner(self, group: str, handlers: Any) -> Runner:
        return Runner(group, handlers, self.ledger, now=self.now)

    def _services(self, ids: Callable[[], str]) -> dict[str, FastAPI]:
        documents, identity = self.ledger.documents, self.trust.identity
        passwords = Passwords()
        sign_in = SignIn(documents=documents, actions=self.actions, passwords=passwords, clock=self.now)
        users = LocalUsers(
            documents=documents,
            actions=self.actions,
            sign_in=sign_in,
            passwords=passwords,
            standing=self.trust.standing,
            tokens=self.trust.issuer,
            clock=self.now,
            ids=ids,
        )
        tickets = message_api.Tickets(
            documents=documents,
            actions=self.actions,
            coordination=self.coordination,
            search=self.search,
            limit_of=self._limit_of,
            now=self.now,
            new_id=ids,
        )
        services = {
            "identity": identity_api.create_app(identity, users),
            "io": io_api.create_app(identity, io_api.Io(self.io, self.ledger, self.registry, self.now, ids)),
            "author": author_api.create_app(identity, author_api.Authors(documents, self.actions, self.now, ids)),
            "message": message_api.create_app(identity, tickets),
            "log": log_api.create_app(identity, log_api.Log(documents=documents, feed=self.feed)),
        }
        for app in services.values():
            app.state.coordination = self.coordination
            app.state.tenant_rate = self.settings.tenant_rate
        return services

    def _app(self) -> sdk.ASGIApp:
        channels = [c.name for connector in self.io.directory.connectors.values() for c in connector.manifest.channels]
        root = api_app.create_app(
            self.services,
            registry=self.figures.registry,
            ready=self.ready,
            degraded=self.stores.degraded,
            asyncapi=lambda: asyncapi.document(channels),
        )
        limits = api_app.Limits(root, self.coordination, rate=self.settings.token_rate)
        return Webhooks(api_app.Contained(limits), self.io.journal, now=self.now)

    def _limit_of(self, channel: str, body: str) -> str | None:
        """Say why a text cannot be an answer on a channel."""
        for connector in self.io.directory.connectors.values():
            for declared in connector.manifest.channels:
                if declared.name != channel:
                    continue
                limits = declared.actions.get("reply")
                if limits is None:
                    return f"{channel} cannot be answered"
                counted = length(body, limits.unit, self.io.directory.bare(connector.manifest.platform))
                if limits.max_text is not None and counted > limits.max_text:
                    unit = limits.unit.replace("_", " ")
                    return f"the text has {counted} {unit}, {channel} takes {limits.max_text}; shorten it"
                return None
        return f"no installed connector has the channel {channel}; install it again to answer"

    async def start(self) -> None:
        """Take up what was left, and begin."""
        await self.stores.start()
        await self.ledger.recover()
        await release_claims(self.ledger.documents, self.now)
        await self.io.load()
        for runner in self.runners:
            await runner.start()
        self._tasks = [
            asyncio.create_task(self.pump.run(), name="pump"),
            asyncio.create_task(self.indexer.run(), name="indexer"),
            asyncio.create_task(self.upkeep.run(), name="upkeep"),
        ]
        await self.io.start()

    def _after_turn(self) -> None:
        """Let new deliveries go out without waiting for the next look."""
        taken = self.runners[-1].counts["handled"]
        if taken != self._taken:
            self._taken = taken
            self.io.outbox.wake()

    async def stop(self) -> None:
        """Finish what is under way, and give the folder back."""
        await self.feed.stop()
        await self.io.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.stores.aclose()

    def close(self) -> None:
        """Close the folder."""
        self.stores.close()

    async def ready(self) -> list[str]:
        """Say what stands in the way of serving."""
        ended = [task.get_name() for task in self._tasks if task.done()] + self.io.ended()
        reasons = [f"{name} has ended" for name in ended]
        if not self._tasks:
            reasons.append("not started")
        if not self.io.journal.has_room():
            reasons.append("webhooks are refused: the disk is almost full or too many wait")
        return reasons + self.stores.troubles()

    def token(self, tenant: str, role: str, name: str = "operator") -> str:
        """Return a token for whoever owns the data folder."""
        issued = self.trust.issuer.issue(subject=OPERATOR, tenant=tenant, name=name, roles=(role,), generation=0)
        return issued.access_token
