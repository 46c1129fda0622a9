"""A token server on this machine's own address whose refresh tokens work once: a second use ends everything."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl

import uvicorn

FIRST = "refresh-1"


class OnceServer:
    """An ASGI application that counts what it is asked."""

    def __init__(self) -> None:
        self.calls = 0
        self.refused = 0
        self._serial = 1
        self._guard = threading.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a refresh, slowly enough that others come meanwhile."""
        if scope["type"] != "http":
            return
        sent = dict(parse_qsl((await receive())["body"].decode()))
        with self._guard:
            self.calls += 1
            good = sent.get("refresh_token") == f"refresh-{self._serial}"
            if good:
                self._serial += 1
            else:
                self.refused += 1
            told = f'{{"access_token": "access-{self._serial}", "refresh_token": "refresh-{self._serial}", '
            body = (told + '"expires_in": "3600"}' if good else '{"error": "invalid_grant"}').encode()
        await asyncio.sleep(0.05)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200 if good else 400, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve an application and give its URL."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # so that who comes before the server runs waits for it
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", loop="asyncio"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
