"""What one process of the I/O service needs beside others: who lives, who reads, who serves which account."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from chorally_core.ports.coordination import Coordination
from chorally_core.ports.leases import WatchfulLeases
from chorally_core.ports.ledger import Ledger
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.following import Following
from chorally_core.services.io.journal import Doors
from chorally_core.services.io.lanes import Backlog, OwnLane
from chorally_core.services.io.members import Members, Role
from chorally_core.services.io.model import Account
from chorally_core.services.io.reading import LEASE, MergingReader
from chorally_core.services.io.shards import COUNT, Shards

log = structlog.get_logger(__name__)

HOOKS, DIRECTORY, OUTBOX, NUDGES = "io/hooks", "io/directory", "io/outbox", "io/nudges"
"""Places at which processes are woken."""

_TIDIED_EVERY = 5  # rounds
_FORGOTTEN_EVERY = 300


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What processes share; where there is one process, there is none of it."""

    leases: WatchfulLeases
    """Renewed and given back by whoever made them."""
    coordination: Coordination
    roles: frozenset[Role] = frozenset({"api", "worker"})
    """What this process does: ``api`` takes webhooks, ``worker`` reads the journal, pulls and delivers."""
    monotonic: Callable[[], float] = time.monotonic
    look_every_s: float = 0.25
    """Seconds between looks at the journal where nobody wakes its reader."""
    round_s: float = 2.0
    """Seconds between looks at who lives and what was changed."""
    shards: int = COUNT
    """The same in all processes."""


class Beside:
    """This process's part in what several do together."""

    def __init__(
        self,
        shared: Shared,
        ledger: Ledger,
        directory: Directory,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        on_changed: Callable[[Account], Awaitable[None]],
    ) -> None:
        """Put it together; nobody is asked yet.

        Args:
            shared: What the processes share.
            ledger: Where everything becomes durable.
            directory: Is kept up to date.
            now: The clock.
            new_id: Gives unguessable ids.
            on_changed: Told of each account that another process changed.
        """
        self._leases = shared.leases
        self._coordination = shared.coordination
        self.roles = shared.roles
        self.round_s = shared.round_s
        self.members = Members(ledger.documents, shared.leases, monotonic=shared.monotonic)
        self.following = Following(
            ledger.documents, directory, now=now, monotonic=shared.monotonic, on_changed=on_changed,
            look_every_s=shared.round_s,
        )  # fmt: skip
        self.lane = OwnLane(ledger, self.members, new_id=new_id)
        self.backlog = Backlog(ledger.documents)
        self.reader = MergingReader(
            ledger, shared.leases, self.members, now=now, monotonic=shared.monotonic, look_every_s=shared.look_every_s
        )
        self.shards = Shards(shared.leases, self.members, count=shared.shards)
        self.doors = Doors(
            self.lane, self.backlog, stored=lambda: self.tell(HOOKS), learn=self.following.learn_now_and_then
        )
        self._rounds = 0
        self._telling: dict[str, asyncio.Task[None]] = {}
        self._deaf: list[Callable[[], None]] = []

    def is_mine(self, account_id: str) -> bool:
        """Whether this process serves an account now."""
        return self.shards.is_mine(account_id)

    def tell(self, place: str) -> None:
        """Wake whoever listens at a place, in this process and in others."""
        if place not in self._telling:
            self._telling[place] = asyncio.create_task(self._tell(place), name=f"wake:{place}")

    async def _tell(self, place: str) -> None:
        await asyncio.sleep(0)
        del self._telling[place]  # what comes from here on is told anew
        try:
            await self._coordination.wake(place)
        except Exception as error:  # whoever listens looks by itself, too
            log.warning("others could not be woken", place=place, exc_info=error)

    def listen(self, place: str, woken: Callable[[], None]) -> None:
        """Have something called when a place is woken, until ``leave``."""
        self._deaf.append(self._coordination.listen(place, woken))

    async def join(self) -> None:
        """Be one of those who live; what cannot be made certain now is in a later round."""
        for role in sorted(self.roles):
            await self.members.join(role)
        await self.members.look()
        if "api" in self.roles:
            await self.lane.open()
        if "worker" in self.roles:
            await self.shards.balance()

    async def round(self, is_idle: Callable[[str], bool]) -> None:
        """Look at how things are, and take the part in it that falls to this process."""
        self._rounds += 1
        for role in sorted(self.roles):
            if not self.members.is_certain(role):
                await self.members.join(role)
        await self.members.look()
        await self.backlog.look()
        if "worker" not in self.roles:
            return
        await self.shards.balance(is_idle)
        if self._rounds % _TIDIED_EVERY == 0:
            await self.reader.tidy()
        if self._rounds % _FORGOTTEN_EVERY == 0 and self.reader.is_reader:
            await self.members.forget()
            await self.following.forget()

    def work(self) -> list[asyncio.Task[None]]:
        """Begin what goes on beside the rounds."""
        self.listen(DIRECTORY, self.following.wake)
        tasks = [asyncio.create_task(self.following.run(), name="io-following")]
        if "worker" in self.roles:
            self.listen(HOOKS, self.reader.wake)
            tasks.append(asyncio.create_task(self.reader.run(), name="io-reader"))
        return tasks

    async def leave(self) -> None:
        """Let others have what this process had, at once."""
        for be_deaf in self._deaf:
            be_deaf()
        self._deaf.clear()
        self.lane.leave()
        await asyncio.gather(*self._telling.values(), return_exceptions=True)
        try:
            await self.shards.give_all_back()
            await self._leases.release(LEASE)
            for role in sorted(self.roles):
                await self.members.leave(role)
        except Exception as error:  # others wait until it ends by itself
            log.warning("not everything could be given back", exc_info=error)
