"""The platform: the sandbox, served on loopback, and a memory of everything that was ever on it."""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import httpx
from chorally_core.serving import listen, served
from chorally_facebook.sandbox import Sandbox
from chorally_facebook.sandbox.faults import AnswerLost, Fault, Kind
from starlette.requests import ClientDisconnect

from tests.crash.plan import Plan

Held = Literal["before", "after"]
ECHOES: tuple[Literal["before", "after"], ...] = ("before", "after")
_REPLY_FAULTS: tuple[Kind, ...] = (
    "timeout_before_effect", "timeout_after_effect", "error_500_before", "error_500_after", "connection_reset",
    "connection_reset_after_effect",
)  # fmt: skip
_READ_FAULTS: tuple[Kind, ...] = ("error_500_before", "connection_reset", "timeout_after_effect")
_HOOK_FAULTS: tuple[Kind, ...] = ("error_500_before", "error_500_after", "timeout_after_effect", "bad_signature")
_EDITS_APART_S = 2.1  # Facebook's times have whole seconds: two edits within one could not be told apart


@dataclass(kw_only=True)
class Said:
    """What a person said, as it shall be known in the end."""

    id: str
    author_id: str
    text: str
    is_told: bool
    is_removed: bool = False
    is_hidden: bool = False
    changed_at: float = 0.0


@dataclass(frozen=True)
class Made:
    """A comment of the page that was visible at some time."""

    id: str
    answers: str
    text: str


