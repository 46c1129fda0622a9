"""Slows down guessing: after some failures each further attempt has to wait longer."""

import math
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta


class Throttled(Exception):
    """Too many attempts failed; ``wait_s`` is how many seconds to wait."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"too many attempts failed; wait {wait_s} seconds")
        self.wait_s = wait_s


class _Failures:
    __slots__ = ("count", "last", "next")

    def __init__(self) -> None:
        self.count = 0
        self.last = 0.0
        self.next = 0.0


class Throttle:
    """Counts attempts by whatever they are counted by, such as an account or an address."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        free: int,
        longest: timedelta = timedelta(minutes=5),
        forget: timedelta = timedelta(minutes=15),
        most: int = 10_000,
    ) -> None:
        """Set how patient it is.

        Args:
            clock: Gives the time.
            free: Failures without any wait; then one second, two, four …
            longest: The longest wait.
            forget: After how long without an attempt the failures are forgotten.
            most: How many counters are kept; the longest unused goes first.
        """
        self._clock = clock
        self._free = free
        self._longest_s = longest.total_seconds()
        self._forget_s = forget.total_seconds()
        self._most = most
        self._by_key: OrderedDict[str, _Failures] = OrderedDict()

    def check(self, key: str) -> None:
        """Let an attempt go on, or not.

        Raises:
            Throttled: It comes too early.
        """
        failures = self._by_key.get(key)
        now = self._clock().timestamp()
        if failures is not None and now < failures.next:
            raise Throttled(math.ceil(failures.next - now))

    def begin(self, key: str) -> None:
        """Count an attempt as failed until it is known better, so that many at once do not slip through."""
        now = self._clock().timestamp()
        failures = self._by_key.setdefault(key, _Failures())
        if now - failures.last > self._forget_s:
            failures.count = 0
        failures.count += 1
        failures.last = now
        if failures.count >= self._free:
            failures.next = now + min(self._longest_s, 2.0 ** min(failures.count - self._free, 30))
        self._by_key.move_to_end(key)
        if len(self._by_key) > self._most:
            self._by_key.popitem(last=False)

    def take_back(self, key: str) -> None:
        """Forget the attempt counted last: it did not fail."""
        failures = self._by_key.get(key)
        if failures is not None:
            failures.count = max(failures.count - 1, 0)
            failures.next = 0.0

    def clear(self, key: str) -> None:
        """Forget all failures."""
        self._by_key.pop(key, None)
