"""Puts the system together on the embedded back ends: one process, one folder, everything in it."""

import asyncio
import fcntl
import os
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

import chorally_sdk as sdk
from chorally_core import asyncapi
from chorally_core.adapters.identity import Issuer, Keyring, ServiceTokens, TokenIdentity, Verifier
from chorally_core.adapters.identity.keyring import NAME as KEYS
from chorally_core.adapters.local import FernetVault, Folder, InProcess, key_file
from chorally_core.adapters.sqlite.bus import SqliteBus
from chorally_core.adapters.sqlite.database import Database
from chorally_core.adapters.sqlite.ledger import SqliteLedger
from chorally_core.adapters.sqlite.search import SqliteSearch
from chorally_core.api import app as api_app
from chorally_core.api import author as author_api
from chorally_core.api import identity as identity_api
from chorally_core.api import io as io_api
from chorally_core.api import log as log_api
from chorally_core.api import message as message_api
from chorally_core.api.idempotency import release_claims
from chorally_core.api.identity_users import LocalUsers
from chorally_core.api.webhooks import Webhooks
from chorally_core.events import topics
from chorally_core.ports.documents import Condition
from chorally_core.runner import Actions, DeadLetter, Pump, Runner
from chorally_core.runner.metrics import Figures
from chorally_core.runner.retention import Kept, sweep
from chorally_core.services.author import handlers as author
from chorally_core.services.identity import Passwords, SignIn, Standing
from chorally_core.services.io.handlers import GROUP as IO
from chorally_core.services.io.model import Delivery, Hook
from chorally_core.services.io.refusal import length
from chorally_core.services.io.service import IoService
from chorally_core.services.log import handlers as log_service
from chorally_core.services.log.feed import Feed
from chorally_core.services.log.model import LogEntry
from chorally_core.services.message import handlers as message
from chorally_core.services.message.indexing import Indexer
from chorally_core.services.message.waking import wake_due
from chorally_core.settings import InvalidSettings, Settings
from chorally_sdk.plugins import Registry, discover

log = structlog.get_logger(__name__)

OPERATOR = "operator"
"""Subject of tokens that the owner of the data folder makes for themselves."""


