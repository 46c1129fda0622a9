"""Serves a system over HTTP until it is told to stop."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, TypeVar

import uvicorn

import chorally_sdk as sdk

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the fastest event loop there is, collecting cycles seldom.

    Nearly all that a message leaves behind is freed at once; frequent collections only walk the caches.
    """
    gc.set_threshold(50_000, 20, 100)
    if sys.platform == "win32":
        return asyncio.run(main)
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


class _Server(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config, *, signals: bool) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self._signals = signals

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals, unless whoever embeds the server does.

        They are not raised once more when the server has ended, as uvicorn's own would be: the process would
        die of them before it has finished what is under way.
        """
        if not self._signals:
            yield
            return
        before = {kind: signal.signal(kind, self.handle_exit) for kind in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for kind, handler in before.items():
                signal.signal(kind, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.listening.set()


def _config(app: sdk.ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        backlog=4096,
    )


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    Raises:
        OSError: The address is taken, or not this machine's.
    """
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=4096)


def url_of(listener: socket.socket) -> str:
    """Return the URL at which a socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.asynccontextmanager
async def served(app: sdk.ASGIApp, listener: socket.socket) -> AsyncIterator[str]:
    """Serve an application beside other work, for as long as the context lasts; yields its URL."""
    server = _Server(_config(app), signals=False)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    try:
        await server.listening.wait()
        yield url_of(listener)
    finally:
        server.should_exit = True
        await task


async def serve(app: sdk.ASGIApp, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve an application until the process is asked to stop."""
    server = _Server(_config(app), signals=True)

    async def tell() -> None:
        await server.listening.wait()
        ready()

    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    telling = asyncio.create_task(tell())
    try:
        await server.serve(sockets=[listener])
    finally:
        telling.cancel()
