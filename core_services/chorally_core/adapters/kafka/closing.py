"""Ends clients of aiokafka in bounded time, also while no broker answers, so that nothing of them runs on."""

import asyncio
from typing import Any

import structlog

log = structlog.get_logger(__name__)

CLOSE_S = 10.0
_CUT_S = 2.0


async def close(client: Any) -> None:
    """Stop a producer or consumer; one that cannot reach its broker any more is cut off after a while."""
    stopping = asyncio.ensure_future(client.stop())  # by itself: 0.14 lets cancellations of its own parts out
    try:
        await asyncio.wait({stopping}, timeout=CLOSE_S)
    finally:
        stopping.cancel()
    failed: BaseException | None = (await asyncio.gather(stopping, return_exceptions=True))[0]
    if failed is not None:
        log.warning("a Kafka client did not end cleanly", client=type(client).__name__, error=repr(failed))
        await _cut_off(client)


_PARTS = (
    ("_coordinator", "_stop_heartbeat_task"),
    ("_fetcher", "close"),
    ("_sender", "close"),
    ("_client", "close"),
    ("client", "close"),
)


async def _cut_off(client: Any) -> None:
    """End what runs on in a client whose ``stop`` was cut short, for which aiokafka 0.14 has no public way.

    A heartbeat above all: it would keep partitions from the other members.
    """
    for part, method in _PARTS:
        owner = getattr(client, part, None)
        if owner is not None:
            ending = asyncio.ensure_future(getattr(owner, method)())
            await asyncio.wait({ending}, timeout=_CUT_S)
            ending.cancel()
            await asyncio.gather(ending, return_exceptions=True)
    batches = getattr(client, "_message_accumulator", None)
    if batches is not None:  # its flush waits for what will not be sent any more
        flushing = [task for task in asyncio.all_tasks() if _belongs(task, batches)]
        for task in flushing:
            task.cancel()
        await asyncio.gather(*flushing, return_exceptions=True)


def _belongs(task: asyncio.Task[Any], owner: Any) -> bool:
    """Say whether a task runs a method of an object."""
    frame = getattr(task.get_coro(), "cr_frame", None)
    return frame is not None and frame.f_locals.get("self") is owner
