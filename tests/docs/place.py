"""What a reader has before them, in process: the real system, and what stands for platforms."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from chorally_core.bootstrap import System
from chorally_facebook.sandbox import Sandbox

from tests.docs.shell import Shell

API = "http://127.0.0.1:8080"


class Clock:
    """The time, which can be moved on."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC) + self.ahead


@dataclass
class Place:
    """What a reader has before them: a system that runs, and a Facebook page."""

    system: System
    page: Sandbox
    http: httpx.AsyncClient
    clock: Clock

    def shell(self, *, placed: Callable[[Any], Any] = lambda body: body, signed_in: bool = True) -> Shell:
        """Return a shell; signed in, it has a token of an administrator of the tenant ``acme``."""
        variables = {"API": API}
        if signed_in:
            variables["TOKEN"] = self.system.token("acme", "admin")
        return Shell(self.http, variables, placed=placed)


class Platforms(httpx.AsyncBaseTransport):
    """What outgoing requests of the tests reach, by host; nothing else is there."""

    def __init__(self) -> None:
        self.by_host: dict[str, httpx.AsyncBaseTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Hand the request to whom it is for."""
        return await self.by_host[request.url.host].handle_async_request(request)
