"""One of many does the work, and all others wait for it: across tasks, and across threads with loops of their own."""

import asyncio
import contextlib
import copy
import threading
from collections.abc import Awaitable, Callable

from chorally_sdk.errors import ConnectorError


class _Flight:
    """Work under way, and who waits for it."""

    def __init__(self) -> None:
        self.waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self.error: Exception | None = None


class Flights:
    """Work by name, each under way at most once."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._under_way: dict[str, _Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Return when the work of this name, begun here or by another, has ended.

        Whoever began it may be cancelled: the work goes on for the others.

        Raises:
            Exception: What the work raised, to all who waited for it.
        """
        landed = asyncio.get_running_loop().create_future()
        with self._guard:
            flight = self._under_way.get(name)
            is_first = flight is None
            if flight is None:
                flight = self._under_way[name] = _Flight()
            flight.waiting.append((asyncio.get_running_loop(), landed))
        if is_first:
            task = asyncio.create_task(self._fly(name, flight, work))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await landed
        if flight.error is not None:
            told = copy.copy(flight.error) if isinstance(flight.error, ConnectorError) else flight.error
            raise told from flight.error.__cause__

    async def _fly(self, name: str, flight: _Flight, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:
            flight.error = error
        finally:  # cancelled with its loop: the others look again, and one of them takes its place
            with self._guard:
                del self._under_way[name]
                waiting = flight.waiting
            for loop, landed in waiting:
                with contextlib.suppress(RuntimeError):  # its loop has ended, and who waited with it
                    loop.call_soon_threadsafe(_land, landed)


def _land(landed: "asyncio.Future[None]") -> None:
    if not landed.done():
        landed.set_result(None)
