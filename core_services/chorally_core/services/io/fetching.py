"""Fetches the objects that webhooks only name: each once for any number of pings, as long as it was not begun.

A ping is a row until what it brought is stored, in the same commit. While an object is fetched its row is another one,
so that what changes meanwhile asks for another fetch.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import msgspec
import structlog

import chorally_sdk as sdk
from chorally_core.events.ids import derived
from chorally_core.ports.documents import Condition, Conflict, Query
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.storable import shown
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.health import HealthBook
from chorally_core.services.io.inbound import Inbound
from chorally_core.services.io.model import Account, Nudge
from chorally_core.services.io.unread import unreadable_event
from chorally_core.telemetry import traces
from chorally_sdk.http.budgets import lane

log = structlog.get_logger(__name__)

_TRIES = 5  # of a fetch that fails for another reason than that the platform is busy or away
_LONGEST = timedelta(minutes=15)
_CALL_S = 60.0


class Fetching:
    """Fetches for all accounts, one object of each at a time."""

    def __init__(
        self,
        ledger: Ledger,
        directory: Directory,
        inbound: Inbound,
        health: HealthBook,
        *,
        now: Callable[[], datetime],
        on_refused: Callable[[Account, sdk.ConnectorError], Awaitable[None]],
        is_mine: Callable[[str], bool],
        may_fetch: Callable[[], bool] = lambda: True,
        call_s: float = _CALL_S,
    ) -> None:
        """Prepare to fetch.

        Args:
            ledger: Where what comes is durable.
            directory: Makes the connectors.
            inbound: Translates what they read.
            health: Is told how it goes.
            now: The clock.
            on_refused: Told when the platform refuses the account: its token, or a permission.
            is_mine: Whether this process serves an account now.
            may_fetch: Whether there is room for more.
            call_s: Seconds that one fetch may take.
        """
        self._ledger = ledger
        self._directory = directory
        self._inbound = inbound
        self._health = health
        self._now = now
        self._on_refused = on_refused
        self._is_mine = is_mine
        self._may_fetch = may_fetch
        self._call_s = call_s
        self._busy: dict[str, asyncio.Task[None]] = {}

    def is_busy(self, account_id: str) -> bool:
        """Whether something is fetched for an account now."""
        return account_id in self._busy

    async def dispatch(self) -> int:
        """Begin what is due, account by account; return how many objects are due."""
        if not self._may_fetch():
            return 0
        accounts = {name: each for name, each in self._directory.accounts.items() if self._is_free(each)}
        where = (Condition("next_at", "<=", self._now()), Condition("account_id", "in", list(accounts)))
        due: list[Nudge] = []
        if accounts:
            due = await self._ledger.documents.find(Query(Nudge, None, where, order="next_at", limit=1000))
        by_account: dict[str, list[Nudge]] = defaultdict(list)
        for nudge in due:
            by_account[nudge.account_id].append(nudge)
        for account_id, nudges in by_account.items():
            task = asyncio.create_task(self._work(accounts[account_id], nudges), name=f"fetch:{account_id}")
            self._busy[account_id] = task
            task.add_done_callback(partial(self._finished, account_id))
        return len(due)

    def _is_free(self, account: Account) -> bool:
        is_able = account.state not in ("disconnected", "reauthorization_required")
        return is_able and account.id not in self._busy and self._is_mine(account.id)

    def _finished(self, account_id: str, _: asyncio.Task[None]) -> None:
        self._busy.pop(account_id, None)

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._busy:
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def stop(self) -> None:
        """End what is under way; it is fetched again."""
        tasks = list(self._busy.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, account: Account, nudges: Sequence[Nudge]) -> None:
        for nudge in nudges:
            if not self._is_mine(account.id):
                return
            try:
                with lane("live"), traces.begin(f"fetch {account.platform} {nudge.stream}", tenant=account.tenant):
                    goes_on = await self._fetch(account, nudge)
            except Conflict:
                log.info("ping changed meanwhile", account_id=account.id)
                goes_on = True
            except Exception as error:
                log.error("an object could not be fetched", account_id=account.id, exc_info=error)
                return
            if not goes_on:
                return

    async def _fetch(self, account: Account, nudge: Nudge) -> bool:
        """Fetch one object; return whether others of the account may be fetched now."""
        connector = self._directory.connector(account)
        if not isinstance(connector, sdk.Fetches) or nudge.external_id is None:
            await self._ledger.documents.delete(Nudge, [nudge.id])
            return True
        taken = await self._taken(nudge)
        ping = sdk.Ping(stream=nudge.stream, account=account.external_id or None, external_id=nudge.external_id)
        try:
            async with asyncio.timeout(self._call_s):
                events = await connector.fetch(ping)
            await self._store(account, connector, events, taken)
        except sdk.Rejected as error:
            if error.reason is sdk.Reason.GONE:
                gone = sdk.Mark(state="deleted", at=self._now(), external_id=nudge.external_id)
                await self._store(account, connector, [gone], taken)
                return True
            await self._dead(account, connector, ping, taken, error)
            if error.reason is sdk.Reason.PERMISSION:
                await self._on_refused(account, error)
        except sdk.RetryLater as error:
            self._health.erred(account, f"{nudge.stream}: {error}")
            await self._later(taken, error.wait)
            return False
        except sdk.Reauthorize as error:
            await self._later(taken, timedelta(0))
            await self._on_refused(account, error)
            return False
        except Conflict:
            raise
        except Exception as error:
            self._health.erred(account, f"{nudge.stream}: {shown(error)}")
            if taken.attempts + 1 < _TRIES:
                await self._later(taken, None)
            else:
                await self._dead(account, connector, ping, taken, error)
        else:
            self._health.worked(account)
        return True

    async def _taken(self, nudge: Nudge) -> Nudge:
        """The row as it is while its object is fetched."""
        if nudge.is_taken:
            return nudge
        taken = msgspec.structs.replace(nudge, id=derived("taken", nudge.id), is_taken=True, version=0)
        await self._ledger.commit(Work([Step.of([taken], (), [nudge])]))
        return taken

    async def _store(
        self, account: Account, connector: sdk.Connector, events: Sequence[sdk.Event], taken: Nudge
    ) -> None:
        inbound = self._inbound.beside()
        async with self._ledger.turn():
            came = await inbound.translate(account, connector.manifest, events, self._now())
            await self._ledger.commit(Work(came.steps(removed=[taken], trace=traces.current())))
        inbound.published()
        self._health.came(account, came.messages)

    async def _later(self, taken: Nudge, wait: timedelta | None) -> None:
        pause = wait if wait is not None else min(timedelta(seconds=2.0 ** min(taken.attempts + 1, 10)), _LONGEST)
        again = msgspec.structs.replace(taken, next_at=self._now() + pause, attempts=taken.attempts + 1)
        await self._ledger.commit(Work([Step.of([again])]))

    async def _dead(
        self, account: Account, connector: sdk.Connector, ping: sdk.Ping, taken: Nudge, error: Exception
    ) -> None:
        letter = unreadable_event(account, connector.manifest, ping, error, self._now())
        await self._ledger.commit(Work([letter, Step.of((), (), [taken])]))
