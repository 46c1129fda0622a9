"""A line between a connector and its server that can be cut."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress


class Line:
    """A line between a connector and its server that can be cut."""

    def __init__(self, to_port: int, cut_at: bytes) -> None:
        self._to_port = to_port
        self._cut_at = cut_at
        self._writers: list[asyncio.StreamWriter] = []
        self._moved = asyncio.Event()
        self._refuses = False
        self.port = 0

    def refuse(self, refuses: bool) -> None:
        """Let nobody through from now on, or everybody again."""
        self._refuses = refuses

    def cut(self) -> None:
        """Close all connections on the line."""
        for writer in self._writers:
            writer.transport.abort()

    async def quiet(self) -> None:
        """Return when nothing has moved for a while: the client waits."""
        while True:
            self._moved.clear()
            try:
                async with asyncio.timeout(0.3):
                    await self._moved.wait()
            except TimeoutError:
                return

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes both ways; what the server says after ``cut_at`` was sent does not come through."""
        if self._refuses:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
        self._writers += [writer, far_writer]
        deaf = asyncio.Event()

        async def there() -> None:
            tail = b""
            while data := await reader.read(65536):
                self._moved.set()
                tail = (tail + data)[-65536:]
                if self._cut_at and self._cut_at in tail:
                    deaf.set()
                far_writer.write(data)
                await far_writer.drain()

        async def back() -> None:
            while data := await far_reader.read(65536):
                self._moved.set()
                if deaf.is_set():
                    self.cut()
                    return
                writer.write(data)
                await writer.drain()

        with suppress(OSError):
            await _first_done(there(), back())
        self.cut()


async def _first_done(*coroutines: Awaitable[None]) -> None:
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def a_faulty_line(to_port: int, cut_at: bytes = b"") -> AsyncIterator[Line]:
    """A line to a server on this machine."""
    line = Line(to_port, cut_at)
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    line.port = int(server.sockets[0].getsockname()[1])
    try:
        yield line
    finally:
        line.cut()
        server.close()
