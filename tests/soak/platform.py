"""The platform of the crash test, which here may be slow, and notes when people speak."""

import asyncio
import time
from typing import Any

from tests.crash.page import Page
from tests.crash.plan import Plan


class Platform(Page):
    """A page with people and faults, and a clock."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.said_at: dict[str, float] = {}
        """When each comment was made of which a webhook tells, by this machine's monotonic clock."""
        self.slow_s = 0.0
        """How long the API takes to answer, besides what it needs."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request, in its own time."""
        if self.slow_s and scope["type"] == "http":
            await asyncio.sleep(self.slow_s)
        await super().__call__(scope, receive, send)

    def comment(self, author_id: str, text: str) -> None:
        """Let a person comment."""
        super().comment(author_id, text)
        said = self.said[next(reversed(self.said))]
        if said.is_told:
            self.said_at[said.id] = time.monotonic()
