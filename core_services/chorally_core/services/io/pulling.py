"""Pulls: one task for each stream of each account, resuming from its cursor.

A page's events and its cursor are stored together before the generator goes on, so a kill at any point
gives the same page again and nothing else.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Literal

import msgspec
import structlog

import chorally_sdk as sdk
from chorally_core.ports.documents import Condition, Query
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.services.io.directory import Directory, pulls
from chorally_core.services.io.health import HealthBook
from chorally_core.services.io.inbound import Inbound
from chorally_core.services.io.model import Account, Nudge, StreamState

log = structlog.get_logger(__name__)

EVERY = timedelta(minutes=5)
_LONGEST = timedelta(minutes=15)


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
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}
        self._nudged: dict[tuple[str, str], asyncio.Event] = {}

    def start(self, account: Account) -> None:
        """Pull what the account offers, from now on."""
        if account.id in self._tasks or account.state in ("disconnected", "reauthorization_required"):
            return
        connector = self._directory.connector(account)
        if not isinstance(connector, sdk.Pulls):
            return
        tasks = self._tasks[account.id] = []
        for stream in connector.streams():
            if stream.scope != "account":
                continue
            tasks.append(asyncio.create_task(self._keep(account.id, stream, "live"), name=f"pull:{stream.name}"))
            if account.since is not None:
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

    async def nudge(self) -> None:
        """Let streams run now that pings ask for."""
        for nudge in await self._ledger.documents.find(Query(Nudge, None, limit=1000)):
            self._nudged.setdefault((nudge.account_id, nudge.stream), asyncio.Event()).set()

    def pull_now(self, account_id: str, stream: str) -> None:
        """Let a stream run now."""
        self._nudged.setdefault((account_id, stream), asyncio.Event()).set()

    async def _keep(self, account_id: str, stream: sdk.Stream, lane: Literal["live", "import"]) -> None:
        """Run a lane of a stream again and again; an import once, to its end."""
        failures = 0
        nudged = self._nudged.setdefault((account_id, stream.name), asyncio.Event())
        while account := self._directory.accounts.get(account_id):
            nudged.clear()
            while not self._may_pull():
                await self._sleep(1.0)
            try:
                finished = await self.run(account, stream, lane)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                failures += 1
                if await self._failed(account, stream, lane, error, failures):
                    return
                pause = _pause(error, failures)
            else:
                if lane == "import" and finished:
                    return
                failures = 0
                self._health.worked(account)
                pause = (self._every or stream.every or EVERY).total_seconds()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):  # wait_for of Python 3.11 may swallow a cancellation
                    await nudged.wait()

    async def _failed(self, account: Account, stream: sdk.Stream, lane: str, error: Exception, failures: int) -> bool:
        """Note an error; return whether the stream ends with it."""
        self._inbound.given_up(everything=True)
        why = f"{type(error).__name__}: {error}"
        self._health.erred(account, f"{stream.name}: {why}")
        log.warning("pull failed", account_id=account.id, stream=stream.name, lane=lane, error=why, failures=failures)
        state = await self._state(account, stream, lane)
        changed = msgspec.structs.replace(state, failures=failures, error=why[:1000], last_run_at=self._now())
        await self._ledger.commit(Work([Step.of([changed])]))
        if isinstance(error, sdk.Reauthorize):
            await self._on_refused(account, error)
            return True
        if isinstance(error, sdk.Rejected) and error.reason is sdk.Reason.PERMISSION:
            await self._on_refused(account, error)
        return False

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
        connector = self._directory.connector(account)
        state = await self._state(account, stream, lane)
        if lane == "import" and state.finished:
            return True
        cursor = state.cursor
        today = connector.manifest.cursor_version
        if cursor is not None and state.cursor_version != today:
            cursor = dict(connector.upgrade(cursor, state.cursor_version))
        since = account.since if lane == "import" else account.connected_at
        pages = pulls(connector).pull(stream.name, cursor, since)
        last = cursor
        async with contextlib.aclosing(_generator(pages)) as ordered:
            async for page in ordered:
                if page.events and not page.done and last is not None and dict(page.cursor) == last:
                    raise sdk.Malformed(f"the stream {stream.name!r} gave events but did not move its cursor")
                last = dict(page.cursor)
                ends = page.done and (lane == "import" or not stream.live)
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
        async with self._ledger.turn():
            came = await self._inbound.translate(
                account, connector.manifest, page.events, self._now(), backfilled=lane == "import"
            )
            moved = msgspec.structs.replace(
                state, cursor=dict(page.cursor), cursor_version=version, pages=state.pages + 1,
                messages=state.messages + came.messages, expected=page.expected or state.expected, error="",
                failures=0, last_run_at=self._now(), finished=ends and lane == "import",
            )  # fmt: skip
            used = await self._nudges(state) if ends else []
            await self._ledger.commit(Work([Step.of([*came.writes, moved], came.events, used)]))
        self._inbound.published()
        self._health.came(account, came.messages)
        return moved

    async def _nudges(self, state: StreamState) -> list[Nudge]:
        where = (Condition("account_id", "is", state.account_id), Condition("stream", "is", state.stream))
        found: list[Nudge] = await self._ledger.documents.find(Query(Nudge, None, where))
        return found


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
        return error.wait.total_seconds()
    return float(min(2.0 ** min(failures, 10), _LONGEST.total_seconds()))
