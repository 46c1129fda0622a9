"""Server-sent events: an answer that goes on until its reader leaves, or takes too long to read."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import structlog
from fastapi import Response

log = structlog.get_logger(__name__)


def sent_event(data: str, *, event: str = "", name: str = "") -> bytes:
    """Return one event as it goes over the wire; ``data`` must be one line."""
    head = (f"id: {name}\n" if name else "") + (f"event: {event}\n" if event else "")
    return f"{head}data: {data}\n\n".encode()


class EventStream(Response):
    """Sends events as they come.

    Nothing is kept for a reader: the next event is asked for once the last one went out. A reader that does
    not take one in time is let go, and resumes with ``Last-Event-ID``.
    """

    media_type = "text/event-stream"

    def __init__(
        self, events: AsyncGenerator[bytes, None], *, on_end: Callable[[], None], patience_s: float = 30.0
    ) -> None:
        """Prepare the answer.

        Args:
            events: What to send.
            on_end: Called when the reader has left or was let go.
            patience_s: Seconds that a reader may take for one event.
        """
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._on_end = on_end
        self._patience_s = patience_s

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send until the events or the reader end."""
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
            outcome = (await asyncio.gather(sending, leaving, return_exceptions=True))[0]
            await self._events.aclose()
            self._on_end()
        if isinstance(outcome, TimeoutError):
            log.info("a reader of events was too slow and is let go")
        elif isinstance(outcome, Exception):
            raise outcome

    async def _send(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for event in self._events:
            async with asyncio.timeout(self._patience_s):
                await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
