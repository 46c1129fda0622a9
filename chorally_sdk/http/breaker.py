"""Spares a platform that is down, and us: after failures in a row an account's calls are refused for a while."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from chorally_sdk.errors import ConnectorError, OutcomeUnknown, RateLimited, RetryLater

FAILURES = 5
OPEN_FOR = timedelta(seconds=15)
LONGEST_OPEN = timedelta(minutes=10)


class Breaker:
    """Opens after failures in a row; then lets one call through at a time, until one gets an answer.

    A failure is no answer, or one that says that the platform is down. An answer that refuses the call is an
    answer. A quota that is used up is neither, for it may have been told here, without any call.
    """

    def __init__(
        self,
        *,
        failures: int = FAILURES,
        open_for: timedelta = OPEN_FOR,
        longest: timedelta = LONGEST_OPEN,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin closed.

        Args:
            failures: In a row, after which it opens.
            open_for: How long at first; twice as long after each probe that fails.
            longest: How long at most.
            now: A clock of seconds that never goes back.
        """
        self._failures = failures
        self._first = open_for.total_seconds()
        self._longest = longest.total_seconds()
        self._now = now
        self._in_a_row = 0
        self._opens_for = self._first
        self._until: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether calls are refused now, but for a probe."""
        return self._until is not None

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Let one call through, and learn from what becomes of it.

        Raises:
            RetryLater: The breaker is open, or a probe is under way; ``wait`` says how long.
        """
        probe = self._enter()
        try:
            yield
        except RateLimited:
            self._given_up(probe)
            raise
        except (RetryLater, OutcomeUnknown):
            self._failed(probe)
            raise
        except ConnectorError:
            self._answered(probe)
            raise
        except BaseException:
            self._given_up(probe)
            raise
        self._answered(probe)

    def _enter(self) -> bool:
        if self._until is None:
            return False
        left = self._until - self._now()
        if left > 0 or self._probing:
            wait = timedelta(seconds=max(left, 1.0))
            raise RetryLater("the platform did not answer several times in a row; it is left alone", wait=wait)
        self._probing = True
        return True

    def _failed(self, probe: bool) -> None:
        self._in_a_row += 1
        if probe:
            self._probing = False
            self._opens_for = min(2 * self._opens_for, self._longest)
        if probe or (self._until is None and self._in_a_row >= self._failures):
            self._until = self._now() + self._opens_for

    def _given_up(self, probe: bool) -> None:
        self._probing = self._probing and not probe

    def _answered(self, probe: bool) -> None:
        if self._until is not None and not probe:
            return  # it began before the breaker opened, and says nothing of now
        self._in_a_row, self._until, self._opens_for = 0, None, self._first
        self._probing = self._probing and not probe
