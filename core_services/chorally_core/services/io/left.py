"""Deliveries whose visible call was claimed by a process that did not come back."""

import time
from collections.abc import Callable
from typing import NamedTuple

from chorally_core.ports.documents import Condition, Documents, Query
from chorally_core.services.io.model import Delivery

BEGUN_WITHIN_S = 5.0
"""Seconds from the claim within which its call begins, or it is not made."""

_MARGIN_S = 2 * BEGUN_WITHIN_S
_STEP = 500


class _Seen(NamedTuple):
    version: int
    since: float


class LeftBehind:
    """Tells which claimed calls can no longer be under way, whoever claimed them and whether it lives or not.

    A claim counts from when it was first seen here, so no clock of another machine is trusted.
    """

    def __init__(self, documents: Documents, *, call_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._documents = documents
        self._over_after_s = call_s + _MARGIN_S
        self._monotonic = monotonic
        self._seen: dict[str, _Seen] = {}

    async def everything(self) -> list[Delivery]:
        """Return what is claimed: all of it was left behind where no other process lives."""
        where = (Condition("next_at", "present"), Condition("state", "is", "sending"))
        claimed: list[Delivery] = []
        after: tuple[None, str] | None = None
        while True:
            found: list[Delivery] = await self._documents.find(Query(Delivery, None, where, limit=_STEP, after=after))
            claimed += found
            if len(found) < _STEP:
                return claimed
            after = (None, found[-1].id)

    async def over(self, is_asked_for: Callable[[Delivery], bool]) -> list[Delivery]:
        """Return the claims of which nothing was heard for as long as a call may take."""
        now = self._monotonic()
        found = [delivery for delivery in await self.everything() if is_asked_for(delivery)]
        self._seen = {
            d.id: known if (known := self._seen.get(d.id)) and known.version == d.version else _Seen(d.version, now)
            for d in found
        }
        return [delivery for delivery in found if now - self._seen[delivery.id].since >= self._over_after_s]
