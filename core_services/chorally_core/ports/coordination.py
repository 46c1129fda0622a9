"""The coordination port: short-lived notes and shared rates. Correctness never rests on it."""

from typing import NamedTuple, Protocol


class Taken(NamedTuple):
    """What became of asking a rate for some of it."""

    granted: bool
    wait_s: float
    """Seconds until as much is there; 0 where it was granted."""


class Coordination(Protocol):
    """Notes with an end, and rates."""

    async def note(self, place: str, name: str, value: str, ttl_s: float) -> None:
        """Leave a note in a place under a name, for a time; an empty value removes it."""

    async def notes(self, place: str) -> dict[str, str]:
        """Return the notes of a place that are still valid, by name."""

    async def take(self, rate: str, *, limit: int, per_s: float, amount: int = 1) -> Taken:
        """Take from a rate of ``limit`` in ``per_s`` seconds, which refills evenly."""
