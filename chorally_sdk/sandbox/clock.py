"""The clock of a sandbox: it goes on only when told to, or by itself where the sandbox is served."""

import time
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""The time at which a clock begins that is not told otherwise."""


class Clock:
    """A clock that stands until it is told to go on; called, it tells the time."""

    def __init__(self, at: datetime = START, *, skew: timedelta = timedelta(0)) -> None:
        """Set the clock.

        Args:
            at: The time it shows first.
            skew: How far ahead of it whoever asks ``skewed`` is.
        """
        self.at = at
        self.skew = skew
        self._running_since: float | None = None

    def __call__(self) -> datetime:
        """Tell the time."""
        if self._running_since is None:
            return self.at
        return self.at + timedelta(seconds=time.monotonic() - self._running_since)

    def run(self) -> None:
        """Show today's time and go on by itself: a host that is connected goes by the real one."""
        self.at, self._running_since = datetime.now(UTC), time.monotonic()

    @property
    def is_running(self) -> bool:
        """Whether it goes on by itself, so that who waits must really wait."""
        return self._running_since is not None

    def skewed(self) -> datetime:
        """Tell the time of a platform whose clock goes wrong by ``skew``."""
        return self() + self.skew

    def pass_(self, **units: float) -> None:
        """Go on by seconds, minutes, hours or days."""
        self.at += timedelta(**units)

    async def sleep(self, seconds: float) -> None:
        """Let so much time pass at once."""
        self.at += timedelta(seconds=seconds)
