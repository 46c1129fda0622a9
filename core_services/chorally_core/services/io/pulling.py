"""Pulls: one task for each stream of each account, resuming from its cursor.

A page's events and its cursor are stored together before the generator goes on, so a kill at any point
gives the same page again and nothing else.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

import msgspec
import structlog

import chorally_sdk as sdk
from chorally_core.ports.documents import Condition, Conflict, Query
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.storable import is_of_content, shown
from chorally_core.services.io.came import Came
from chorally_core.services.io.directory import Directory, pulls
from chorally_core.services.io.health import HealthBook
from chorally_core.services.io.inbound import Inbound
from chorally_core.services.io.model import Account, Nudge, StreamState
from chorally_core.services.io.notices import noticed
from chorally_core.services.io.unread import unreadable_event
from chorally_core.telemetry import traces
from chorally_sdk.http import budgets

log = structlog.get_logger(__name__)

Moved = TypeVar("Moved", StreamState, None)

EVERY = timedelta(minutes=5)
_LONGEST = timedelta(minutes=15)
_STEP = 1000
_OF_STREAMS = (Condition("next_at", "absent"),)


class Pulling:
    """Keeps the streams of all accounts going."""

    def __init__(
        self,
        ledger: Ledger,
        directory: Directory,
        inbound: Inbound,
        health: HealthBook,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_refused: Callable[[Account, sdk.ConnectorError], Awaitable[None]],
        may_pull: Callable[[], bool] = lambda: True,
        every: timedelta | None = None,
        is_mine: Callable[[str], bool] = lambda account_id: True,
    ) -> None:
        """Prepare to pull.

        Args:
            ledger: Where pages become durable.
            directory: Makes the connectors.
            inbound: Translates what they yield.
            health: Is told how it goes.
            now: The clock.
            sleep: Waits for seconds.
            on_refused: Told when the platform refuses the account: its token, or a permission.
            may_pull: Whether there is room for more; pulls wait while there is not.
            every: Replaces every stream's own interval, for demonstrations.
            is_mine: Whether this process serves an account now; others are left alone.
        """
        self._ledger = ledger
        self._directory = directory
        self._inbound = inbound
        self._health = health
        self._now = now
        self._sleep = sleep
        self._on_refused = on_refused
        self._may_pull = may_pull
        self._every = every
        self._is_mine = is_mine
        self.hooks_come: Callable[[Account], bool] = lambda account: False
        """Whether an account's webhooks come, so that what runs only without them does not; set by who subscribes."""
        self.on_nudge: Callable[[Nudge], None] = lambda nudge: None
        """Told of each ping that asks for a pull, whosever it is."""
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}
        self._nudged: dict[tuple[str, str], asyncio.Event] = {}

    def start(self, account: Account) -> None:
        """Pull what the account offers, from now on."""
        if account.id in self._tasks or account.state in ("disconnected", "reauthorization_required"):
            return
        if not self._is_mine(account.id):
            return
        connector = self._directory.connector(account)
        if not isinstance(connector, sdk.Pulls):
            return
        tasks = self._tasks[account.id] = []
        for stream in connector.streams():
            if stream.scope != "account" or (stream.without_hooks and self.hooks_come(account)):
                continue
            tasks.append(asyncio.create_task(self._keep(account.id, stream, "live"), name=f"pull:{stream.name}"))
            if account.since is not None and stream.history:
                tasks.append(
                    asyncio.create_task(self._keep(account.id, stream, "import"), name=f"import:{stream.name}")
                )

    async def stop(self, account_id: str | None = None) -> None:
        """Stop the pulls of one account, or of all."""
        ids = list(self._tasks) if account_id is None else [account_id]
        tasks = [task for name in ids for task in self._tasks.pop(name, [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def running(self) -> list[str]:
        """The accounts that are pulled."""
        return list(self._tasks)

    async def nudge(self) -> None:
        """Let streams run now that pings ask for."""
        after: tuple[None, str] | None = None
        while True:
            query = Query(Nudge, None, _OF_STREAMS, limit=_STEP, after=after)
            found: list[Nudge] = await self._ledger.documents.find(query)
            for nudge in found:
                self.on_nudge(nudge)
                if self._is_mine(nudge.account_id):
                    self._nudged.setdefault((nudge.account_id, nudge.stream), asyncio.Event()).set()
            if len(found) < _STEP:
                return
            after = (None, found[-1].id)

    def pull_now(self, account_id: str, stream: str) -> None:
        """Let a stream run now."""
        self._nudged.setdefault((account_id, stream), asyncio.Event()).set()

    async def _keep(self, account_id: str, stream: sdk.Stream, lane: Literal["live", "import"]) -> None:
        """Run a lane of a stream again and again; an import once, to its end."""
        nudged = self._nudged.setdefault((account_id, stream.name), asyncio.Event())
        if lane == "import":
            nudged = asyncio.Event()  # nothing hurries it
        while (account := self._subject(account_id)) and self._is_mine(account_id):
            nudged.clear()
            began = self._now()
            try:
                while not self._may_pull():
                    await self._sleep(1.0)
                with nullcontext() if stream.live else _traced(account, stream), budgets.lane(lane):
                    finished = await self.run(account, stream, lane)
            except Conflict:  # another process had the stream until now, or has it by now
                log.info("stream changed meanwhile", account_id=account.id, stream=stream.name)
                self._inbound.beside().given_up(everything=True)
                await self._sleep(1.0)
                continue
            except Exception as error:
                pause = await self._noted(account, stream, lane, error, self._now() - began)
                if pause is None:
                    return
                await self._sleep(pause)
                continue
            if lane == "import" and finished:
                return
            self._worked(account)
            pause = (self._every or stream.every or EVERY).total_seconds()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):  # wait_for of Python 3.11 may swallow a cancellation
                    await nudged.wait()

    async def _noted(
        self, account: Account, stream: sdk.Stream, lane: str, error: Exception, after: timedelta
    ) -> float | None:
        """Note an error; return how many seconds to wait, or None where the stream ends with it."""
        try:
            failures = await self._failed(account, stream, lane, error, after)
        except Exception as trouble:  # such as a full disk: the stream goes on all the same
            log.error("a failed pull could not be noted", account_id=account.id, stream=stream.name, exc_info=trouble)
            return _pause(error, 5)
        return None if isinstance(error, sdk.Reauthorize) else _pause(error, failures)

    async def _failed(self, account: Account, stream: sdk.Stream, lane: str, error: Exception, after: timedelta) -> int:
        """Store an error and return how many there were since something came; a long run counts as something."""
        self._inbound.beside().given_up(everything=True)
        why = shown(error)
        self._erred(account, f"{stream.name}: {why}")
        state = await self._state(account, stream, lane)
        failures = 1 if after > _LONGEST else state.failures + 1
        log.warning("pull failed", account_id=account.id, stream=stream.name, lane=lane, error=why, failures=failures)
        changed = msgspec.structs.replace(state, failures=failures, error=why[:1000], last_run_at=self._now())
        await self._ledger.commit(Work([Step.of([changed])]))
        if isinstance(error, sdk.ConnectorError):
            await self._on_refused(account, error)
        return failures

    async def _state(self, account: Account, stream: sdk.Stream, lane: str) -> StreamState:
        name = StreamState.id_of(account.id, stream.name, lane)
        known = await self._ledger.documents.get(StreamState, name)
        return known or StreamState(
            id=name, tenant=account.tenant, account_id=account.id, stream=stream.name,
            lane="import" if lane == "import" else "live",
        )  # fmt: skip

    async def run(self, account: Account, stream: sdk.Stream, lane: Literal["live", "import"]) -> bool:
        """Pull once: a poll to its end, a live stream until it breaks. Returns whether the end was reached.

        Raises:
            Malformed: The connector made no progress, or did not say that it reached the end.
            ConnectorError: What the platform's answer causes.
        """
        connector = self._connector(account)
        state = await self._state(account, stream, lane)
        if lane == "import" and state.finished:
            return True
        cursor = state.cursor
        today = connector.manifest.cursor_version
        if cursor is not None and state.cursor_version != today:
            known = sdk.cursor_of_today(connector, cursor, state.cursor_version)
            cursor = None if known is None else dict(known)
        since = account.since if lane == "import" else account.connected_at
        if lane == "live":
            await self._take_nudges(account, state)
        pages = pulls(connector).pull(stream.name, cursor, since)
        last = cursor
        async with contextlib.aclosing(_generator(pages)) as ordered:
            async for page in ordered:
                if not self._is_mine(account.id):
                    raise Conflict(StreamState.kind, state.id)
                if page.events and not page.done and last is not None and dict(page.cursor) == last:
                    raise sdk.Malformed(f"the stream {stream.name!r} gave events but did not move its cursor")
                last = dict(page.cursor)
                ends = page.done and (lane == "import" or not stream.live)
                with _traced(account, stream) if stream.live and page.events else nullcontext():
                    state = await self._keep_page(account, connector, state, page, lane, today, ends)
                if ends:
                    return True
        if stream.live:
            raise sdk.RetryLater(f"the live stream {stream.name!r} ended; it is opened again")
        raise sdk.Malformed(f"the stream {stream.name!r} ended without saying that it was done; pages may be missing")

    async def _keep_page(
        self, account: Account, connector: sdk.Connector, state: StreamState, page: sdk.Page, lane: str, version: int,
        ends: bool,
    ) -> StreamState:  # fmt: skip
        moved = msgspec.structs.replace(
            state, cursor=dict(page.cursor), cursor_version=version, pages=state.pages + 1,
            expected=page.expected or state.expected, error="", failures=0, last_run_at=self._now(),
            finished=ends and lane == "import",
        )  # fmt: skip
        try:
            return await self._store(account, connector, page.events, moved, lane)
        except Exception as error:
            if not is_of_content(error):
                raise
            log.warning("a page is taken event by event", account_id=account.id, stream=state.stream, exc_info=error)
        for event in page.events:
            try:
                await self._store(account, connector, [event], None, lane)
            except Exception as error:
                if not is_of_content(error):
                    raise
                letter = unreadable_event(account, connector.manifest, event, error, self._now())
                await self._ledger.commit(Work([letter]))
        return await self._store(account, connector, (), moved, lane)

    async def _store(
        self, account: Account, connector: sdk.Connector, events: Sequence[sdk.Event], moved: Moved, lane: str
    ) -> Moved:
        """Store what events become, and with them the cursor behind them."""
        inbound = self._inbound.beside()
        async with self._ledger.turn():
            parts = [
                (about, await self._translated(inbound, about, connector.manifest, said, lane))
                for about, said in await self._about(account, events)
            ]
            came = Came.joined([part for _, part in parts])
            if moved is not None:
                moved = msgspec.structs.replace(moved, messages=moved.messages + came.messages)
            cursor = () if moved is None else (moved,)
            await self._ledger.commit(Work(came.steps(*cursor, trace=traces.current())))
        inbound.published()
        for about, part in parts:
            self._health.came(about, part.messages)
        return moved

    async def _translated(
        self, inbound: Inbound, account: Account, manifest: sdk.Manifest, events: Sequence[sdk.Event], lane: str
    ) -> Came:
        came = await inbound.translate(account, manifest, events, self._now(), backfilled=lane == "import")
        if lane == "live":
            came.writes.extend(noticed(account, events, self._now()))
        return came

    def _subject(self, name: str) -> Account | None:
        """What is pulled for, as it is now."""
        return self._directory.accounts.get(name)

    def _connector(self, account: Account) -> sdk.Connector:
        return self._directory.connector(account)

    async def _about(
        self, account: Account, events: Sequence[sdk.Event]
    ) -> Sequence[tuple[Account, Sequence[sdk.Event]]]:
        """Whom events are about."""
        return [(account, events)]

    def _worked(self, account: Account) -> None:
        self._health.worked(account)

    def _erred(self, account: Account, why: str) -> None:
        self._health.erred(account, why)

    async def _take_nudges(self, account: Account, state: StreamState) -> None:
        """Remove the pings that this run answers; those that come while it runs ask for another one.

        A kill loses none of them: whoever starts a stream runs it at once.
        """
        where = (
            Condition("account_id", "is", account.id), Condition("stream", "is", state.stream), *_OF_STREAMS,
        )  # fmt: skip
        found: list[Nudge] = await self._ledger.documents.find(Query(Nudge, None, where))
        if found:
            await self._ledger.documents.delete(Nudge, [nudge.id for nudge in found])


def _traced(account: Account, stream: sdk.Stream) -> AbstractContextManager[Any]:
    name = f"pull {account.platform} {stream.name}"
    return traces.begin(name, platform=account.platform, tenant=account.tenant, account_id=account.id)


async def _generator(pages: AsyncIterator[sdk.Page]) -> AsyncGenerator[sdk.Page, None]:
    """The pages, from something that can be closed."""
    try:
        async for page in pages:
            yield page
    finally:
        close = getattr(pages, "aclose", None)
        if close is not None:
            await close()


def _pause(error: Exception, failures: int) -> float:
    """Seconds to wait after an error: what the platform asks for, else doubling up to 15 minutes."""
    if isinstance(error, sdk.RetryLater) and error.wait is not None:
        return max(error.wait.total_seconds(), 1.0)
    return float(min(2.0 ** min(failures, 10), _LONGEST.total_seconds()))
