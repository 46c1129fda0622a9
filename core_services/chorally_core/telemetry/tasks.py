"""Ends work in bounded time, and says where what does not end has got to."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any

import structlog

log = structlog.get_logger(__name__)

_CUT_S = 1.0  # that work is given to end once it is cancelled
_DEEPEST = 30


def where(task: asyncio.Future[Any]) -> str:
    """Return the lines at which a task waits, the outermost first."""
    places: list[str] = []
    waiting: Any = task.get_coro() if isinstance(task, asyncio.Task) else None
    while waiting is not None and len(places) < _DEEPEST:
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "gi_frame", None)
        if frame is not None:
            places.append(f"{frame.f_code.co_qualname}:{frame.f_lineno}")
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "gi_yieldfrom", None)
    return " > ".join(places)


async def ended(seconds: float, parts: Mapping[str, Awaitable[object]]) -> None:
    """Wait for the ends of parts, but not for long: one that does not end is cancelled, and then left alone.

    What goes wrong with one is logged, and keeps nothing from the others.

    Args:
        seconds: How long they have, all together.
        parts: What ends them, by their names.
    """
    tasks = {name: asyncio.ensure_future(part) for name, part in parts.items()}
    if not tasks:
        return
    await asyncio.wait(tasks.values(), timeout=seconds)
    late = {name: task for name, task in tasks.items() if not task.done()}
    for name, task in late.items():
        log.error("a part did not end in time", part=name, after_s=round(seconds, 1), at=where(task))
        task.cancel()
    if late:
        await asyncio.wait(late.values(), timeout=_CUT_S)
    for name, task in tasks.items():
        failed = task.exception() if task.done() and not task.cancelled() else None
        if failed is not None:
            log.error("a part did not end well", part=name, exc_info=failed)
