"""Serves a system over HTTP until it is told to stop."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from types import FrameType
from typing import Any, NamedTuple, Self, TypeVar

import structlog
import uvicorn

import chorally_sdk as sdk
from chorally_core.slow_clients import Bounds, bounded
from chorally_core.telemetry.tasks import where

log = structlog.get_logger(__name__)

T = TypeVar("T")

_LEFTOVERS_S = 5.0  # that tasks and threads have which are left once everything is closed
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the fastest event loop there is, collecting cycles seldom.

    Nearly all that a message leaves behind is freed at once; frequent collections only walk the caches.
    """
    gc.set_threshold(50_000, 20, 100)
    factory = None
    if sys.platform != "win32":
        import uvloop

        factory = uvloop.new_event_loop
    runner = asyncio.Runner(loop_factory=factory)
    try:
        return runner.run(main)
    finally:
        status = 1 if sys.exc_info()[0] else 0
        cut_off = threading.Timer(_LEFTOVERS_S, _end_at_once, [status, runner.get_loop()])
        cut_off.daemon = True
        cut_off.start()
        runner.close()  # waits for whatever is left, for ever
        cut_off.cancel()


def _end_at_once(status: int, loop: asyncio.AbstractEventLoop) -> None:
    """End the process although something goes on in it: everything is closed, so nothing is lost."""
    left = [f"{task.get_name()} at {where(task)}" for task in asyncio.all_tasks(loop)]
    log.error("something does not end, and is cut off", tasks=left, threads=[t.name for t in threading.enumerate()])
    os._exit(status)


class Ending:
    """Tells that the process shall end: the first signal asks for it, the second one ends it at once.

    A process that ends at once loses nothing, as at any other kill; it only leaves more to whoever comes next.
    """

    def __init__(self) -> None:
        self.told = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._before = {kind: signal.signal(kind, self._handle) for kind in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for kind, handler in self._before.items():
            signal.signal(kind, handler)

    def _handle(self, _: int, __: FrameType | None) -> None:
        for kind in _SIGNALS:
            signal.signal(kind, signal.SIG_DFL)
        self._loop.call_soon_threadsafe(self.told.set)

    async def before(self, work: Awaitable[None]) -> bool:
        """Do something unless the process shall end; return whether it was done. What it raises is raised."""
        doing = asyncio.ensure_future(work)
        told = asyncio.create_task(self.told.wait())
        try:
            await asyncio.wait((doing, told), return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                await doing
            return doing.done()
        finally:
            for task in (doing, told):
                task.cancel()
            await asyncio.gather(doing, told, return_exceptions=True)


class _Server(uvicorn.Server):
    """A server that says when it listens, and leaves signals to whoever embeds it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle none."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.listening.set()


class Reach(NamedTuple):
    """Who may connect, and how long they may take."""

    proxies: Sequence[str] = ("127.0.0.1", "::1")
    """Addresses and networks whose word counts for who asks."""
    connections: int = 10_000
    bounds: Bounds = Bounds()


def _config(app: sdk.ASGIApp, reach: Reach) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=bounded(reach.bounds),
        ws="none",
        limit_concurrency=reach.connections,
        forwarded_allow_ips=list(reach.proxies),
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
async def served(app: sdk.ASGIApp, listener: socket.socket, reach: Reach = Reach()) -> AsyncIterator[str]:  # noqa: B008
    """Serve an application for as long as the context lasts; yields its URL.

    At the end no connection is taken any more, and requests under way have ten seconds.

    Args:
        app: What is served.
        listener: Where.
        reach: Who may connect, and how long they may take.
    """
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    server = _Server(_config(app, reach))
    task = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    try:
        await server.listening.wait()
        yield url_of(listener)
    finally:
        server.should_exit = True
        await task


async def serve(app: sdk.ASGIApp, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve an application until the process is asked to stop."""
    with Ending() as ending:
        async with served(app, listener):
            ready()
            await ending.told.wait()
