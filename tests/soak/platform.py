"""The platform of the crash test, which here may be slow, and notes when it was answered 200."""

import asyncio
import json
import time
from collections import Counter
from typing import Any

import httpx

from tests.crash.page import Page
from tests.crash.plan import Plan


class _Noting(httpx.AsyncHTTPTransport):
    """Sends webhooks, and notes what was answered 200, and when each new comment was for the first time."""

    def __init__(self, taken: Counter[bytes], accepted_at: dict[str, float]) -> None:
        super().__init__()
        self._taken = taken
        self._accepted_at = accepted_at

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one."""
        answer = await super().handle_async_request(request)
        if request.method == "POST" and answer.status_code == 200:
            now = time.monotonic()
            self._taken[request.content] += 1
            for entry in json.loads(request.content)["entry"]:
                for change in entry["changes"]:
                    if change["value"]["verb"] == "add" and "comment_id" in change["value"]:
                        self._accepted_at.setdefault(change["value"]["comment_id"], now)
        return answer


class Platform(Page):
    """A page with people and faults, and a clock."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._all_accepted_at: dict[str, float] = {}
        self.accepted_at: dict[str, float] = {}
        """When each comment of a person was answered 200 for the first time, by this machine's monotonic clock."""
        self.sandbox.hooks.transport = _Noting(self.taken, self._all_accepted_at)
        self.slow_s = 0.0
        """How long the API takes to answer, besides what it needs."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request, in its own time."""
        if self.slow_s and scope["type"] == "http":
            await asyncio.sleep(self.slow_s)
        await super().__call__(scope, receive, send)

    def accepted(self) -> dict[str, float]:
        """Return when each comment of a person was answered 200."""
        for name in self._all_accepted_at.keys() - self.accepted_at.keys():
            if name in self.said:
                self.accepted_at[name] = self._all_accepted_at[name]
        return self.accepted_at
