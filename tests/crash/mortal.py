"""A process that ends at a chosen commit, as far as that can be had within one process.

Whatever it would have done afterwards fails: it commits nothing more and calls nobody any more.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import httpx
from chorally_core.adapters.sqlite import SqliteDocuments
from chorally_core.adapters.sqlite.database import Database
from chorally_core.events import Event
from chorally_core.ports.documents import Unsent, Write

When = Literal["before", "after"]


class Killed(BaseException):
    """The process is no more; nothing may catch it as an error."""


class Life:
    """A life that ends at a commit."""

    def __init__(self, at: int | None = None, when: When = "after") -> None:
        """Begin.

        Args:
            at: How many commits come before the one at which it ends; None never ends it.
            when: Whether it ends before that one is durable, or right after.
        """
        self._at = at
        self._when = when
        self.commits = 0
        self.seen_after: set[int] = set()
        """How many commits there were when something could be seen from outside."""
        self.ended = asyncio.Event()

    def go_on(self) -> None:
        """Do nothing, as long as it lasts.

        Raises:
            Killed: It has ended.
        """
        if self.ended.is_set():
            raise Killed

    def be_seen(self) -> None:
        """Do something that can be seen from outside, such as a call or an answer.

        Raises:
            Killed: It has ended.
        """
        self.go_on()
        self.seen_after.add(self.commits)

    def moments(self) -> list[tuple[int, When]]:
        """Return when such a life could end so that it makes a difference.

        An end right after a commit is an end before the next one, unless something was seen in between.
        """
        before: list[tuple[int, When]] = [(number, "before") for number in range(self.commits)]
        after: list[tuple[int, When]] = [(number - 1, "after") for number in sorted(self.seen_after) if number]
        return before + after

    def reach(self, when: When) -> None:
        """Come to the moment before or after a commit, which may be the last."""
        self.go_on()
        if when == self._when and self.commits == self._at:
            self.ended.set()
            raise Killed
        self.commits += when == "after"

    async def live(self, story: Coroutine[Any, Any, None]) -> bool:
        """Run a story for as long as the life lasts; return whether the story ended before it.

        No task that it began outlives it.
        """
        begun: list[asyncio.Task[Any]] = []

        def begin(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
            begun.append(asyncio.Task(work, loop=loop, **options))
            return begun[-1]

        loop = asyncio.get_running_loop()
        loop.set_task_factory(begin)
        telling = loop.create_task(story)
        ending = loop.create_task(self.ended.wait())
        await asyncio.wait({telling, ending}, return_when=asyncio.FIRST_COMPLETED)
        loop.set_task_factory(None)
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
        if not self.ended.is_set():
            telling.result()
        return not self.ended.is_set()


class MortalDatabase(Database):
    """A database whose process lives for so many commits.

    The disk is not waited for: the process ends here, not the machine.
    """

    def __init__(self, path: Path, life: Life) -> None:
        self._life = life
        super().__init__(path)
        self.writer.execute("pragma synchronous=off")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit, or end."""
        if self.in_transaction:
            with super().transaction():
                yield
            return
        self._life.go_on()
        before = self._changes()
        with super().transaction():
            yield
            has_changed = self._changes() != before
            if has_changed:
                self._life.reach("before")
        if has_changed:
            self._life.reach("after")

    def _changes(self) -> tuple[int, int]:
        """Count what was written, and the versions of the schema."""
        return self.writer.total_changes(), next(iter(self.writer.execute("pragma schema_version")))[0]

    async def read(self, sql: str, bindings: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query at once, so that everything happens in the same order each time."""
        return list(self.writer.execute(sql, tuple(bindings)))


class EachByItself(SqliteDocuments):
    """Documents of which each becomes durable by itself, as where a store has no transactions over several."""

    async def write(self, writes: Sequence[Write]) -> Unsent:
        """Store documents one after another."""
        events: list[Event[Any]] = []
        token: list[Any] = []
        for write in writes:
            unsent = await super().write([write])
            events += unsent.events
            token += unsent.token or []
        return Unsent(events, token)


def calling(life: Life, answer: Callable[[httpx.Request], Awaitable[httpx.Response]]) -> httpx.MockTransport:
    """Return a transport that calls a platform for as long as the life lasts."""

    async def call(request: httpx.Request) -> httpx.Response:
        life.be_seen()
        answered = await answer(request)
        life.be_seen()
        return answered

    return httpx.MockTransport(call)
