"""What stands where an application service does: takes Synapse's transactions as the host would."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from chorally_matrix import Matrix
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import connect
from tests.real.matrix_server import Server, now

PATIENCE_S = 150  # Synapse waits up to that long after it found nobody


@dataclass
class Receiver:
    """Judges and parses what comes; each transaction once, by its id."""

    server: Server
    connector: Matrix = field(default_factory=lambda: connect(Matrix, for_app=True))
    verdicts: list[sdk.Verdict] = field(default_factory=list)
    events: list[sdk.Event] = field(default_factory=list)
    hooks: list[sdk.RawHook] = field(default_factory=list)
    refuses: int = 0
    """How many transactions are still answered as if they could not be taken."""
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        body = b""
        while True:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        hook = sdk.RawHook(
            method=scope["method"], path=scope["path"], headers=headers, body=body, received_at=now(),
            account=self.server.as_id,
        )  # fmt: skip
        verdict = self._taken(hook)
        told = [(b"content-type", verdict.media_type.encode()), (b"content-length", b"%d" % len(verdict.body))]
        await send({"type": "http.response.start", "status": verdict.status, "headers": told})
        await send({"type": "http.response.body", "body": verdict.body})
        async with self._came:
            self._came.notify_all()

    def _taken(self, hook: sdk.RawHook) -> sdk.Verdict:
        if self.refuses and hook.method == "PUT":
            self.refuses -= 1
            return sdk.Verdict(kind="reject", status=503)
        verdict = self.connector.verify(hook, sdk.Keys(secrets={"hs_token": (SecretStr(self.server.hs_token),)}))
        self.verdicts.append(verdict)
        if verdict.kind == "accept":
            self.hooks.append(hook)
            self.events += self.connector.parse(hook)
        return verdict

    async def until(self, wanted: Any) -> sdk.Event:
        """Wait for an event of which something holds, and return it."""
        async with asyncio.timeout(PATIENCE_S), self._came:
            while True:
                for event in self.events:
                    if wanted(event):
                        return event
                await self._came.wait()


@asynccontextmanager
async def receiving(server: Server) -> AsyncIterator[Receiver]:
    """Listen where Synapse was told that the application service is."""
    at = urlsplit(server.as_url)
    receiver = Receiver(server)
    config = uvicorn.Config(receiver, log_level="critical", ws="none", lifespan="off", timeout_graceful_shutdown=1)
    serving = uvicorn.Server(config)
    with socket.create_server((at.hostname or "127.0.0.1", at.port or 80)) as listening:
        task = asyncio.create_task(serving.serve(sockets=[listening]))
        yield receiver
        serving.should_exit = True
        await task
