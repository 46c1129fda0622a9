"""The I/O service as a whole: its parts, started and stopped together."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import structlog

import chorally_sdk as sdk
from chorally_core.ports.handlers import Handler
from chorally_core.ports.ledger import Ledger
from chorally_core.ports.objects import Objects
from chorally_core.ports.secrets import Vault
from chorally_core.services.io.accounts import Accounts
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.handlers import TakeReply
from chorally_core.services.io.health import HealthBook
from chorally_core.services.io.inbound import Inbound
from chorally_core.services.io.intake import Intake
from chorally_core.services.io.journal import Journal
from chorally_core.services.io.model import Account
from chorally_core.services.io.outbox import Outbox
from chorally_core.services.io.pulling import Pulling

log = structlog.get_logger(__name__)


class IoService:
    """Hosts the connectors."""

    def __init__(
        self,
        connectors: Mapping[str, type[sdk.Connector]],
        ledger: Ledger,
        objects: Objects,
        vault: Vault,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        base_urls: Mapping[str, str] | None = None,
        transport: Callable[[str], httpx.AsyncBaseTransport | None] = lambda platform: None,
        pull_every: timedelta | None = None,
        disk: Path | None = None,
        disk_reserve: int = 0,
        max_lag: int = 100_000,
        call_s: float = 60.0,
    ) -> None:
        """Put the parts together; nothing is opened yet.

        Args:
            connectors: Connector classes by platform.
            ledger: Where everything becomes durable.
            objects: Where large hooks go.
            vault: Seals secrets and routes.
            now: The clock.
            new_id: Gives unguessable ids.
            base_urls: Replaces platforms' base URLs, as for a sandbox.
            transport: Returns the transport of a platform's HTTP clients.
            pull_every: Replaces every stream's own interval.
            disk: Folder whose file system must have room.
            disk_reserve: Bytes that must be free there.
            max_lag: Hooks that may wait before new ones are refused.
            call_s: Seconds that one visible call may take.
        """
        self._ledger = ledger
        self.directory = Directory(
            connectors, ledger.documents, vault, now=now, base_urls=base_urls, transport=transport
        )
        self.health = HealthBook(ledger, now=now)
        self.inbound = Inbound(ledger.documents, vault, now=now)
        self.accounts = Accounts(ledger, self.directory, vault, now=now, new_id=new_id)
        self.journal = Journal(
            ledger, objects, self.directory, now=now, disk=disk, disk_reserve=disk_reserve, most_waiting=max_lag
        )
        self.intake = Intake(
            ledger, self.journal, self.directory, self.inbound, self.health, now=now, on_notice=self._noticed
        )
        self.pulling = Pulling(
            ledger,
            self.directory,
            self.inbound,
            self.health,
            now=now,
            on_refused=self._refused,
            may_pull=self.journal.has_room,
            every=pull_every,
        )
        self.outbox = Outbox(
            ledger, self.directory, self.inbound, vault, self.health, now=now, on_refused=self._refused, call_s=call_s
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._later: set[asyncio.Task[None]] = set()

    def handlers(self) -> list[Handler[Any]]:
        """Return the handlers of all channels' commands."""
        return [
            TakeReply(channel.name, platform)
            for platform, connector in self.directory.connectors.items()
            for channel in connector.manifest.channels
            if "reply" in channel.actions
        ]

    async def load(self) -> None:
        """Learn where everything stood."""
        await self.directory.load()
        await self.journal.load()
        await self.outbox.recover()

    async def start(self) -> None:
        """Begin to pull and deliver."""
        for account in list(self.directory.accounts.values()):
            self.begin(account)
        self._tasks = [
            asyncio.create_task(self.outbox.run(), name="outbox"),
            asyncio.create_task(self._housekeeping(), name="io-housekeeping"),
        ]

    def begin(self, account: Account) -> None:
        """Serve an account from now on; one whose connector is gone or broken is left alone."""
        if account.platform not in self.directory.connectors:
            log.warning("account without a connector", account_id=account.id, platform=account.platform)
            return
        try:
            self.pulling.start(account)
        except Exception as error:
            self.health.erred(account, f"could not start: {error}")
            log.error("account cannot be served", account_id=account.id, exc_info=error)

    async def restart(self, account: Account) -> None:
        """Serve an account as it is now."""
        await self.pulling.stop(account.id)
        self.begin(account)
        self.outbox.wake()

    async def stop(self) -> None:
        """End pulls and deliveries; what was claimed and not recorded is taken as unknown at the next start."""
        await self.pulling.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.health.flush()
        await self.directory.aclose()

    def ended(self) -> list[str]:
        """Return the names of tasks that should run and do not."""
        return [task.get_name() for task in self._tasks if task.done()]

    async def _housekeeping(self) -> None:
        while True:
            await asyncio.sleep(2.0)
            try:
                await self.health.flush()
                await self.pulling.nudge()
                await self.directory.close_retired()
            except Exception as error:
                log.error("housekeeping failed", exc_info=error)

    async def _refused(self, account: Account, error: sdk.ConnectorError) -> None:
        await self.accounts.refused(account, error)

    def _noticed(self, account: Account, notice: sdk.Notice) -> None:
        """Act on what a hook says about an account, after the hook's own commit."""
        if notice.kind == "revoked":
            task = asyncio.create_task(self._refused(account, sdk.Reauthorize("the platform says consent was revoked")))
            self._later.add(task)
            task.add_done_callback(self._later.discard)

    async def drained(self) -> None:
        """Wait until no visible call is under way."""
        with contextlib.suppress(asyncio.CancelledError):
            await self.outbox.idle()
