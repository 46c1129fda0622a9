"""Stops asking for what cannot be had, and says when it is time to try again.

Closed: every call goes through. So many failures without a success between them open it: no call goes through. After
a wait, one probe, not a caller's, may be made: half-open. It closes the breaker, or opens it again for twice as long.

An own class, since the libraries looked at (November 2026) each lack what G10 asks for, one probe at a time, waits
that grow, and a clock that tests can hold: pybreaker 1.4 knows no asyncio (its pull request 103 is open), aiobreaker
had its last release in 2021, purgatory 3.0 reads the time itself, lets every caller through when half-open, and
always waits the same.
"""

import random
import time
from collections.abc import Callable
from enum import StrEnum


class State(StrEnum):
    """Whether calls go through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """Decides for one server; it does no I/O, and takes no lock, as it is used by one event loop."""

    def __init__(
        self,
        *,
        failures: int = 3,
        first_s: float = 0.25,
        most_s: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Begin closed.

        Args:
            failures: Failures in a row that open it.
            first_s: Wait before the first probe, in seconds; each probe that fails doubles it.
            most_s: The longest wait.
            monotonic: The clock.
            jitter: Gives a number from 0 to 1, which spreads waits from half to all of what they would be, so that
                processes do not all come back at once.
        """
        self._limit = failures
        self._first_s = first_s
        self._most_s = most_s
        self._monotonic = monotonic
        self._jitter = jitter
        self._state = State.CLOSED
        self._period = 0  # counts the times it was closed, so that late answers of an earlier time are known
        self._failures = 0
        self._refusals = 0
        self._due_at = 0.0

    @property
    def state(self) -> State:
        """Whether calls go through now."""
        return self._state

    def enter(self) -> int | None:
        """Return what a call must bring back with its result; None where it must not be made."""
        return self._period if self._state is State.CLOSED else None

    def succeeded(self, entered: int) -> None:
        """Take note of a call that went well."""
        if entered == self._period:
            self._failures = 0

    def failed(self, entered: int) -> bool:
        """Take note of a call that failed; say whether this has opened the breaker.

        What was begun before the breaker last opened tells nothing of now, and changes nothing.
        """
        if self._state is not State.CLOSED or entered != self._period:
            return False
        self._failures += 1
        return self._failures >= self._limit and self.trip()

    def trip(self) -> bool:
        """Open at once; say whether this has opened it."""
        if self._state is not State.CLOSED:
            return False
        self._refusals = 0
        self._open()
        return True

    def wait_s(self) -> float:
        """Return the seconds until a probe may be made, 0 where it may be made or none is needed."""
        return max(0.0, self._due_at - self._monotonic()) if self._state is State.OPEN else 0.0

    def probe(self) -> bool:
        """Say whether a probe may be made now; who is told so must report by ``recovered`` or ``refused``."""
        if self._state is not State.OPEN or self.wait_s() > 0:
            return False
        self._state = State.HALF_OPEN
        return True

    def recovered(self) -> None:
        """Close, since the probe went well."""
        if self._state is State.HALF_OPEN:
            self._state = State.CLOSED
            self._period += 1
            self._failures = 0

    def refused(self) -> None:
        """Open again for longer, since the probe failed."""
        if self._state is State.HALF_OPEN:
            self._refusals += 1
            self._open()

    def _open(self) -> None:
        self._state = State.OPEN
        longest = min(self._most_s, self._first_s * 2.0 ** min(self._refusals, 30))
        self._due_at = self._monotonic() + longest * (0.5 + 0.5 * self._jitter())
