"""Ends clients of aiokafka in bounded time, also while no broker answers, so that nothing of them runs on."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger(__name__)

CLOSE_S = 6.0
_CUT_S = 1.0


async def close(client: Any) -> None:
    """Stop a producer or consumer; one that cannot reach its broker any more is cut off after a while."""
    stopping = asyncio.ensure_future(client.stop())  # by itself: 0.14 lets cancellations of its own parts out
    try:
        await asyncio.wait({stopping}, timeout=CLOSE_S)
    finally:
        stopping.cancel()
    await asyncio.wait({stopping}, timeout=_CUT_S)  # parts of it may swallow the cancellation, and go on
    failed = _failure(stopping)
    if failed:
        log.warning("a Kafka client did not end cleanly", client=type(client).__name__, error=failed)
        await _cut_off(client)


def _failure(stopping: asyncio.Task[None]) -> str:
    """Say why a client did not stop; an empty text where it did."""
    if not stopping.done():
        return "it goes on"
    if stopping.cancelled():
        return f"it took more than {CLOSE_S:g} s"
    failed = stopping.exception()
    return "" if failed is None else repr(failed)


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
            await _briefly(getattr(owner, method)())
    batches = getattr(client, "_message_accumulator", None)
    if batches is not None:  # its flush waits for what will not be sent any more
        flushing = [task for task in asyncio.all_tasks() if _belongs(task, batches)]
        for task in flushing:
            task.cancel()
        if flushing:
            await asyncio.wait(flushing, timeout=_CUT_S)


async def _briefly(work: Coroutine[Any, Any, None]) -> None:
    """Do something, but not for long, whatever it does about that."""
    ending = asyncio.ensure_future(work)
    await asyncio.wait({ending}, timeout=_CUT_S)
    ending.cancel()
    ended, _ = await asyncio.wait({ending}, timeout=_CUT_S)
    for task in ended:
        if not task.cancelled() and (failed := task.exception()) is not None:
            log.debug("a part of a Kafka client did not end cleanly", error=repr(failed))


def _belongs(task: asyncio.Task[Any], owner: Any) -> bool:
    """Say whether a task runs a method of an object."""
    frame = getattr(task.get_coro(), "cr_frame", None)
    return frame is not None and frame.f_locals.get("self") is owner