class _Watched(httpx.AsyncHTTPTransport):
    """Sends webhooks, and remembers what was answered 200."""

    def __init__(self, taken: Counter[bytes]) -> None:
        super().__init__()
        self._taken = taken

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one."""
        answer = await super().handle_async_request(request)
        if request.method == "POST" and answer.status_code == 200:
            self._taken[request.content] += 1
        return answer


class Page:
    """A page with people and faults; ``said`` and ``made()`` are what the core is measured by."""

    def __init__(self, plan: Plan) -> None:
        self.taken: Counter[bytes] = Counter()
        """Bodies of webhooks that were answered 200, and how often."""
        self.sandbox = Sandbox(seed=plan.seed, callback=_Watched(self.taken))
        self.sandbox.configure(hold_s=0.2, retry_s=0.05, retry_max_s=0.4, duplicate_probability=0.15)
        self.is_holding = asyncio.Event()
        """Set while a call that makes a comment is held, as ``hold`` asked for."""
        self._hold: Held | None = None
        self._let_go = asyncio.Event()
        self.said: dict[str, Said] = {}
        self.counts: Counter[str] = Counter()
        self.is_troubled = False
        self._rng = random.Random(f"page {plan.seed}")  # noqa: S311 - chance that can be repeated
        self._gone: list[Made] = []
        self._given: list[Fault] = []
        for _ in range(plan.posts):
            self.sandbox.world.post()

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """Serve it; yields the base URL of its API."""
        logger = logging.getLogger("uvicorn.error")
        logger.addFilter(_is_news)
        try:
            async with served(self, listen("127.0.0.1", 0)) as url, self.sandbox:
                yield f"{url}/v25.0"
        finally:
            logger.removeFilter(_is_news)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.sandbox.app(scope, receive, send)
            return
        echo = self._rng.choice(ECHOES)
        self.sandbox.configure(echo=echo)
        self.counts[f"our answers told {echo} they were answered"] += 1
        if self.is_troubled and self._rng.random() < 0.2:
            self._add(Fault(on="reply", kind=self._rng.choice(_REPLY_FAULTS)))
        hold, self._hold = self._hold, None
        if hold == "before":
            await self._held()

        async def answer(message: Any) -> None:
            if hold == "after" and message["type"] == "http.response.start":
                await self._held()
            await send(message)

        await self.sandbox.app(scope, receive, answer)

    def hold(self, when: Held) -> None:
        """Hold the next call that makes a comment, before it is made or after, until told to let go."""
        self.is_holding.clear()
        self._let_go.clear()
        self._hold = when

    def let_go(self) -> None:
        """Let a call go on that is held."""
        self._hold = None
        self._let_go.set()

    async def _held(self) -> None:
        self.is_holding.set()
        await self._let_go.wait()

    def comment(self, author_id: str, text: str) -> None:
        """Let a person comment on a post, or reply to a comment of anybody; a few are told by no webhook."""
        comments = list(self.sandbox.world.comments.values())
        posts = list(self.sandbox.world.posts)
        is_told = self._rng.random() > 0.04
        under: dict[str, str] = {"post_id": self._rng.choice(posts)}
        if comments and self._rng.random() < 0.3:
            under = {"parent_id": self._rng.choice(comments).id}
        made = self.sandbox.comment(author_id, text, author_name=author_id.title(), webhook=is_told, **under)
        self.said[made.id] = Said(id=made.id, author_id=author_id, text=text, is_told=is_told)
        self.counts["replies of people to comments"] += "parent_id" in under
        self.counts["comments that no webhook told of"] += not is_told

    def edit(self) -> None:
        """Let a person change what they said."""
        said = self._one_of_late()
        if said is None or time.monotonic() - said.changed_at < _EDITS_APART_S:
            return
        said.text, said.changed_at = f"{said.text}, edited", time.monotonic()
        self.sandbox.change(said.id, message=said.text)
        self.counts["edits"] += 1

    def hide(self) -> None:
        """Let a moderator hide a comment."""
        said = self._one_of_late()
        if said is not None and said.is_told and not said.is_hidden:
            said.is_hidden = True
            self.sandbox.change(said.id, is_hidden=True)
            self.counts["hidden"] += 1

    def remove(self) -> None:
        """Let a person remove what they said; what others replied to is left alone, since no webhook tells of those."""
        said = self._one_of_late()
        if said is None or not said.is_told:
            return
        below = self.sandbox.world.under(said.id, all_levels=True)
        ours = [comment for comment in below if comment.author_id == self.sandbox.world.page_id]
        if len(ours) == len(below):
            self._gone += [Made(comment.id, comment.parent_id or comment.post_id, comment.message) for comment in ours]
            said.is_removed = True
            self.sandbox.remove(said.id)
            self.counts["removals"] += 1

    def _one_of_late(self) -> Said | None:
        late = [said for said in list(self.said.values())[-60:] if not said.is_removed]
        return self._rng.choice(late) if late else None

    def made(self) -> list[Made]:
        """Return every comment of the page itself that was ever visible."""
        world = self.sandbox.world
        ours = [comment for comment in world.comments.values() if comment.author_id == world.page_id]
        return self._gone + [Made(c.id, c.parent_id or c.post_id, c.message) for c in ours]

    def trouble(self, *, may_throttle: bool) -> None:
        """Let something go wrong soon, and answers now and then from now on."""
        self.is_troubled = True
        if may_throttle and self._rng.random() < 0.01:
            self._add(Fault(on="reply", kind="rate_limit", wait_minutes=0))
        elif self._rng.random() < 0.7:
            self._add(Fault(on="webhook", kind=self._rng.choice(_HOOK_FAULTS)))
        else:
            self._add(Fault(on="read", kind=self._rng.choice(_READ_FAULTS)))

    def stop_throttling(self) -> None:
        """Throttle no more; each time makes the core pause for a minute, if it lives that long."""
        waiting = self.sandbox.faults.waiting
        waiting[:] = [fault for fault in waiting if fault.kind != "rate_limit"]

    def _add(self, fault: Fault) -> None:
        if sum(waiting.on == fault.on for waiting in self.sandbox.faults.waiting) < 3:
            self.sandbox.faults.waiting.append(fault)
            self._given.append(fault)

    def heal(self) -> None:
        """Let nothing more go wrong, and everything be told."""
        self.is_troubled = False
        self.sandbox.faults.waiting.clear()
        self.sandbox.configure(duplicate_probability=0.0)

    def faults(self) -> Counter[str]:
        """Count the faults that happened, by what they were of and their kind."""
        return Counter(f"{fault.on}: {fault.kind}" for fault in self._given if fault.times == 0)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a record of the server says more than that an answer was lost as asked, or that its client was killed."""
    return not (record.exc_info and isinstance(record.exc_info[1], AnswerLost | ClientDisconnect))
