"""Where grants are kept: what a store must do, and one in memory."""

import threading
from typing import Protocol

from chorally_sdk.oauth.kept import Kept


class GrantStore(Protocol):
    """Keeps grants by name, for all who renew them."""

    async def load(self, name: str) -> Kept | None:
        """Return what is kept under a name, with its version."""

    async def swap(self, name: str, kept: Kept) -> bool:
        """Store over the version that ``kept`` bears, 0 for nothing; False where another is stored by now.

        It is durable when this returns.
        """

    async def hold(self, name: str) -> bool:
        """Take the right to renew a grant; False while another process has it. It ends when the process does."""

    async def release(self, name: str) -> None:
        """Give the right back."""


class MemoryGrants:
    """Keeps grants as long as the process lives, for all its threads."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}
        self._held: set[str] = set()
        self._guard = threading.Lock()

    async def load(self, name: str) -> Kept | None:
        """Return what is kept under a name."""
        with self._guard:
            return self._kept.get(name)

    async def swap(self, name: str, kept: Kept) -> bool:
        """Store over the version that ``kept`` bears."""
        with self._guard:
            known = self._kept.get(name)
            if (known.version if known else 0) != kept.version:
                return False
            self._kept[name] = kept.model_copy(update={"version": kept.version + 1})
            return True

    async def hold(self, name: str) -> bool:
        """Take the right to renew a grant."""
        with self._guard:
            if name in self._held:
                return False
            self._held.add(name)
            return True

    async def release(self, name: str) -> None:
        """Give the right back."""
        with self._guard:
            self._held.remove(name)
