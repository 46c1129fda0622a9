"""Ends subscriptions of accounts that were disconnected, and then forgets the credentials that this took."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

import msgspec
import structlog

import chorally_sdk as sdk
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.storable import shown
from chorally_core.services.io import subscription
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.health import HealthBook
from chorally_core.services.io.model import Account
from chorally_core.services.io.sharing import Sharing
from chorally_core.services.io.subscription import SubscriptionRecord

log = structlog.get_logger(__name__)

_SHORTLY = timedelta(seconds=2)


class Unsubscribing:
    """Ends them, unless others share them."""

    def __init__(
        self,
        ledger: Ledger,
        directory: Directory,
        health: HealthBook,
        sharing: Sharing,
        *,
        now: Callable[[], datetime],
        on_left: Callable[[Account], Awaitable[None]],
        call_s: float,
        share: Callable[[], float],
    ) -> None:
        """Prepare to end them; ``on_left`` forgets an account's credentials, the rest is as of ``Subscribing``."""
        self._ledger = ledger
        self._directory = directory
        self._health = health
        self._sharing = sharing
        self._now = now
        self._on_left = on_left
        self._call_s = call_s
        self._share = share

    async def end(self, account: Account, record: SubscriptionRecord) -> None:
        """End what a disconnected account leaves behind, unless others share it; then forget its credentials.

        Raises:
            Conflict: Something was changed meanwhile; it is to be looked at again.
        """
        current = record.current()
        if account.leaving and current is not None:
            record = await self._sharing.begins(record, "ending", partial(store, self._ledger))
            if not await self._sharing.others(record):
                if await self._sharing.is_done_elsewhere(record, "asking"):
                    await store(self._ledger, msgspec.structs.replace(record, next_at=self._now() + _SHORTLY))
                    return
                if not await self._unsubscribed(account, record, current):
                    return
        await self.left(account, record)

    async def _unsubscribed(self, account: Account, record: SubscriptionRecord, current: sdk.Subscription) -> bool:
        """Whether there is nothing more to be done at the platform: it was ended, or never can be."""
        try:
            async with asyncio.timeout(self._call_s):
                await subscribes(self._directory, account).unsubscribe(current)
        except Exception as error:
            why = shown(error)
            self._health.erred(account, f"its subscription to webhooks could not be ended: {why}")
            since = account.changed_at or account.connected_at
            is_final = isinstance(error, sdk.Rejected | sdk.Reauthorize)
            if is_final or self._now() - since > subscription.LEAVES:
                log.error("a subscription is left behind; end it at the platform", account_id=account.id, error=why)
                return True
            await store(self._ledger, subscription.failed(record, error, why, self._now(), self._share()))
            return False
        return True

    async def left(self, account: Account, record: SubscriptionRecord | None) -> None:
        """Forget what is not needed any more; an account that was connected again meanwhile is subscribed anew."""
        if account.leaving:
            await self._on_left(account)
        stored = await self._ledger.documents.get(Account, account.id)
        if record is not None and stored is not None and stored.state != "disconnected":
            ended = subscription.ended(record)
            await store(self._ledger, msgspec.structs.replace(ended, doing=None, next_at=self._now()))
            return
        if record is not None:
            await self._ledger.documents.delete(SubscriptionRecord, [record.id])


def subscribes(directory: Directory, account: Account) -> sdk.Subscribes:
    """Return an account's connector as one that subscribes.

    Raises:
        Unsupported: It subscribes to nothing.
    """
    connector = directory.connector(account)
    if not isinstance(connector, sdk.Subscribes):
        raise sdk.Unsupported(f"the connector {account.platform!r} subscribes to nothing")
    return connector


async def store(ledger: Ledger, record: SubscriptionRecord) -> SubscriptionRecord:
    """Store a record over the version that it bears, and return it.

    Raises:
        Conflict: It was changed meanwhile.
    """
    await ledger.commit(Work([Step.of([record])]))
    return record
