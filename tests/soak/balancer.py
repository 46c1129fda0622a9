"""One address for many processes: passes connections on to those that say they are ready, in turn."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count

import httpx

_PIECE = 65_536
_ASKED_S = 0.5


class Balancer:
    """Copies bytes between its clients and the processes behind; one that is not ready or refuses is passed by."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = list(ports)
        self._ready = list(ports)
        self._turn = count()
        self._open: dict[int, set[asyncio.StreamWriter]] = {port: set() for port in ports}
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve; yields the URL."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        asking = asyncio.create_task(self._ask(), name="balancer")
        try:
            yield self.url
        finally:
            asking.cancel()
            server.close()

    async def _ask(self) -> None:
        """Ask all whether they are ready, again and again."""
        async with httpx.AsyncClient(trust_env=False, timeout=2.0) as http:
            while True:
                answers = await asyncio.gather(*(_is_ready(http, port) for port in self._ports))
                self._ready = [port for port, ready in zip(self._ports, answers, strict=True) if ready]
                for port, open_ones in self._open.items():
                    if port not in self._ready:  # connections that are kept alive must not lead there for ever
                        for writer in open_ones:
                            writer.transport.abort()
                await asyncio.sleep(_ASKED_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind = await self._behind()
        if behind is None:  # as a balancer without healthy targets does
            writer.transport.abort()
            return
        port, there, back = behind
        self._open[port].add(writer)
        try:
            await asyncio.gather(_copy(reader, back), _copy(there, writer))
        finally:
            self._open[port].discard(writer)
            for one in (writer, back):
                one.transport.abort()

    async def _behind(self) -> tuple[int, asyncio.StreamReader, asyncio.StreamWriter] | None:
        first, ready = next(self._turn), self._ready
        for number in range(len(ready)):
            port = ready[(first + number) % len(ready)]
            with contextlib.suppress(OSError):
                return port, *await asyncio.open_connection("127.0.0.1", port)
        return None


async def _is_ready(http: httpx.AsyncClient, port: int) -> bool:
    try:
        return (await http.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
    except httpx.HTTPError:
        return False


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy to the end; where one side breaks off, so does the other."""
    try:
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    except OSError:
        writer.transport.abort()
    with contextlib.suppress(OSError, RuntimeError):
        writer.write_eof()
