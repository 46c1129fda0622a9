"""The I/O service as a whole: its parts, started and stopped together."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import structlog

import chorally_sdk as sdk
from chorally_core.events import topics
from chorally_core.ports.handlers import Handler
from chorally_core.ports.ledger import Ledger
from chorally_core.ports.links import Linking, Links
from chorally_core.ports.objects import Objects
from chorally_core.ports.secrets import Vault
from chorally_core.services.io.accounts import Accounts
from chorally_core.services.io.app_pulling import AppPulling
from chorally_core.services.io.authorizations import Authorizations
from chorally_core.services.io.beside import DIRECTORY, NUDGES, OUTBOX, Beside, Shared
from chorally_core.services.io.budgets import SharedBudgets
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.fetching import Fetching
from chorally_core.services.io.files import linker, reader
from chorally_core.services.io.handlers import TakeModeration, TakePublication, TakeReply, TakeSend
from chorally_core.services.io.health import HealthBook
from chorally_core.services.io.inbound import Inbound
from chorally_core.services.io.intake import Intake
from chorally_core.services.io.journal import Journal
from chorally_core.services.io.model import CONSENT_ENDING, Account
from chorally_core.services.io.outbox import Outbox
from chorally_core.services.io.pulling import Pulling
from chorally_core.services.io.renewal import Renewal
from chorally_core.services.io.shards import shard_of
from chorally_core.services.io.tending import Tending
from chorally_sdk.http.budgets import Budgets, LocalBudgets

log = structlog.get_logger(__name__)

_ROUND_S = 2.0
_GRANTS_S = 30.0
_SWEPT_EVERY = 120  # turns between looks for what a process that was killed left of grants: an hour


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
        private: Sequence[IPv4Network | IPv6Network] = (),
        transport: Callable[[str], httpx.AsyncBaseTransport | None] = lambda platform: None,
        pull_every: timedelta | None = None,
        disk: Path | None = None,
        disk_reserve: int = 0,
        max_lag: int = 100_000,
        call_s: float = 60.0,
        shared: Shared | None = None,
        public_url: str = "",
        return_urls: Sequence[str] = (),
        reconnect_url: str = "",
        budgets: Budgets | None = None,
        monotonic: Callable[[], float] = time.monotonic,
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
            private: Networks that are not public, in which servers may be that tenants name.
            transport: Returns the transport of a platform's HTTP clients.
            pull_every: Replaces every stream's own interval.
            disk: Folder whose file system must have room.
            disk_reserve: Bytes that must be free there.
            max_lag: Hooks that may wait before new ones are refused.
            call_s: Seconds that one visible call may take.
            shared: What this process shares with others, and which part is its own; None where it does everything.
            public_url: The system's address as browsers and platforms know it.
            return_urls: Beginnings of URLs to which people may be sent back after a consent.
            reconnect_url: Where a person connects an account again, with ``{account_id}``; told with the fact.
            budgets: Keep calls within platforms' quotas; this process's own, shared with others', where None.
            monotonic: Seconds that only grow, where nothing is shared.
        """
        self._ledger = ledger
        if budgets is None and shared is not None:
            budgets = SharedBudgets(shared.coordination, LocalBudgets(now=now), now=now)
        self.directory = Directory(
            connectors, ledger.documents, vault, now=now, base_urls=base_urls, private=private,
            transport=transport, budgets=budgets,
            monotonic=shared.monotonic if shared else monotonic,
        )  # fmt: skip
        self.directory.files = reader(objects)
        self.directory.links = linker(ledger.documents, Linking(Links(vault), objects, now=now), public_url)
        self.health = HealthBook(ledger, now=now)
        self.vault = vault
        self.inbound = Inbound(ledger.documents, vault, now=now, fetches=self._fetches)
        self.beside: Beside | None = None
        if shared is not None:
            self.beside = Beside(
                shared, ledger, self.directory, now=now, new_id=new_id, on_changed=self._changed_elsewhere
            )
        self.accounts = Accounts(
            ledger, self.directory, vault, now=now, new_id=new_id, on_changed=lambda: self._tell(DIRECTORY)
        )
        self.renewal = Renewal(
            ledger.documents, vault, self.directory, now=now, new_id=new_id, leases=shared.leases if shared else None,
            on_refused=self._grant_refused, on_restored=self._grant_restored, on_trouble=self._grant_troubled,
            on_ending=self._grant_ending,
        )  # fmt: skip
        self.accounts.renewal = self.renewal
        self.accounts.reconnect_url = reconnect_url
        self.authorizations = Authorizations(
            ledger.documents, vault, self.directory, self.accounts, self.renewal, now=now, new_id=new_id,
            public_url=public_url, return_urls=tuple(return_urls),
        )  # fmt: skip
        self.journal = Journal(
            ledger,
            objects,
            self.directory,
            now=now,
            disk=disk,
            disk_reserve=disk_reserve,
            most_waiting=max_lag,
            doors=self.beside.doors if self.beside else None,
        )
        self.intake = Intake(
            ledger,
            self.journal,
            self.directory,
            self.inbound,
            self.health,
            now=now,
            on_nudged=lambda: self._tell(NUDGES),
            reader=self.beside.reader if self.beside else None,
            learn=self.beside.following.learn if self.beside else None,
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
            is_mine=self._is_mine,
        )
        self.app_pulling = AppPulling(
            ledger, self.directory, self.inbound, self.health, now=now, unknown=self.intake.unknown.count,
            learn=self.beside.following.learn_now_and_then if self.beside else None, may_pull=self.journal.has_room,
            every=pull_every, is_mine=self._is_mine,
        )  # fmt: skip
        self.pulling.on_nudge = self.app_pulling.woken
        self.outbox = Outbox(
            ledger,
            self.directory,
            self.inbound,
            vault,
            self.health,
            now=now,
            on_refused=self._refused,
            call_s=call_s,
            is_mine=self._is_mine,
            wake_others=lambda: self._tell(OUTBOX),
            monotonic=shared.monotonic if shared else monotonic,
        )
        self.fetching = Fetching(
            ledger, self.directory, self.inbound, self.health, now=now, on_refused=self._refused,
            is_mine=self._is_mine, may_fetch=self.journal.has_room, call_s=call_s,
        )  # fmt: skip
        self._nudged = asyncio.Event()
        self.tending = Tending(
            ledger, self.directory, vault, self.accounts, self.health, self.pulling, now=now, new_id=new_id,
            public_url=public_url, is_mine=self._is_mine, on_refused=self._refused,
            on_changed=lambda: self._tell(DIRECTORY), wake=self._wake, call_s=call_s,
        )  # fmt: skip
        self._keys_renewed: asyncio.Task[None] | None = None
        self._serving: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def handlers(self) -> list[Handler[Any]]:
        """Return the handlers of all channels' commands."""
        found: list[Handler[Any]] = []
        for platform, connector in self.directory.connectors.items():
            for channel in connector.manifest.channels:
                if "reply" in channel.actions:
                    found.append(TakeReply(channel.name, platform))
                if "send" in channel.actions:
                    found.append(TakeSend(channel.name, platform))
                if "publish" in channel.actions:
                    found.append(TakePublication(channel.name, platform))
                verbs = [verb for verb in channel.actions if verb in topics.MODERATIONS]
                found += [TakeModeration(channel.name, platform, verb) for verb in verbs]
        return found

    def _is_mine(self, account_id: str) -> bool:
        return self.beside is None or self.beside.is_mine(account_id)

    def _fetches(self, platform: str) -> bool:
        return issubclass(self.directory.connectors[platform], sdk.Fetches)

    def _wake(self) -> None:
        """Have a round at once, in whichever process."""
        self._nudged.set()
        self._tell(NUDGES)

    def _tell(self, place: str) -> None:
        if self.beside is not None:
            self.beside.tell(place)

    @property
    def works(self) -> bool:
        """Whether this process pulls and delivers."""
        return self.beside is None or "worker" in self.beside.roles

    async def load(self) -> None:
        """Learn where everything stood."""
        await self.directory.load()
        if self.beside is not None:
            await self.beside.join()
            return
        await self.journal.load()
        await self.outbox.recover()

    async def start(self) -> None:
        """Begin to pull and deliver."""
        if self.beside is not None:
            self.beside.listen(OUTBOX, self.outbox.look)
            self.beside.listen(NUDGES, self._nudged.set)
            self._tasks = self.beside.work()
        if self.works:
            await self.serve()
            self._tasks.append(asyncio.create_task(self.outbox.run(), name="outbox"))
            self._tasks.append(asyncio.create_task(self._keep_grants(), name="grants"))
        self._tasks.append(asyncio.create_task(self._housekeeping(), name="io-housekeeping"))

    async def serve(self) -> None:
        """Serve the accounts that are this process's now, and no others."""
        mine = {account_id for account_id in self.directory.accounts if self._is_mine(account_id)}
        for account_id in self._serving - mine:
            await self.pulling.stop(account_id)
        for account_id in mine - self._serving:
            self.begin(self.directory.accounts[account_id])
        if mine - self._serving:
            self.outbox.look()
        self._serving = mine
        await self.app_pulling.follow()

    async def _changed_elsewhere(self, account: Account) -> None:
        if self.works and self._is_mine(account.id):
            await self.pulling.stop(account.id)
            self.begin(account)
            self._serving.add(account.id)
            self.outbox.look()

    def begin(self, account: Account) -> None:
        """Serve an account from now on; one whose connector is gone or broken is left alone."""
        if account.platform not in self.directory.connectors:
            log.warning("account without a connector", account_id=account.id, platform=account.platform)
            return
        try:
            self.tending.subscribing.begin(account)
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
        """End pulls and deliveries; what was claimed and not recorded is taken as unknown later."""
        await self.pulling.stop()
        await self.app_pulling.stop()
        await self.fetching.stop()
        await self.tending.subscribing.stop()
        tasks = [*self._tasks, *([self._keys_renewed] if self._keys_renewed else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.health.flush()
        await self.intake.unknown.flush()
        if self.beside is not None:
            await self.beside.leave()
        await self.directory.aclose()

    def ended(self) -> list[str]:
        """Return the names of tasks that should run and do not."""
        return [task.get_name() for task in self._tasks if task.done()]

    async def _housekeeping(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self.beside.round_s if self.beside else _ROUND_S):
                    await self._nudged.wait()
            except TimeoutError:
                pass
            self._nudged.clear()
            try:
                await self.round()
            except Exception as error:
                log.error("housekeeping failed", exc_info=error)

    async def round(self) -> None:
        """Do what is to be done every few seconds."""
        if self.beside is not None:
            await self.beside.round(self._is_idle)
            if self.works:
                await self.serve()
        elif self.works:
            await self.app_pulling.follow()
        self.health.watch(self.directory)
        await self.health.flush()
        await self.intake.unknown.flush()
        if self.works:
            await self.pulling.nudge()
            await self.fetching.dispatch()
            await self.tending.round()
        await self.directory.close_retired()
        self._keep_keys_fresh()

    def _is_idle(self, shard: str) -> bool:
        """Whether nothing is under way for the accounts of a shard."""
        count = self.beside.shards.count if self.beside else 1
        under_way = (a for a in self.directory.accounts if self._is_busy(a))
        return all(shard_of(name, count) != shard for name in (*under_way, *self.app_pulling.running))

    def _keep_keys_fresh(self) -> None:
        """Read platforms' keys again beside what else is done: it may take a while."""
        if self._keys_renewed is None or self._keys_renewed.done():
            self._keys_renewed = asyncio.create_task(self._renew_keys(), name="io-key-sets")

    async def _renew_keys(self) -> None:
        await self.directory.renew_keys()

    def _is_busy(self, account_id: str) -> bool:
        busy = self.outbox.is_busy(account_id) or self.fetching.is_busy(account_id)
        return busy or self.tending.subscribing.is_busy(account_id) or account_id in self.pulling.running

    async def _refused(self, account: Account, error: sdk.ConnectorError) -> None:
        await self.accounts.refused(account, error)

    async def _keep_grants(self) -> None:
        """Renew grants before they end, and forget consents that came to nothing."""
        for turn in count():
            await asyncio.sleep(_GRANTS_S)
            try:
                await self.renewal.renew_due()
                await self.authorizations.sweep()
                if turn % _SWEPT_EVERY == 0:
                    await self.renewal.sweep()
            except Exception as error:
                log.error("grants could not be looked after", exc_info=error)

    async def _grant_refused(self, account: Account, why: str) -> None:
        await self.accounts.refused(account, sdk.Reauthorize(why))

    async def _grant_restored(self, account: Account, _: str) -> None:
        if account.state == "reauthorization_required":
            account = await self.accounts.become(account, "connected", "")
            if self.works and self._is_mine(account.id):
                await self.restart(account)

    async def _grant_ending(self, account: Account, why: str) -> None:
        self.health.erred(account, why)
        await self.accounts.become(account, account.state, why, what=CONSENT_ENDING)

    async def _grant_troubled(self, account: Account, why: str) -> None:
        self.health.erred(account, f"the token cannot be renewed: {why}")

    async def drained(self) -> None:
        """Wait until no visible call is under way."""
        with contextlib.suppress(asyncio.CancelledError):
            await self.outbox.idle()
