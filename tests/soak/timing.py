"""How long from the 200 of a webhook to the ticket, in calm and around each thing that goes wrong."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_NEAR_S = 5.0
"""A slow message counts where another was slow that was said so shortly before or after; one alone is chance."""


@dataclass(kw_only=True)
class Trouble:
    """Something that went wrong, and what it did to those who waited."""

    what: str
    began: float
    """By the monotonic clock, as all times here."""
    healed: float
    """When its cause was gone; for a kill, at once."""
    until: float = float("inf")
    """When the next thing went wrong."""
    slow: int = 0
    worst_s: float = 0.0
    recovered_s: float = 0.0
    """From the end of its cause until nobody waited longer than usual any more."""
    door_s: float = 0.0
    """From its beginning until a webhook was answered 200 again."""
    first_s: float = 0.0
    """From its beginning until something accepted after that was a ticket."""


class Timing:
    """When each message was said, and when its ticket was there."""

    def __init__(
        self, said_at: Mapping[str, float], ticket_at: Mapping[str, float], name_of: Callable[[str], str]
    ) -> None:
        """Look at what others note.

        Args:
            said_at: Times by the platform's id.
            ticket_at: Times by our id.
            name_of: Returns our id of the platform's.
        """
        self._said_at = said_at
        self._ticket_at = ticket_at
        self._name_of = name_of

    def waits(self, since: float, until: float, now: float) -> list[tuple[float, float]]:
        """Return when each message in an interval was said, and how long it took; ``now`` ends what has not ended."""
        found = []
        for name, said in self._said_at.items():
            if since <= said < until:
                found.append((said, self._ticket_at.get(self._name_of(name), now) - said))
        return found

    def is_calm(self, now: float, calm_s: float, usual_s: float) -> bool:
        """Whether those who spoke lately, and not only now, got a ticket as soon as usual, but for one in fifty."""
        waits = sorted(wait for _, wait in self.waits(now - calm_s - usual_s, now - usual_s, now))
        return bool(waits) and quantile(waits, 0.98 if len(waits) > 1 else 1.0) <= usual_s

    def judge(self, troubles: Iterable[Trouble], usual_s: float, now: float) -> None:
        """Say of each trouble what it did."""
        for trouble in troubles:
            waits = self.waits(trouble.began, trouble.until, now)
            slow = [(said, wait) for said, wait in waits if wait > usual_s]
            trouble.slow = len(slow)
            trouble.door_s = min((said for said, _ in waits), default=now) - trouble.began
            trouble.worst_s = max((wait for _, wait in waits), default=0.0)
            trouble.first_s = min((said + wait for said, wait in waits), default=now) - trouble.began
            crowd = [(said, wait) for said, wait in slow if sum(abs(said - other) <= _NEAR_S for other, _ in slow) > 1]
            last = max((said + wait for said, wait in crowd or slow[:1]), default=trouble.healed)
            trouble.recovered_s = max(last - trouble.healed, 0.0)

    def calm(self, troubles: Iterable[Trouble], now: float) -> list[float]:
        """Return how long it took while nothing was wrong, sorted."""
        spans = [(trouble.began, trouble.healed + trouble.recovered_s) for trouble in troubles]
        waits = self.waits(float("-inf"), float("inf"), now)
        return sorted(wait for said, wait in waits if not any(began - 5 <= said <= ended for began, ended in spans))


def quantile(values: list[float], share: float) -> float:
    """Return the value below which that share of sorted values lies; 0 where there are none."""
    return values[min(int(len(values) * share), len(values) - 1)] if values else 0.0


def figures_of(trouble: Trouble, start: float) -> dict[str, Any]:
    """Return what a report says of a trouble, with times since the start of the run."""
    return {
        "what": trouble.what,
        "at_s": round(trouble.began - start, 1),
        "away_s": round(trouble.healed - trouble.began, 1),
        "recovered_s": round(trouble.recovered_s, 2),
        "first_200_s": round(trouble.door_s, 2),
        "first_ticket_s": round(trouble.first_s, 2),
        "worst_s": round(trouble.worst_s, 2),
        "slow_messages": trouble.slow,
    }
