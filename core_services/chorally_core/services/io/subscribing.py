"""Keeps accounts subscribed to their platforms' webhooks: made when they connect, renewed, healed, ended.

Whoever serves an account does it, so one process asks at a time; what is stored is stored over the version that was
read. Killed between the platform's answer and the store, it is asked again, under the same secret, which is harmless.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import structlog

import chorally_sdk as sdk
from chorally_core.ports.documents import Condition, Conflict, Document, Key, Query
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.storable import mistake_in, shown
from chorally_core.services.io import subscription
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.health import HealthBook
from chorally_core.services.io.hook_secrets import HookSecrets
from chorally_core.services.io.hook_urls import SET_IT, NoAddress, callback_url
from chorally_core.services.io.model import Account, Nudge
from chorally_core.services.io.sharing import Sharing
from chorally_core.services.io.subscription import SubscriptionRecord
from chorally_core.services.io.unsubscribing import Unsubscribing, store, subscribes
from chorally_core.telemetry import traces

log = structlog.get_logger(__name__)

_AT_ONCE = 16  # calls of this process under way
_STEP = 200
_CALL_S = 60.0
_SHORTLY = timedelta(seconds=2)

Told = Callable[[Account, str], Awaitable[None]]


class Subscribing:
    """Subscribes the accounts that this process serves."""

    def __init__(
        self,
        ledger: Ledger,
        directory: Directory,
        health: HealthBook,
        secrets: HookSecrets,
        *,
        now: Callable[[], datetime],
        public_url: str,
        on_refused: Callable[[Account, sdk.ConnectorError], Awaitable[None]],
        on_trouble: Told,
        on_restored: Callable[[Account], Awaitable[None]],
        on_switched: Callable[[Account], Awaitable[None]],
        on_left: Callable[[Account], Awaitable[None]],
        is_mine: Callable[[str], bool] = lambda account_id: True,
        wake: Callable[[], None] = lambda: None,
        call_s: float = _CALL_S,
        share: Callable[[], float] = random.random,
    ) -> None:
        """Prepare to subscribe.

        Args:
            ledger: Where subscriptions are stored.
            directory: Makes the connectors.
            health: Is told how it goes.
            secrets: Makes what webhooks are proven by.
            now: The clock.
            public_url: The system's address as platforms know it; empty where it is not known.
            on_refused: Told when the platform refuses the account's token.
            on_trouble: Told why an account's webhooks do not come.
            on_restored: Told when they come again.
            on_switched: Told when what runs only without webhooks shall run, or shall not any more.
            on_left: Told when a disconnected account's credentials are not needed any more.
            is_mine: Whether this process serves an account now; others are left alone.
            wake: Has ``dispatch`` called soon.
            call_s: Seconds that asking a platform may take.
            share: Gives a share from 0 to 1, by which calls of many accounts are spread.
        """
        self._ledger = ledger
        self._directory = directory
        self._health = health
        self._secrets = secrets
        self._sharing = Sharing(ledger.documents)
        self._now = now
        self._public_url = public_url
        self._on_refused = on_refused
        self._on_trouble = on_trouble
        self._on_restored = on_restored
        self._on_switched = on_switched
        self._is_mine = is_mine
        self._wake = wake
        self._call_s = call_s
        self._share = share
        self._unsubscribing = Unsubscribing(
            ledger, directory, health, self._sharing, now=now, on_left=on_left, call_s=call_s, share=share
        )
        self._platforms = {
            name
            for name, each in directory.connectors.items()
            if issubclass(each, sdk.Subscribes) and each.manifest.hooks is not None
        }
        self._begun: set[str] = set()
        self._comes: dict[str, bool] = {}
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._is_full = False
        """Whether more is due than could be begun."""

    def serves(self, platform: str) -> bool:
        """Whether the host subscribes accounts of a platform."""
        return platform in self._platforms

    def hooks_come(self, account: Account) -> bool:
        """Whether an account's webhooks come, or may within moments."""
        return account.platform in self._platforms and self._comes.get(account.id, True)

    def begin(self, account: Account) -> None:
        """Look after an account from now on, as it is now; what could not be done before is tried at once."""
        if account.platform in self._platforms and self._is_mine(account.id):
            self._begun.add(account.id)
            self._wake()

    def is_busy(self, account_id: str) -> bool:
        """Whether a platform is asked for an account now."""
        return account_id in self._busy

    async def of(self, account_ids: Collection[str]) -> dict[str, SubscriptionRecord]:
        """Return what is stored of some accounts' subscriptions, by account."""
        found = await self._ledger.documents.load([Key.by_id(SubscriptionRecord, each) for each in account_ids])
        return {key.value: each for key, each in found.items() if isinstance(each, SubscriptionRecord)}

    async def trouble(self, account: Account) -> str:
        """Return why an account is degraded for want of webhooks; empty where it is not."""
        if account.platform not in self._platforms:
            return ""
        record = (await self.of([account.id])).get(account.id)
        return record.trouble if record is not None else ""

    async def again(self, account: Account) -> None:
        """Have a subscription that is in trouble tried now, by whichever process serves the account."""
        if account.platform in self._platforms:
            record = (await self.of([account.id])).get(account.id)
            if record is not None and record.failures:
                await store(self._ledger, msgspec.structs.replace(record, next_at=self._now()))
                self._wake()

    async def lost(self, account: Account, used_up: Document) -> None:
        """Take in that the platform says a subscription is gone, for all accounts that share it."""
        now = self._now()
        record = (await self.of([account.id])).get(account.id) or self._wanted(account)
        sharing = await self._sharing.others(record)
        changed = [subscription.lost(each, now) for each in (record, *sharing)]
        await self._ledger.commit(Work([Step.of(changed, (), [used_up])]))
        self._health.erred(account, "the platform says that its subscription to webhooks is gone; it is made anew")
        self._wake()

    async def dispatch(self) -> int:
        """Begin what is due; return how much that is."""
        if not self._platforms:
            return 0
        await self._take_up()
        due = await self._due()
        for record in due:
            task = asyncio.create_task(self._work(record), name=f"subscribe:{record.id}")
            self._busy[record.id] = task
            task.add_done_callback(partial(self._finished, record.id))
        return len(due)

    def _finished(self, account_id: str, _: asyncio.Task[None]) -> None:
        self._busy.pop(account_id, None)
        if self._is_full and not self._busy:
            self._is_full = False
            self._wake()

    async def idle(self) -> None:
        """Wait until no platform is asked any more."""
        while self._busy:
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def stop(self) -> None:
        """End what is under way; it is asked again by whoever serves the accounts then."""
        tasks = list(self._busy.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _take_up(self) -> None:
        """Have everything stored that accounts need which this process has begun to serve."""
        names, self._begun = self._begun, set()
        try:
            known = await self.of(names) if names else {}
        except Exception:
            self._begun |= names
            raise
        for name in names:
            account = self._directory.accounts.get(name)
            try:
                if account is not None:
                    await self._take_up_one(account, known.get(name))
            except Exception as error:  # one holds up no other
                self._begun.add(name)
                log.warning("a subscription could not be taken up", account_id=name, error=shown(error))

    async def _take_up_one(self, account: Account, record: SubscriptionRecord | None) -> None:
        now = self._now()
        if record is None:
            if account.state == "disconnected":
                await self._unsubscribing.left(account, None)
                return
            record = self._wanted(account)
            await store(self._ledger, record)
        elif record.failures or record.next_at is None or account.leaving or record.callback != self._url(account):
            await store(self._ledger, msgspec.structs.replace(record, next_at=now))
        await self._note(account, record.comes(now))

    async def _note(self, account: Account, comes: bool) -> None:
        """Have what runs only without webhooks begun or ended, where that changes."""
        was, self._comes[account.id] = self._comes.get(account.id, True), comes
        if was != comes and self._runs_alone(account):
            await self._on_switched(account)

    async def _due(self) -> list[SubscriptionRecord]:
        due: list[SubscriptionRecord] = []
        after: tuple[Any, str] | None = None
        where = (Condition("next_at", "<=", self._now()),)
        while (room := _AT_ONCE - len(self._busy) - len(due)) > 0:
            query = Query(SubscriptionRecord, None, where, order="next_at", limit=_STEP, after=after)
            found: list[SubscriptionRecord] = await self._ledger.documents.find(query)
            due += [each for each in found if self._is_to_do(each)][:room]
            if len(found) < _STEP:
                break
            after = (found[-1].next_at, found[-1].id)
        self._is_full = len(self._busy) + len(due) >= _AT_ONCE
        return due

    def _is_to_do(self, record: SubscriptionRecord) -> bool:
        return record.platform in self._platforms and record.id not in self._busy and self._is_mine(record.id)

    async def _work(self, record: SubscriptionRecord) -> None:
        try:
            with traces.begin(f"subscribe {record.platform}", tenant=record.tenant, account_id=record.id):
                await self._look_after(record)
        except Conflict:
            log.info("subscription changed meanwhile", account_id=record.id)
        except Exception as error:
            log.error("a subscription could not be looked after", account_id=record.id, exc_info=error)

    async def _look_after(self, record: SubscriptionRecord) -> None:
        account = await self._ledger.documents.get(Account, record.id)
        if account is None:
            await self._ledger.documents.delete(SubscriptionRecord, [record.id])
        elif account.state == "disconnected":
            await self._unsubscribing.end(account, record)
        elif account.state == "reauthorization_required":
            await store(self._ledger, msgspec.structs.replace(record, next_at=None))
        else:
            await self._ask(account, record)

    async def _ask(self, account: Account, record: SubscriptionRecord) -> None:
        if not record.external_id:
            record = msgspec.structs.replace(record, place=self._wanted(account).place)
            record = await self._sharing.begins(record, "asking", partial(store, self._ledger))
            if await self._sharing.is_done_elsewhere(record, "ending"):
                await store(self._ledger, msgspec.structs.replace(record, doing=None, next_at=self._now() + _SHORTLY))
                return
            stored = await self._ledger.documents.get(Account, account.id)
            if stored is None or stored.state == "disconnected":
                return  # it is due at once, and ended
        try:
            callback = self._url(account, needed=True)
            secret = await self._secrets.of(account)
            connector = subscribes(self._directory, account)
            with self._secrets.kept_out_of_errors(secret, callback):
                async with asyncio.timeout(self._call_s):
                    given = await connector.subscribe(callback, secret, record.current())
            if mistake := mistake_in(given.data):
                raise sdk.Malformed(f"data of the subscription {mistake}")
            after = subscription.made(record, given, callback, self._now(), self._share())
        except Conflict:
            raise
        except sdk.Reauthorize as error:
            await store(
                self._ledger, msgspec.structs.replace(record, doing=None, next_at=None, error=shown(error)[:1000])
            )
            await self._on_refused(account, error)
        except sdk.Rejected as error:
            if not self._public_url and not isinstance(error, NoAddress):
                error = NoAddress(f"{error}; if it is for want of an address, {SET_IT}")
            await self._failed(account, record, error)
        except Exception as error:
            await self._failed(account, record, error)
        else:
            await self._made(account, record, after)

    async def _made(self, account: Account, record: SubscriptionRecord, after: SubscriptionRecord) -> None:
        """Store a subscription; what may have been missed before it is pulled."""
        nudges = [] if record.in_force(self._now()) else self._nudges(account)
        await self._ledger.commit(Work([Step.of([*nudges, after])]))
        self._health.worked(account)
        log.info("subscribed", account_id=account.id, platform=account.platform, until=after.expires_at)
        if record.trouble or account.reason.startswith(subscription.TROUBLE):
            await self._on_restored(account)
        await self._note(account, True)
        if nudges:
            self._wake()

    def _nudges(self, account: Account) -> list[Nudge]:
        connector = self._directory.connector(account)
        if not isinstance(connector, sdk.Pulls):
            return []
        names = [s.name for s in connector.streams() if s.scope == "account" and not s.live and not s.without_hooks]
        return [Nudge.of(account, sdk.Ping(stream=name), fetched_at=None) for name in names]

    async def _failed(self, account: Account, record: SubscriptionRecord, error: Exception) -> None:
        """Store a failure, and have something else bring what webhooks do not, where there is such a thing."""
        why = str(error) if isinstance(error, sdk.ConnectorError) else shown(error)
        after = subscription.failed(record, error, why, self._now(), self._share())
        log.warning("not subscribed", account_id=account.id, platform=account.platform, error=why)
        if isinstance(error, NoAddress) and self._runs_alone(account):
            after = msgspec.structs.replace(after, trouble="")  # whoever sets no address wants it so
        else:
            self._health.erred(account, f"{subscription.TROUBLE}: {why}")
        if after.external_id and not after.in_force(self._now()):
            after = await self._given_up(account, after)
        await store(self._ledger, after)
        if after.trouble:
            await self._on_trouble(account, after.trouble)
        await self._note(account, after.comes(self._now()))

    async def _given_up(self, account: Account, record: SubscriptionRecord) -> SubscriptionRecord:
        """The record without a subscription that cannot be renewed, where something runs that bears none beside it."""
        current = record.current()
        try:
            if current is None or not self._runs_alone(account):
                return record
            if not await self._sharing.others(record):
                async with asyncio.timeout(self._call_s):
                    await subscribes(self._directory, account).unsubscribe(current)
        except Exception as error:  # it is tried again with the next failure
            log.warning("not unsubscribed", account_id=account.id, error=shown(error))
            return record
        return subscription.ended(record)

    def _wanted(self, account: Account) -> SubscriptionRecord:
        return subscription.wanted(account, self._directory.app_for(account), self._now())

    def _url(self, account: Account, *, needed: bool = False) -> str:
        """The URL that is given to the platform; empty where there is none and it is not needed."""
        try:
            return callback_url(self._directory, account, self._public_url)
        except sdk.Rejected:
            if needed:
                raise
            return ""

    def _runs_alone(self, account: Account) -> bool:
        """Whether an account has something to pull only while no webhooks come."""
        connector = self._directory.connector(account)
        return isinstance(connector, sdk.Pulls) and any(stream.without_hooks for stream in connector.streams())
