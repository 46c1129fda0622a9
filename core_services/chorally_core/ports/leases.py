"""The leases port: of several processes, one at a time does what a name stands for.

A lease spares work that would be done twice; what must not happen twice rests on the versions of documents.
"""

from collections.abc import Collection
from typing import Protocol

from chorally_core.ports.documents import Document


class Lease(Document, frozen=True, kw_only=True):
    """Who holds a name; renewed by storing it again, so that its version grows while the holder lives."""

    kind = "lease"

    holder: str = ""
    """The process that holds it; empty once it was given back."""
    ttl_s: float
    """Seconds for which others leave a version of it alone, by their own clocks."""


class Leases(Protocol):
    """Names that one process at a time holds."""

    holder: str
    """This process; another one after each start."""

    async def hold(self, name: str) -> bool:
        """Acquire or renew a name; False while another process holds it.

        What is held is renewed by itself until it is released or lost.
        """

    def held(self, name: str) -> bool:
        """Whether the name is certainly this process's now; known without asking anybody.

        It ends a margin before another process may take the name, also where the store cannot be reached.
        """

    async def release(self, name: str) -> None:
        """Give a name back, so that another process can have it at once."""


class WatchfulLeases(Leases, Protocol):
    """Leases of many names at once."""

    async def hold_many(self, names: Collection[str]) -> set[str]:
        """Acquire or renew names with one read and one write; return those that are held."""

    async def release_many(self, names: Collection[str]) -> None:
        """Give names back with one read and one write."""

    async def watch(self, names: Collection[str]) -> None:
        """Look at names without wanting them: where their holder is gone, ``hold`` need not begin to wait then."""


class AlwaysHeld:
    """Serves the leases port where there is one process: every name is its own."""

    def __init__(self, holder: str = "only") -> None:
        self.holder = holder

    async def hold(self, name: str) -> bool:
        """Return True."""
        return True

    def held(self, name: str) -> bool:
        """Return True."""
        return True

    async def release(self, name: str) -> None:
        """Do nothing: nobody else wants it."""

    async def hold_many(self, names: Collection[str]) -> set[str]:
        """Return all of them."""
        return set(names)

    async def watch(self, names: Collection[str]) -> None:
        """Do nothing: nobody else holds them."""

    async def release_many(self, names: Collection[str]) -> None:
        """Do nothing: nobody else wants them."""