class InUse(Exception):
    """Another process owns the data folder."""


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return 32 unguessable hex digits."""
    return secrets.token_hex(16)


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
        folder = settings.data
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _own(folder)
        self.registry = registry or discover()
        connectors = self.registry.connectors()
        self.database = Database(folder / "chorally.db", cache_mib=settings.cache_mib)
        self.ledger = SqliteLedger(self.database)
        self.vault = open_vault(settings)
        self.objects = Folder(folder / "objects")
        self.coordination = InProcess()
        self.search = SqliteSearch(self.database)
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
            disk=folder,
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
        self._identity(ids)
        self.services = self._services(ids)
        self.app: sdk.ASGIApp = self._app()
        self._tasks: list[asyncio.Task[None]] = []

    def _runner(self, group: str, handlers: Any) -> Runner:
        return Runner(group, handlers, self.ledger, now=self.now)

    def _identity(self, ids: Callable[[], str]) -> None:
        settings = self.settings
        self.keyring = Keyring(settings.data / KEYS, self.now, self.vault)
        self.issuer = Issuer(
            self.keyring,
            issuer=settings.issuer,
            audience=settings.audience,
            clock=self.now,
            ids=ids,
            life=timedelta(minutes=settings.token_minutes),
        )
        self.standing = Standing(self.ledger.documents)
        verifier = Verifier(
            self.keyring, issuer=settings.issuer, audience=settings.audience, clock=self.now, is_valid=self._is_valid
        )
        services = ServiceTokens.of(settings.service_tokens.get_secret_value())
        self.identity = TokenIdentity(verifier, services)

    async def _is_valid(self, subject: str, tenant: str, generation: int) -> bool:
        if subject == OPERATOR:
            return generation == 0
        return await self.standing.is_valid(subject, tenant, generation)

    def _services(self, ids: Callable[[], str]) -> dict[str, FastAPI]:
        documents = self.ledger.documents
        passwords = Passwords()
        sign_in = SignIn(documents=documents, actions=self.actions, passwords=passwords, clock=self.now)
        users = LocalUsers(
            documents=documents,
            actions=self.actions,
            sign_in=sign_in,
            passwords=passwords,
            standing=self.standing,
            tokens=self.issuer,
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
            "identity": identity_api.create_app(self.identity, users),
            "io": io_api.create_app(self.identity, io_api.Io(self.io, self.ledger, self.registry, self.now, ids)),
            "author": author_api.create_app(self.identity, author_api.Authors(documents, self.actions, self.now, ids)),
            "message": message_api.create_app(self.identity, tickets),
            "log": log_api.create_app(self.identity, log_api.Log(documents=documents, feed=self.feed)),
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
            asyncapi=lambda: asyncapi.document(channels),
        )
        limits = api_app.Limits(root, self.coordination, rate=self.settings.token_rate)
        return Webhooks(limits, self.io.journal, now=self.now)

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
        await release_claims(self.ledger.documents, self.now)
        await self.io.load()
        for runner in self.runners:
            await runner.start()
        self._tasks = [
            asyncio.create_task(self.pump.run(), name="pump"),
            asyncio.create_task(self.indexer.run(), name="indexer"),
            asyncio.create_task(self._housekeeping(), name="housekeeping"),
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
        self.close()

    def close(self) -> None:
        """Close the folder."""
        self.database.close()
        os.close(self._lock)

    async def ready(self) -> list[str]:
        """Say what stands in the way of serving."""
        reasons = [f"{task.get_name()} has ended" for task in self._tasks if task.done()]
        if not self._tasks:
            reasons.append("not started")
        if not self.io.journal.has_room():
            reasons.append("webhooks are refused: the disk is almost full or too many wait")
        return reasons

    def token(self, tenant: str, role: str, name: str = "operator") -> str:
        """Return a token for whoever owns the data folder."""
        issued = self.issuer.issue(subject=OPERATOR, tenant=tenant, name=name, roles=(role,), generation=0)
        return issued.access_token

    async def _housekeeping(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(5.0)
            ticks += 1
            jobs: list[Awaitable[Any]] = [wake_due(self.ledger.documents, self.actions, self.now)]
            if ticks % 720 == 1:
                jobs.append(self.sweep())
            for job in jobs:
                try:
                    await job
                except Exception as error:
                    log.error("housekeeping failed", exc_info=error)

    async def sweep(self) -> int:
        """Remove what is older than it may be kept."""
        days, own = self.settings.retention_days, self.settings.tenant_retention_days
        settled = (Condition("state", "in", ("sent", "delivered", "read", "failed")),)
        kept = [
            Kept(Hook, "id", days.hooks, {t: r.hooks for t, r in own.items()}),
            Kept(LogEntry, "id", days.logs, {t: r.logs for t, r in own.items()}),
            Kept(DeadLetter, "at", days.dead_letters, {t: r.dead_letters for t, r in own.items()}),
            Kept(Delivery, "created_at", days.deliveries, {t: r.deliveries for t, r in own.items()}, settled),
        ]
        removed = await sweep(self.ledger, kept, self.now)
        before = self.now() - timedelta(hours=self.settings.bus_hours)
        bus = self.ledger.bus
        if isinstance(bus, SqliteBus):
            for topic in (*topics.FIXED, *(handler.topic for handler in self.io.handlers())):
                removed += await bus.trim(topic, before)
        if removed:
            log.info("retention", removed=removed)
        return removed


def _own(folder: Path) -> int:
    """Take the folder for this process, for as long as it lives."""
    descriptor = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        detail = f"another chorally process owns {folder}; stop it, or use another folder (CHORALLY_DATA)"
        raise InUse(detail) from None
    return descriptor


def operator_token(settings: Settings, tenant: str, role: str) -> str:
    """Return a token for whoever owns the data folder, which need not be free."""
    issuer = Issuer(
        Keyring(settings.data / KEYS, utc_now, open_vault(settings)),
        issuer=settings.issuer,
        audience=settings.audience,
        clock=utc_now,
        ids=new_id,
        life=timedelta(minutes=settings.token_minutes),
    )
    return issuer.issue(subject=OPERATOR, tenant=tenant, name=OPERATOR, roles=(role,), generation=0).access_token


def open_vault(settings: Settings) -> FernetVault:
    """Return the vault with the keys of the settings, or of the data folder.

    Raises:
        InvalidSettings: A key cannot be used.
    """
    keys = [key.get_secret_value() for key in settings.secret_keys] or key_file(settings.data / "secret-keys")
    try:
        return FernetVault(keys)
    except ValueError:
        raise InvalidSettings("CHORALLY_SECRET_KEYS: each key must be 32 bytes in URL-safe base64") from None
