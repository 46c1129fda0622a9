"""Takes in what other processes change of accounts and apps, soon and without asking for all of them.

What was changed lately is asked for by its time, somewhat further back than the clocks of the machines may differ;
everything is read again now and then, for what was missed all the same.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog

from chorally_core.ports.documents import Condition, Document, Documents, Query
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.model import Account, App, RemovedApp

log = structlog.get_logger(__name__)

D = TypeVar("D", bound=Document)

_OVERLAP = timedelta(seconds=30)
_ALL_AGAIN_S = 600.0
_FORGOTTEN_AFTER = timedelta(days=1)
_AT_ONCE_S = 1.0  # between looks that are asked for because something is not known
_STEP = 1000


class Following:
    """Keeps a directory up to date with the store."""

    def __init__(
        self,
        documents: Documents,
        directory: Directory,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        on_changed: Callable[[Account], Awaitable[None]],
        look_every_s: float = 2.0,
    ) -> None:
        """Prepare to follow.

        Args:
            documents: Where accounts and apps are.
            directory: Is kept up to date.
            now: The clock.
            monotonic: Seconds that only grow.
            on_changed: Told of each account that another process changed or connected.
            look_every_s: Seconds between looks where nobody wakes it.
        """
        self._documents = documents
        self._directory = directory
        self._now = now
        self._monotonic = monotonic
        self._on_changed = on_changed
        self._look_every_s = look_every_s
        self._since = now()
        self._all_at = monotonic()
        self._at_once_at = -_AT_ONCE_S
        self._woken = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()

    def wake(self) -> None:
        """Look now."""
        self._woken.set()

    async def learn(self, at: datetime) -> bool:
        """Look because something that came at that time is about what is not known; False where that was done."""
        if self._since >= at:
            return False
        await self.look()
        return True

    async def learn_now_and_then(self, at: datetime) -> bool:
        """Look as ``learn`` does, once a second at most: anybody may ask for what is not known."""
        if self._monotonic() - self._at_once_at < _AT_ONCE_S:
            return False
        self._at_once_at = self._monotonic()
        return await self.learn(at)

    async def look(self) -> int:
        """Take in what was changed since the last look; return how much that was."""
        async with self._one_at_a_time:
            if self._monotonic() - self._all_at >= _ALL_AGAIN_S:
                return await self._all_again()
            began = self._now()
            changed = 0
            for removed in await self._changed(RemovedApp):
                changed += self._drop(removed.id)
            for app in await self._changed(App):
                changed += self._put_app(app)
            for account in await self._changed(Account):
                changed += await self._put(account)
            self._since = began
            return changed

    async def _changed(self, of: type[D]) -> list[D]:
        found: list[D] = []
        where = (Condition("changed_at", ">", self._since - _OVERLAP),)
        after: tuple[Any, str] | None = None
        while True:
            query = Query(of, None, where, order="changed_at", limit=_STEP, after=after)
            page: list[Any] = await self._documents.find(query)
            found += page
            if len(page) < _STEP:
                return found
            after = (page[-1].changed_at, page[-1].id)

    async def _all_again(self) -> int:
        began, at = self._now(), self._monotonic()
        apps: list[App] = await self._all(App)
        accounts: list[Account] = await self._all(Account)
        changed = sum(self._put_app(app) for app in apps)
        there = {app.id for app in apps}
        for app in [a for a in self._directory.apps.values() if a.id not in there and a.created_at < began]:
            changed += self._drop(app.id)
        for account in accounts:
            changed += await self._put(account)
        self._since, self._all_at = began, at
        return changed

    async def _all(self, of: type[D]) -> list[D]:
        found: list[D] = []
        while True:
            after = (found[-1].id, found[-1].id) if found else None
            page: list[D] = await self._documents.find(Query(of, None, limit=_STEP, after=after))
            found += page
            if len(page) < _STEP:
                return found

    def _put_app(self, app: App) -> int:
        known = self._directory.apps.get(app.id)
        if known is not None and known.version >= app.version:
            return 0
        self._directory.put_app(app)
        return 1

    def _drop(self, app_id: str) -> int:
        if app_id not in self._directory.apps:
            return 0
        self._directory.drop_app(app_id)
        return 1

    async def _put(self, account: Account) -> int:
        known = self._directory.accounts.get(account.id)
        if known is not None and known.version >= account.version:
            return 0
        self._directory.put(account)
        await self._on_changed(account)
        return 1

    async def forget(self) -> int:
        """Remove what is left of apps that were removed a day ago; return how much that was."""
        where = (Condition("changed_at", "<", self._now() - _FORGOTTEN_AFTER),)
        old = await self._documents.find(Query(RemovedApp, None, where, order="changed_at", limit=_STEP))
        return await self._documents.delete(RemovedApp, [removed.id for removed in old]) if old else 0

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._look_every_s):  # wait_for of Python 3.11 may swallow a cancellation
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()
            try:
                await self.look()
            except Exception as error:
                log.error("changed accounts could not be looked for", exc_info=error)
