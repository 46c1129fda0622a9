"""The sandbox as tests and people hold it: one page, on the clock that it is given."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import httpx
from chorally_meta.sandbox import MetaCourier

from chorally_facebook.sandbox.page import PageTwin
from chorally_facebook.sandbox.world import Comment, World
from chorally_sdk.sandbox import Clock


def _utc_now() -> datetime:
    return datetime.now(UTC)


class _Given(Clock):
    """A clock and a sleep that are somebody else's."""

    def __init__(self, now: Callable[[], datetime], sleep: Callable[[float], Awaitable[None]]) -> None:
        super().__init__()
        self._now, self._sleep = now, sleep

    def __call__(self) -> datetime:
        """Tell the time."""
        return self._now()

    async def sleep(self, seconds: float) -> None:
        """Let so much time pass."""
        await self._sleep(seconds)


class Sandbox:
    """A Facebook page that lives in memory.

    ``app`` is served by any ASGI server; tests use ``transport()`` and the methods, within ``async with``.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = _utc_now,
        seed: int = 0,
        callback: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Make an empty page.

        Args:
            now: The clock of the page.
            seed: Of all that is left to chance.
            callback: Takes the webhooks in place of the network.
            sleep: Awaited before a redelivery and while an answer is held, with seconds.
        """
        self.app = PageTwin(clock=_Given(now, sleep), seed=seed, callback=callback)
        self.app.configure(hold_s=1.0)

    @property
    def graph(self) -> PageTwin:
        """Its Graph API."""
        return self.app

    @property
    def world(self) -> World:
        """What is on the page."""
        return self.app.world

    @property
    def hooks(self) -> MetaCourier:
        """Its webhooks."""
        return self.app.courier

    @property
    def faults(self) -> Any:
        """What is still to go wrong."""
        return self.app.faults

    def configure(self, *, seed: int | None = None, **settings: Any) -> None:
        """Set what ``POST /_sandbox/configure`` sets; see ``PageTwin.configure``."""
        self.app.configure(seed=seed, **settings)

    def comment(self, author_id: str, message: str, **more: Any) -> Comment:
        """Let a person comment; see ``CommentRoutes.add_comment``."""
        return self.app.add_comment(author_id, message, **more)

    def change(self, comment_id: str, **changes: Any) -> None:
        """Let a comment be edited, hidden or shown again; see ``CommentRoutes.change_comment``."""
        self.app.change_comment(comment_id, **changes)

    def remove(self, comment_id: str, *, webhook: bool = True) -> None:
        """Let a comment be removed, with the replies to it."""
        self.app.remove_comment(comment_id, webhook=webhook)

    def state(self) -> dict[str, Any]:
        """Show everything; see ``PageTwin.state``."""
        return dict(self.app.state())

    def transport(self) -> httpx.AsyncBaseTransport:
        """Return a transport that reaches the sandbox without a network."""
        return self.app.transport()

    async def aclose(self) -> None:
        """Stop sending webhooks."""
        await self.app.courier.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
