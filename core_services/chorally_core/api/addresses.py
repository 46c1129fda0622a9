"""How much one address asks of this process: of everything, and of what proves nobody.

Counted in memory of the process, minute by minute: whoever has many processes is bounded at each of them.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

_MINUTE_S = 60.0
_MOST = 100_000


class Addresses:
    """Counts by address; this machine's own are not counted."""

    def __init__(
        self, *, rate: int, refused: int, monotonic: Callable[[], float] = time.monotonic, most: int = _MOST
    ) -> None:
        """Begin with nothing counted.

        Args:
            rate: Requests a minute.
            refused: Requests a minute that prove nobody.
            monotonic: Gives seconds that only grow.
            most: Addresses that are remembered; those seen longest ago are forgotten first.
        """
        self.rate = rate
        self.refused_rate = refused
        self._monotonic = monotonic
        self._most = most
        self._began = 0.0
        self._asked: OrderedDict[str, int] = OrderedDict()
        self._refused: OrderedDict[str, int] = OrderedDict()

    def ask(self, address: str) -> float:
        """Count a request; return the seconds to wait where it is one too many, else 0."""
        return self._count(self._asked, address, self.rate)

    def refuse(self, address: str) -> float:
        """Count a request that proves nobody; return the seconds to wait where it is one too many, else 0."""
        return self._count(self._refused, address, self.refused_rate)

    def _count(self, counted: OrderedDict[str, int], address: str, most: int) -> float:
        now = self._monotonic()
        if now - self._began >= _MINUTE_S:
            self._began = now
            self._asked.clear()
            self._refused.clear()
        count = counted.get(address, 0) + 1
        if count == 1 and is_own(address):
            return 0.0
        counted[address] = count
        if len(counted) > self._most:
            counted.popitem(last=False)
        return self._began + _MINUTE_S - now if count > most else 0.0


def is_own(address: str) -> bool:
    """Whether it is an address of this machine, or none at all, as of a socket in the file system."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return True


def address_of(scope: Any) -> str:
    """Return the address that a request comes from, as the server knows it; empty where it does not."""
    client = scope.get("client")
    return client[0] if client else ""
