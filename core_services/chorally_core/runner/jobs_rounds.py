"""Short work that is done every few seconds, by one process at a time.

A job would be a document that is rewritten at every round to no end: nobody wants to see, cancel or repeat such a
round, and one that fails is simply followed by the next.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from chorally_core.ports.leases import Leases

log = structlog.get_logger(__name__)


class Rounds:
    """Goes round and round while this process holds the lease of that name."""

    def __init__(
        self,
        name: str,
        work: Callable[[], Awaitable[object]],
        leases: Leases,
        *,
        every_s: float = 5.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Prepare.

        Args:
            name: Of the lease, such as ``message/waking``.
            work: One round, which must bear to be done twice at the same time: a lease only spares work.
            leases: Tell whether this process is the one.
            every_s: Seconds between rounds.
            sleep: Waits for seconds.
        """
        self.name = name
        self._work = work
        self._leases = leases
        self._every_s = every_s
        self._sleep = sleep

    async def round(self) -> bool:
        """Do it once where it is this process's turn; return whether it was done. What fails is logged."""
        try:
            if not await self._leases.hold(self.name):
                return False
            await self._work()
        except Exception as error:
            log.error("upkeep failed", what=self.name, exc_info=error)
            return False
        return True

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await self._sleep(self._every_s)
            await self.round()
