"""The server's side of a connection, bounded: nobody holds one for ever by saying little, or by taking nothing.

uvicorn bounds the time between requests only. Here a request's head must be complete within some seconds and a bounded
size, its body must come at some pace, and an answer must be taken.
"""

from asyncio import TimerHandle
from collections.abc import Callable
from typing import Any, NamedTuple

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Bounds(NamedTuple):
    """What a client may take."""

    head_s: float = 15.0
    """Seconds from the connection, or the first byte of a request, until its head is there."""
    head_bytes: int = 64 * 1024
    """Of the request line and all headers together."""
    body_grace_s: float = 15.0
    """Seconds in which a body may come as slowly as it will."""
    body_rate: int = 512
    """Bytes a second that a body must come with on the whole, after the grace."""
    answer_s: float = 60.0
    """Seconds in which a client may take nothing of an answer that waits for it."""


_TOO_LARGE = b"the request's head may have %d bytes"
_TOO_SLOW = b"the request came too slowly"
_REFUSAL = (
    b"HTTP/1.1 %d %s\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
)
_REASONS = {408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


def bounded(bounds: Bounds) -> type[HttpToolsProtocol]:
    """Return the protocol with these bounds."""
    return type("BoundedProtocol", (_Bounded,), {"bounds": bounds})


class _Bounded(HttpToolsProtocol):
    """A request that comes whole sets no timer."""

    bounds = Bounds()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._timer: TimerHandle | None = None
        self._answer_timer: TimerHandle | None = None
        self._in_head = True
        self._has_begun = False
        self._head_bytes = 0
        self._body_bytes = 0
        self._body_due = 0.0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._after(self.bounds.head_s, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        if self._answer_timer is not None:
            self._answer_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head and self._head_bytes > self.bounds.head_bytes:
            self._refuse(431, _TOO_LARGE % self.bounds.head_bytes)
        elif self._timer is None and not self._in_head:
            self._body_due = self.loop.time() + self.bounds.body_grace_s
            self._after(self.bounds.body_grace_s, self._look_at_body)
        elif self._timer is None and self._has_begun:
            self._after(self.bounds.head_s, self._too_slow)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._has_begun = True

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._body_bytes = 0
        self._stop()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._stop()
        self._head_bytes = 0
        self._in_head, self._has_begun = True, False
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._answer_timer is None:
            self._answer_timer = self.loop.call_later(self.bounds.answer_s, self._nothing_taken)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer = None

    def _after(self, wait_s: float, act: Callable[[], None]) -> None:
        self._stop()
        self._timer = self.loop.call_later(wait_s, act)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_at_body(self) -> None:
        """See whether the body keeps its pace; where we do not read, the client is not to blame."""
        if self.flow.read_paused:
            self._body_due = self.loop.time() + self.bounds.body_grace_s
            self._body_bytes = 0
        elif self._body_bytes < (self.loop.time() - self._body_due) * self.bounds.body_rate:
            self._too_slow()
            return
        self._after(1.0, self._look_at_body)

    def _too_slow(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        answered = self.cycle is None or self.cycle.response_complete
        if self._in_head and self._has_begun and answered:
            self._refuse(408, _TOO_SLOW)
        else:  # nothing was asked; or what serves the request sees that the client has left
            self.transport.close()

    def _nothing_taken(self) -> None:
        self._answer_timer = None
        self.transport.abort()

    def _refuse(self, status: int, why: bytes) -> None:
        self._stop()
        self.transport.write(_REFUSAL % (status, _REASONS[status], len(why), why))
        self.transport.close()
