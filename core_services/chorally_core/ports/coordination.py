"""The coordination port: short-lived notes, shared rates and wake-ups. Correctness never rests on it."""

from collections.abc import Callable
from typing import NamedTuple, Protocol


class Taken(NamedTuple):
    """What became of asking a rate for some of it."""

    granted: bool
    wait_s: float
    """Seconds until as much is there; 0 where it was granted."""


class Coordination(Protocol):
    """Notes with an end, rates, and wake-ups."""

    async def note(self, place: str, name: str, value: str, ttl_s: float) -> None:
        """Leave a note in a place under a name, for a time; an empty value removes it."""

    async def notes(self, place: str) -> dict[str, str]:
        """Return the notes of a place that are still valid, by name."""

    async def take(self, rate: str, *, limit: int, per_s: float, amount: int = 1, leaving: int = 0) -> Taken:
        """Take from a rate of ``limit`` in ``per_s`` seconds, which refills evenly; ``leaving`` must be left of it."""

    async def wake(self, place: str) -> None:
        """Tell everyone who listens at a place, in whatever process, that there may be something to do.

        It waits for nobody. Several in a row may come as one, one may come twice, and one may be lost: who listens
        looks by itself too, at least every few seconds.
        """

    def listen(self, place: str, woken: Callable[[], None]) -> Callable[[], None]:
        """Have something called whenever a place is woken; return what ends that.

        It is called within the event loop and must return at once; what it raises is logged and disturbs nobody.
        """
