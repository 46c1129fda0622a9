"""Whether the process can do its work now, and what it goes without."""

import asyncio
import time
from collections.abc import Awaitable, Callable

_KEPT_S = 1.0  # seconds for which an answer of the documents is believed
_PATIENCE_S = 2.0  # seconds that they may take for it


class Readiness:
    """Answers ``/readyz``: what stands in the way, by the parts that there are."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._asked: list[Callable[[], list[str]]] = []
        self._reach: Callable[[], Awaitable[object]] | None = None
        self._reached: tuple[float, str] = (float("-inf"), "")
        self._one = asyncio.Lock()
        self.started = False
        self.stopping = False

    def ask(self, part: Callable[[], list[str]]) -> None:
        """Have a part asked what stands in its way, each time; it must not wait for anything."""
        self._asked.append(part)

    def reach(self, documents: Callable[[], Awaitable[object]]) -> None:
        """Have something read from documents that may be out of reach, at most once a second."""
        self._reach = documents

    async def __call__(self) -> list[str]:
        """Say what stands in the way of working."""
        if self.stopping:
            return ["stopping"]
        if not self.started:
            return ["not started"]
        reasons = [reason for part in self._asked for reason in part()]
        if self._reach is not None and (unreached := await self._documents(self._reach)):
            reasons.append(unreached)
        return reasons

    async def _documents(self, reach: Callable[[], Awaitable[object]]) -> str:
        async with self._one:
            at, said = self._reached
            if self._monotonic() - at >= _KEPT_S:
                said = await _tried(reach)
                self._reached = (self._monotonic(), said)
            return said


async def _tried(reach: Callable[[], Awaitable[object]]) -> str:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await reach()
    except TimeoutError:
        return f"the documents have not answered for {_PATIENCE_S:.0f} s"
    except Exception as error:
        return f"the documents cannot be read: {type(error).__name__}"
    return ""
