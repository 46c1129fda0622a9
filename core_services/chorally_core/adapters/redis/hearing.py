"""Hears what other processes tell through Redis, for as long as there is a Redis to hear it from."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from chorally_core.adapters.redis.errors import Unavailable
from chorally_core.ports.coordination import Coordination

log = structlog.get_logger(__name__)

_FIRST_S, _MOST_S = 0.25, 5.0

Hear = Callable[[Callable[[], None], Callable[[str], None]], Awaitable[None]]
"""Subscribes, calls the first once that is done and the second with each place told; ends when the connection does."""


class Hearing:
    """Holds one subscription and wakes the listeners of this process.

    It ends with ``lost``, when others found Redis away, and begins anew with ``begin``. A subscription that is lost
    by itself is renewed, at once and then at growing intervals.
    """

    def __init__(
        self,
        hear: Hear,
        local: Coordination,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Prepare; nothing is subscribed to.

        Args:
            hear: Subscribes.
            local: Has the listeners of this process.
            sleep: Waits between subscriptions.
            jitter: Gives a number from 0 to 1, which spreads the waits from half to all of what they would be.
        """
        self._hear = hear
        self._local = local
        self._sleep = sleep
        self._jitter = jitter
        self._places: Counter[str] = Counter()
        self._told: set[str] = set()
        self._running: asyncio.Task[None] | None = None
        self._passing: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def listen(self, place: str, woken: Callable[[], None]) -> Callable[[], None]:
        """Have something called whenever a place is woken; return what ends that."""
        end_locally = self._local.listen(place, woken)
        self._places[place] += 1
        ended = False

        def end() -> None:
            nonlocal ended
            if not ended:
                ended = True
                end_locally()
                self._places[place] -= 1
                self._places += Counter()  # forgets places where nobody listens

        return end

    def begin(self) -> Awaitable[object]:
        """Subscribe in a task of its own, anew where there was one; what is returned can wait until it was tried."""
        self.lost()
        tried = asyncio.get_running_loop().create_future()
        self._running = self._task(self._run(tried), "redis subscription")
        self._running.add_done_callback(lambda _: _done(tried))
        return tried

    def lost(self) -> None:
        """Stop hearing."""
        if self._running is not None:
            self._running.cancel()

    async def end(self) -> None:
        """Stop hearing, and return once that is done."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _task(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, tried: asyncio.Future[None]) -> None:
        failures = 0

        def subscribed() -> None:
            nonlocal failures
            failures = 0
            for place in self._places:
                self._pass_on(place)
            _done(tried)

        while True:
            try:
                await self._hear(subscribed, self._pass_on)
            except Unavailable as error:
                log.info("wake-ups of other processes do not come", reason=str(error))
            except Exception:  # whatever it is, the next subscription may go well
                log.exception("the subscription to wake-ups failed in an unforeseen way")
            _done(tried)
            await self._sleep(min(_MOST_S, _FIRST_S * 2.0 ** min(failures, 30)) * (0.5 + 0.5 * self._jitter()))
            failures += 1

    def _pass_on(self, place: str) -> None:
        """Wake who listens here, once for all that is told before that begins."""
        self._told.add(place)
        if self._passing is None or self._passing.done():
            self._passing = self._task(self._wake(), "redis wake-ups here")

    async def _wake(self) -> None:
        while self._told:
            await self._local.wake(self._told.pop())


def _done(tried: asyncio.Future[None]) -> None:
    if not tried.done():
        tried.set_result(None)
