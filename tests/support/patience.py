"""Waiting for what another process does in its own time."""

import asyncio
from collections.abc import Callable
from typing import Any

PATIENCE_S = 60.0


def patiently() -> asyncio.Timeout:
    """Fail what takes longer than anything should."""
    return asyncio.timeout(PATIENCE_S)


async def until(holds: Callable[[], bool], bus: Any) -> None:
    """Return once something holds; a bus tells when it may."""
    async with patiently():
        while not holds():
            await bus.wait(0.05)
