"""Which accounts this process serves: accounts fall into shards, and each shard is one worker's at a time."""

from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b

import structlog

from chorally_core.ports.leases import WatchfulLeases
from chorally_core.services.io.members import Members

log = structlog.get_logger(__name__)

COUNT = 64
"""Shards of an installation; the same in all of its processes."""


@lru_cache(maxsize=100_000)
def shard_of(account_id: str, count: int = COUNT) -> str:
    """Return the name of the lease of an account's shard."""
    return f"io/shard/{_hash(account_id) % count:04d}"


def owner_of(shard: str, workers: list[str]) -> str:
    """Return which worker shall have a shard; when one comes or goes, only what is its own moves."""
    return max(workers, key=lambda worker: _hash(f"{shard}/{worker}"))


class Shards:
    """Holds this worker's part of the shards, and no more."""

    def __init__(self, leases: WatchfulLeases, members: Members, *, count: int = COUNT) -> None:
        self._leases = leases
        self._members = members
        self.count = count
        self._names = [f"io/shard/{number:04d}" for number in range(count)]
        self._leaving: set[str] = set()

    def is_mine(self, account_id: str) -> bool:
        """Whether this process serves an account now; it begins nothing for any other."""
        shard = shard_of(account_id, self.count)
        return shard not in self._leaving and self._leases.held(shard)

    def mine(self) -> list[str]:
        """Return the shards that are this process's."""
        return [name for name in self._names if self._leases.held(name) and name not in self._leaving]

    async def balance(self, is_idle: Callable[[str], bool] = lambda shard: True) -> None:
        """Take what falls to this worker as things are, and give away what falls to others.

        Args:
            is_idle: Whether nothing is under way for a shard that is to be given away; it waits until then.
        """
        workers = self._members.living("worker")
        if self._members.me not in workers:
            return
        wanted = {name for name in self._names if owner_of(name, workers) == self._members.me}
        held = {name for name in self._names if self._leases.held(name)}
        self._leaving = held - wanted
        given = [name for name in self._leaving if is_idle(name)]
        await self._leases.release_many(given)
        self._leaving -= set(given)
        await self._leases.hold_many(sorted(wanted - held))
        await self._leases.watch([name for name in self._names if name not in wanted])

    async def give_all_back(self) -> None:
        """Let others have everything."""
        self._leaving = set(self._names)
        await self._leases.release_many([name for name in self._names if self._leases.held(name)])


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
