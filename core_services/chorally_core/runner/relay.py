"""Tells what killed processes stored and did not tell, for as long as this process lives.

Whoever stores a document with events tells them at once; what still lies there after a while was left by a process
that was killed, or could not reach the bus. One process at a time looks for such. It may tell an event that its owner
tells as well: whoever reads it takes it for a repeat.
"""

import asyncio
from datetime import timedelta
from typing import Protocol

import structlog

from chorally_core.ports.ledger import Ledger

log = structlog.get_logger(__name__)

NAME = "relay"
"""The lease under which one process relays."""


class Holds(Protocol):
    """What the relay needs of leases."""

    async def hold(self, name: str) -> bool:
        """Acquire or renew a name; False while another process holds it."""


class Relay:
    """Looks every few seconds, in whichever process holds the lease."""

    def __init__(
        self,
        ledger: Ledger,
        leases: Holds,
        *,
        every_s: float = 2.0,
        older_than: timedelta = timedelta(seconds=5),
    ) -> None:
        """Prepare.

        Args:
            ledger: Whose events are relayed.
            leases: Lets one process at a time look.
            every_s: Seconds between looks.
            older_than: How long events may lie before they count as left; longer than it takes to tell them.
        """
        self._ledger = ledger
        self._leases = leases
        self._every_s = every_s
        self._older_than = older_than
        self.relayed = 0
        """How many events were relayed, since the start."""
        self._failed = 0

    async def round(self) -> int:
        """Look once; return how many events were relayed."""
        if not await self._leases.hold(NAME):
            return 0
        count = await self._ledger.recover(self._older_than)
        if count:
            self.relayed += count
            log.warning("events were left untold and are relayed", count=count)
        return count

    async def run(self) -> None:
        """Look until cancelled; what fails is tried again at the next look, and told once, with its end."""
        while True:
            await self.look()
            await asyncio.sleep(self._every_s)

    async def look(self) -> None:
        """Look once, whatever comes of it."""
        try:
            await self.round()
        except Exception as error:
            self._failed += 1
            if self._failed == 1:
                log.error("relaying fails until further notice", exc_info=error)
            return
        if self._failed:
            log.info("relaying goes on", failures=self._failed)
            self._failed = 0
