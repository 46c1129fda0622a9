"""How long is waited after an attempt that failed. Chance is passed in, so that many do not come at the same time."""

from datetime import datetime, timedelta

_SECONDS = (5, 30, 120, 600, 1800, 3600)
_HELD_S = 5.0
_MOST_HELD_S = 300.0
_SPREAD = 0.25
HOLDS_AFTER = 3
"""Attempts in a row that fail before a receiver is left alone but for one delivery at a time."""
GIVES_UP = timedelta(days=3)
"""How long a delivery is tried, and after how long of nothing but failures a webhook is disabled."""
_ENOUGH = 10  # failures without which none is disabled, however long ago the first was


def next_wait(attempts: int, chance: float, asked: timedelta | None = None) -> timedelta:
    """Return how long a delivery waits.

    Args:
        attempts: How many failed, at least one.
        chance: From 0 to 1.
        asked: What the receiver asks for; at most an hour of it counts.
    """
    own = _SECONDS[min(attempts, len(_SECONDS)) - 1]
    least = min(asked.total_seconds(), _SECONDS[-1]) if asked is not None else 0.0
    return timedelta(seconds=max(own, least) * (1 + _SPREAD * chance))


def hold(failures: int, chance: float) -> timedelta | None:
    """Return how long a receiver is left alone after so many failures in a row; None where it is not yet."""
    if failures < HOLDS_AFTER:
        return None
    own = min(_HELD_S * 2 ** min(failures - HOLDS_AFTER, 10), _MOST_HELD_S)
    return timedelta(seconds=own * (1 + _SPREAD * chance))


def is_given_up(failures: int, failing_since: datetime | None, at: datetime) -> bool:
    """Whether a webhook has failed for so long that it is disabled."""
    return failures >= _ENOUGH and failing_since is not None and at - failing_since >= GIVES_UP
