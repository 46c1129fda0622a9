"""Subscriptions that several accounts share: only the last that leaves ends one.

What nobody may do beside each other, ending a subscription and being given the same one, is kept apart without a
lock: each process stores what it is about to do before it looks what others are about to do, so one of two sees the
other, and waits.
"""

from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from chorally_core.ports.documents import Condition, Documents, Query
from chorally_core.services.io.subscription import SubscriptionRecord

_MOST = 10_000  # accounts of one subscription

Doing = Literal["asking", "ending"]


class Sharing:
    """Knows who shares what, and who is about to."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def begins(
        self,
        record: SubscriptionRecord,
        what: Doing,
        store: Callable[[SubscriptionRecord], Awaitable[SubscriptionRecord]],
    ) -> SubscriptionRecord:
        """Return the record once it is stored what is about to be done."""
        return await store(msgspec.structs.replace(record, doing=_doing(what, record)))

    async def is_done_elsewhere(self, record: SubscriptionRecord, what: Doing) -> bool:
        """Whether another account of the same place is about to do something."""
        where = (Condition("doing", "is", _doing(what, record)),)
        found = await self._documents.find(Query(SubscriptionRecord, None, where, limit=2))
        return any(other.id != record.id for other in found)

    async def others(self, record: SubscriptionRecord) -> list[SubscriptionRecord]:
        """Return what other accounts hold that is the same subscription, without those that are leaving it."""
        if record.shared_key is None:
            return []
        where = (Condition("shared_key", "is", record.shared_key),)
        found: list[SubscriptionRecord] = await self._documents.find(
            Query(SubscriptionRecord, None, where, limit=_MOST)
        )
        return [each for each in found if each.id != record.id and each.doing != _doing("ending", each)]


def _doing(what: Doing, record: SubscriptionRecord) -> str:
    return f"{what}/{record.place}"
