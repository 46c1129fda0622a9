"""Finds out what became of visible calls whose outcome is not known, or not certain yet."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import chorally_sdk as sdk
from chorally_core.ports.documents import Documents
from chorally_core.services.io import deliver
from chorally_core.services.io.model import Account, Delivery
from chorally_core.services.io.preparing import Record

_ROUNDS = 5  # claims and searches after which a delivery that never appears is left to a person
_TOLD_WITHIN = timedelta(days=1)  # a mark of what was accepted comes, where nobody can search for it
_FIRST_LOOK = timedelta(seconds=30)  # after which what was accepted is searched for


class Resolving:
    """Makes the same call again under a native key, or searches; where neither tells, a person decides."""

    def __init__(
        self,
        documents: Documents,
        record: Record,
        *,
        now: Callable[[], datetime],
        call_s: float,
        outgoing: Callable[[Delivery], sdk.Outgoing],
        limits: Callable[[Delivery], sdk.Limits],
        on_refused: Callable[[Account, sdk.ConnectorError], Awaitable[None]],
        again: Callable[[Account, sdk.Connector, Delivery], Awaitable[None]],
    ) -> None:
        """Prepare to resolve.

        Args:
            documents: Where deliveries are found by what they made.
            record: Stores what was found out.
            now: The clock.
            call_s: Seconds that one search may take.
            outgoing: Returns a delivery as its connector gets it.
            limits: Returns what its channel allows.
            on_refused: Told when the platform refuses an account's token.
            again: Makes the same call again.
        """
        self._documents = documents
        self._record = record
        self._now = now
        self._call_s = call_s
        self._outgoing = outgoing
        self._limits = limits
        self._on_refused = on_refused
        self._again = again

    async def resolve(self, account: Account, connector: sdk.Connector, delivery: Delivery) -> None:
        """Find out whether a visible call happened, or what became of one that was accepted."""
        limits = self._limits(delivery)
        now = self._now()
        is_accepted = delivery.state == "accepted"
        tried = delivery.tried_at or delivery.created_at
        is_keyed = limits.dedupe == "native_key" and (limits.dedupe_for is None or now - tried < limits.dedupe_for)
        if is_keyed and not is_accepted:
            await self._again(account, connector, delivery)
            return
        if not isinstance(connector, sdk.Finds):
            why = "it is not known whether the platform made this visible; look there, then settle it by hand"
            await self._record(delivery, deliver.in_doubt(delivery, why))
            return
        try:
            async with asyncio.timeout(self._call_s):
                receipt = await connector.find(self._outgoing(delivery))
        except (sdk.OutcomeUnknown, sdk.Rejected, sdk.Unsupported) as error:  # asking again would not tell more
            await self._record(delivery, deliver.in_doubt(delivery, str(error)))
        except sdk.Reauthorize as error:
            await self._record(delivery, deliver.later(delivery, now, None, str(error)), tell=False)
            await self._on_refused(account, error)
        except Exception as error:
            wait = error.wait if isinstance(error, sdk.RetryLater) else None
            why = str(error) or type(error).__name__
            await self._record(delivery, deliver.later(delivery, now, wait or None, why), tell=False)
        else:
            await self._found(delivery, receipt, connector)

    async def _found(self, delivery: Delivery, receipt: sdk.Receipt | None, connector: sdk.Connector) -> None:
        """Record what a search told."""
        now = self._now()
        is_accepted = delivery.state == "accepted"
        is_settled = receipt is not None and (receipt.state == "sent" or not is_accepted)
        if receipt is not None and is_settled and not await self.belongs_to_another(delivery, receipt):
            wait = look_after(connector, self._limits(delivery))
            await self._record(delivery, deliver.received(delivery, receipt, now, look_after=wait))
        elif is_accepted and delivery.searches + 1 < _ROUNDS:
            wait = _FIRST_LOOK * 2 ** (delivery.searches + 1)
            await self._record(delivery, deliver.later(delivery, now, wait, "accepted, and not seen yet"), tell=False)
        elif is_accepted or min(delivery.attempts, delivery.searches + 1) >= _ROUNDS:
            why = f"tried {delivery.attempts} times, and the platform never shows it; look there, then settle it"
            await self._record(delivery, deliver.in_doubt(delivery, why))
        else:
            await self._record(delivery, deliver.absent(delivery, now), tell=False)

    async def belongs_to_another(self, delivery: Delivery, receipt: sdk.Receipt) -> bool:
        """Whether what was found is an equal answer that is already accounted for."""
        if receipt.external_id is None:
            return False
        key = Delivery.external_key_of(delivery.account_id, delivery.channel, receipt.external_id)
        other = await self._documents.get(Delivery, key, "external_key")
        return other is not None and other.id != delivery.id


def look_after(connector: sdk.Connector, limits: sdk.Limits) -> timedelta:
    """How long to wait for a mark of what was only accepted."""
    return max(_FIRST_LOOK, limits.settles) if isinstance(connector, sdk.Finds) else _TOLD_WITHIN
