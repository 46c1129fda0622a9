"""The sandbox as a whole: one page, its Graph API, its webhooks, and its faults."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from chorally_facebook.sandbox.control import Control
from chorally_facebook.sandbox.faults import Faults
from chorally_facebook.sandbox.graph import Graph, change
from chorally_facebook.sandbox.hooks import Hooks
from chorally_facebook.sandbox.world import Comment, World

_SETTINGS = {
    **dict.fromkeys(("page_id", "page_name", "access_token"), "world"),
    **dict.fromkeys(("callback_url", "app_secret", "verify_token", "duplicate_probability", "deliver"), "hooks"),
    **dict.fromkeys(("retry_s", "retry_max_s"), "hooks"),
    **dict.fromkeys(("echo", "page_size"), "graph"),
    "hold_s": "faults",
}


def _utc_now() -> datetime:
    return datetime.now(UTC)


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
        self.rng = random.Random(seed)  # noqa: S311 - chance that can be repeated, not a secret
        self.world = World(now)
        self.faults = Faults(self.rng, sleep)
        self.hooks = Hooks(now=now, faults=self.faults, rng=self.rng, transport=callback, sleep=sleep)
        self.graph = Graph(self.world, self.hooks, self.faults)
        graph = Route("/{path:path}", self.graph.__call__, methods=["GET", "POST", "DELETE"])
        self.app = Starlette(routes=[*Control(self).routes(), graph], lifespan=self._lifespan)

    def configure(self, *, seed: int | None = None, **settings: Any) -> None:
        """Set what ``POST /_sandbox/configure`` sets.

        Raises:
            ValueError: There is no such setting, or the page's id is set after something was posted.
        """
        if seed is not None:
            self.rng.seed(seed)
        if settings.get("page_id", self.world.page_id) != self.world.page_id and self.world.posts:
            raise ValueError("the page's id cannot change once it has posts; start another sandbox")
        for name, value in settings.items():
            if name not in _SETTINGS:
                raise ValueError(f"there is no setting {name!r}; there are {', '.join(_SETTINGS)}")
            setattr(getattr(self, _SETTINGS[name]), name, value)
        self.hooks.wake()

    def comment(
        self,
        author_id: str,
        message: str,
        *,
        author_name: str = "",
        post_id: str | None = None,
        parent_id: str | None = None,
        webhook: bool = True,
    ) -> Comment:
        """Let a person comment on a post (the newest where none is named), or reply to a comment.

        Raises:
            KeyError: There is no such post or comment.
        """
        under = parent_id or post_id or self.world.latest_post().id
        made = self.world.comment(author_id, author_name, message, under)
        self._tell(made, "add", webhook=webhook)
        return made

    def change(
        self, comment_id: str, *, message: str | None = None, is_hidden: bool | None = None, webhook: bool = True
    ) -> None:
        """Let a comment be edited, hidden or shown again.

        Raises:
            KeyError: There is no such comment.
        """
        comment = self.world.comments[comment_id]
        if message is not None:
            comment.message = message
            self.world.touch(comment)
            self._tell(comment, "edited", webhook=webhook)
        if is_hidden is not None:
            comment.is_hidden = is_hidden
            self._tell(comment, "hide" if is_hidden else "unhide", webhook=webhook)

    def remove(self, comment_id: str, *, webhook: bool = True) -> None:
        """Let a comment be removed, with the replies to it.

        Raises:
            KeyError: There is no such comment.
        """
        comment = self.world.comments[comment_id]
        self.world.remove(comment)
        self._tell(comment, "remove", webhook=webhook)

    def state(self) -> dict[str, Any]:
        """Show everything: posts, comments, copies of our replies, and what became of the webhooks."""
        hooks = self.hooks
        return {
            "page": {"id": self.world.page_id, "name": self.world.page_name},
            "posts": [_plain(asdict(post)) for post in self.world.posts.values()],
            "comments": [_plain(asdict(comment)) for comment in self.world.comments.values()],
            "replies": self.world.replies(),
            "hooks": {
                "waiting": hooks.waiting,
                "delivered": hooks.delivered,
                "duplicated": hooks.duplicated,
                "refused": hooks.refused,
            },
            "faults": {
                "happened": self.faults.happened,
                "waiting": [fault.model_dump() for fault in self.faults.waiting],
            },
        }

    def transport(self) -> httpx.ASGITransport:
        """Return a transport that reaches the sandbox without a network."""
        return httpx.ASGITransport(app=self.app)

    async def aclose(self) -> None:
        """Stop sending webhooks."""
        await self.hooks.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _tell(self, comment: Comment, verb: str, *, webhook: bool) -> None:
        if webhook:
            self.hooks.add((self.world.page_id, change(comment, verb, self.world.now())))

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        yield
        await self.aclose()


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in record.items()}
