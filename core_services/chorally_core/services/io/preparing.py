"""Takes the unseen steps before a visible call, one at a time, each stored before the next.

A step that is cut off is taken again from the one before: at worst a draft or an upload that nobody sees is left over.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
import structlog

import chorally_sdk as sdk
from chorally_core.services.io import deliver
from chorally_core.services.io.model import Account, Delivery

log = structlog.get_logger(__name__)

_STEPS = 500  # after which something that never becomes ready is given up
_ROUNDS = 5  # tries of a step that fails for no reason that the platform names


class Record(Protocol):
    """Stores a state over the one it follows."""

    async def __call__(self, before: Delivery, after: Delivery, *, tell: bool = True) -> None:
        """Store it, and tell of it or not."""


class Preparing:
    """Prepares deliveries for their visible call."""

    def __init__(
        self,
        record: Record,
        *,
        now: Callable[[], datetime],
        call_s: float,
        outgoing: Callable[[Delivery], sdk.Outgoing],
        on_refused: Callable[[Account, sdk.ConnectorError], Awaitable[None]],
        pause: Callable[[str, sdk.RateLimited], None],
    ) -> None:
        """Prepare to prepare.

        Args:
            record: Stores what a step left behind.
            now: The clock.
            call_s: Seconds that one step may take.
            outgoing: Returns a delivery as its connector gets it.
            on_refused: Told when the platform refuses an account's token or a permission.
            pause: Told of an account whose quota is used up.
        """
        self._record = record
        self._now = now
        self._call_s = call_s
        self._outgoing = outgoing
        self._on_refused = on_refused
        self._pause = pause

    async def ready(
        self, account: Account, connector: sdk.Prepares, delivery: Delivery, goes_on: Callable[[], bool]
    ) -> Delivery | None:
        """Take steps until the visible call may be made; return the delivery then, None where it waits or failed."""
        while not delivery.is_ready:
            if not goes_on():
                return None
            after = await self._step(account, connector, delivery)
            if after is None:
                return None
            await self._record(delivery, after, tell=False)
            delivery = after
            if not delivery.is_ready and (delivery.next_at or self._now()) > self._now():
                return None
        return delivery

    async def _step(self, account: Account, connector: sdk.Prepares, delivery: Delivery) -> Delivery | None:
        """The delivery after one step; None where there was none, which is stored."""
        if delivery.steps >= _STEPS:
            why = f"the platform was not ready after {delivery.steps} steps; try again"
            await self._failed(delivery, why, sdk.Reason.INVALID)
            return None
        try:
            async with asyncio.timeout(self._call_s):
                prepared = await connector.prepare(self._outgoing(delivery))
        except sdk.RetryLater as error:
            await self._later(delivery, error.wait, str(error))
            if isinstance(error, sdk.RateLimited):
                self._pause(account.id, error)
        except sdk.Reauthorize as error:
            await self._later(delivery, timedelta(0), str(error))
            await self._on_refused(account, error)
        except (sdk.Rejected, sdk.Unsupported) as error:
            reason = error.reason if isinstance(error, sdk.Rejected) else sdk.Reason.INVALID
            await self._failed(delivery, str(error), reason)
            if reason is sdk.Reason.PERMISSION:
                await self._on_refused(account, error)
        except Exception as error:  # nothing is visible yet, so it may simply be tried again
            why = str(error) if isinstance(error, sdk.ConnectorError) else f"{type(error).__name__} before the call"
            log.warning("delivery could not be prepared", delivery_id=delivery.id, error=why)
            if delivery.attempts + 1 >= _ROUNDS:
                await self._failed(delivery, why, sdk.Reason.INVALID)
            else:
                await self._later(delivery, None, why)
        else:
            return deliver.stepped(delivery, prepared, self._now())
        return None

    async def _later(self, delivery: Delivery, wait: timedelta | None, why: str) -> None:
        tried = msgspec.structs.replace(delivery, attempts=delivery.attempts + 1)
        await self._record(delivery, deliver.released(tried, self._now(), wait, why), tell=False)

    async def _failed(self, delivery: Delivery, why: str, reason: sdk.Reason) -> None:
        await self._record(delivery, deliver.failed(delivery, why, self._now(), reason=reason), tell=True)
