"""A connection is held by nobody who says little or takes nothing; whoever keeps a pace is served."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from chorally_core.serving import Reach, listen, served
from chorally_core.slow_clients import Bounds

QUICK = Bounds(head_s=0.3, head_bytes=2_000, body_grace_s=0.3, body_rate=1_000, answer_s=0.3)
ENDS_S = 10.0
"""Within this everything here must have ended; nothing is waited for that long."""


class App:
    """Reads a body and says how long it was, or answers with more than anybody takes."""

    def __init__(self) -> None:
        self.left = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left.set()
                return
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        if scope["path"] == "/much":
            await self._much(send)
            return
        body = str(size).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _much(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(2_000):
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        self.left.set()


@pytest.fixture
def app() -> App:
    """What is served."""
    return App()


@pytest.fixture
async def port(app: App) -> AsyncIterator[int]:
    """Where it is served, with little patience."""
    listener = listen("127.0.0.1", 0)
    with listener:
        async with served(app, listener, Reach(bounds=QUICK)):
            yield listener.getsockname()[1]


async def said(port: int, *parts: bytes) -> bytes:
    """Return all that is answered to some bytes, until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await writer.drain()
    async with asyncio.timeout(ENDS_S):
        answer = await reader.read()
    writer.close()
    return answer


async def test_a_whole_request_is_served(port: int) -> None:
    """And the connection stays for the next one."""
    get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
    answer = await said(port, get, get, last)
    assert answer.count(b"HTTP/1.1 200") == 3
    assert answer.endswith(b"3")


async def test_who_says_nothing_is_let_go(port: int) -> None:
    """Without an answer: there was no request."""
    assert await said(port) == b""


async def test_a_head_that_never_ends_is_answered_408(port: int) -> None:
    """Also on a connection that has been served before."""
    assert (await said(port, b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")).startswith(b"HTTP/1.1 408 ")
    answer = await said(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"the request came too slowly")


async def test_a_head_that_is_too_large_is_answered_431(port: int) -> None:
    """Whether it is one header or many, a name or a value, or the path; it is not kept until it ends."""
    for head in (b"X: " + b"a" * 5_000, b"\r\n".join(b"X-%d: y" % n for n in range(400)), b"a" * 5_000):
        answer = await said(port, b"GET / HTTP/1.1\r\nHost: x\r\n", head)
        assert answer.startswith(b"HTTP/1.1 431 "), head[:10]
    assert (await said(port, b"GET /" + b"a" * 5_000)).startswith(b"HTTP/1.1 431 ")


async def test_a_body_that_does_not_come_ends_the_request(port: int, app: App) -> None:
    """What serves it sees that the client has left."""
    assert await said(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc") == b""
    assert app.left.is_set()


async def test_a_client_that_takes_nothing_of_an_answer_is_let_go(port: int, app: App) -> None:
    """An answer that nobody reads is not held in memory for ever."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
        await asyncio.get_running_loop().sock_sendall(client, b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(ENDS_S):
            await app.left.wait()
