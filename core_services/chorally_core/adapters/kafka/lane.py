"""One partition's way out: what several calls publish goes in batches, one at a time, in the order of the calls."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from chorally_core.adapters.kafka.errors import NotPublished
from chorally_core.adapters.kafka.records import Record

Send = Callable[[Any, str, int], Awaitable[None]]
"""Hands a batch to Kafka, and returns when it is durable."""


class _Part:
    """What one call publishes to one partition."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        self.sent = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Lane:
    """Appends to one partition.

    While a batch is under way the next one gathers. When one fails, so do the calls that have a part in it: what
    they have behind it is not sent, so that repeating a call never leaves its events out of order.
    """

    def __init__(self, topic: str, partition: int, new_batch: Callable[[], Awaitable[Any]], send: Send) -> None:
        self._topic = topic
        self._partition = partition
        self._new_batch = new_batch
        self._send = send
        self._parts: deque[_Part] = deque()
        self._task: asyncio.Task[None] | None = None
        self.since: float | None = None
        """When what is under way began, by the event loop's clock; None where nothing is."""

    def put(self, records: Sequence[Record]) -> asyncio.Future[None]:
        """Line up records; what is returned is done when all of them are durable. To cancel it is to leave it."""
        part = _Part(records)
        self._parts.append(part)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"kafka {self._topic}/{self._partition}")
        return part.done

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        begun: list[_Part] = []
        try:
            while self._parts:
                self.since = loop.time()
                begun = []
                try:
                    batch = await self._new_batch()
                    begun = self._fill(batch)
                    if begun:
                        await self._send(batch, self._topic, self._partition)
                except Exception as error:
                    if not begun:  # there is not even a batch: nothing that waits can go
                        begun = list(self._parts)
                        self._parts.clear()
                    self._fail(begun, error)
                else:
                    for part in begun:
                        if part.sent == len(part.records) and not part.done.done():
                            part.done.set_result(None)
        finally:
            self._task = self.since = None
            self._fail((*begun, *self._parts), ConnectionError("the bus was stopped"))

    def _fill(self, batch: Any) -> list[_Part]:
        """Move what fits into a batch; return the calls that have a part in it."""
        begun: list[_Part] = []
        while self._parts:
            part = self._parts[0]
            if not part.done.done():
                begun.append(part)
                for key, value, headers in part.records[part.sent :]:
                    if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                        return begun
                    part.sent += 1
            self._parts.popleft()
        return begun

    def _fail(self, parts: Sequence[_Part], error: Exception) -> None:
        for part in parts:
            if not part.done.done():
                refused = NotPublished(f"Kafka did not take events for {self._topic}: {error!r}")
                refused.__cause__ = error
                part.done.set_exception(refused)

    async def stop(self) -> None:
        """Give up what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
