"""Which processes of the I/O service live, as far as can be told without trusting anybody's clock.

Each holds a lease in its own name for every role that it plays. One whose lease does not change for its whole time,
or was given back, is gone.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Literal, NamedTuple

from chorally_core.ports.documents import Condition, Documents, Query
from chorally_core.ports.leases import Lease, Leases

Role = Literal["api", "worker"]

_PLACE = "io/member/"
_FORGOTTEN_AFTER = timedelta(hours=1).total_seconds()
_STEP = 1000


class _Seen(NamedTuple):
    lease: Lease
    since: float


class Members:
    """Tells the living from the gone."""

    def __init__(
        self, documents: Documents, leases: Leases, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._documents = documents
        self._leases = leases
        self._monotonic = monotonic
        self._seen: dict[str, _Seen] = {}
        self._has_looked = False

    @property
    def me(self) -> str:
        """This process."""
        return self._leases.holder

    async def join(self, role: Role) -> bool:
        """Live in a role from now on; False where that could not be made certain."""
        return await self._leases.hold(_name(role, self.me))

    async def leave(self, role: Role) -> None:
        """Be gone, as far as a role goes."""
        await self._leases.release(_name(role, self.me))

    def is_certain(self, role: Role) -> bool:
        """Whether no other process can take this one for gone."""
        return self._leases.held(_name(role, self.me))

    async def look(self) -> None:
        """Learn who has given a sign of life."""
        found: dict[str, Lease] = {}
        last = _PLACE
        while True:
            where = (Condition("id", ">", last), Condition("id", "<", _PLACE[:-1] + "0"))
            leases: list[Lease] = await self._documents.find(Query(Lease, None, where, limit=_STEP))
            found.update((lease.id, lease) for lease in leases)
            if len(leases) < _STEP:
                break
            last = leases[-1].id
        now = self._monotonic()
        self._seen = {
            name: known if (known := self._seen.get(name)) and known.lease == lease else _Seen(lease, now)
            for name, lease in found.items()
        }
        self._has_looked = True

    def living(self, role: Role) -> list[str]:
        """Return the processes that play a role, this one among them if it does."""
        prefix = _name(role, "")
        now = self._monotonic()
        living = {name[len(prefix) :] for name, seen in self._seen.items() if name[: len(prefix)] == prefix
                  and _lives(seen, now)}  # fmt: skip
        if self.is_certain(role):
            living.add(self.me)
        return sorted(living)

    def is_gone(self, role: Role, process: str) -> bool:
        """Whether a process does certainly not play a role any more."""
        if not self._has_looked or (process == self.me and self.is_certain(role)):
            return False
        seen = self._seen.get(_name(role, process))
        return seen is None or not _lives(seen, self._monotonic())

    async def forget(self) -> int:
        """Remove the traces of those that have been gone for an hour; return how many there were."""
        now = self._monotonic()
        old = [name for name, seen in self._seen.items() if now - seen.since > _FORGOTTEN_AFTER]
        return await self._documents.delete(Lease, old) if old else 0


def _name(role: Role, process: str) -> str:
    return f"{_PLACE}{role}/{process}"


def _lives(seen: _Seen, now: float) -> bool:
    return bool(seen.lease.holder) and now - seen.since < seen.lease.ttl_s
