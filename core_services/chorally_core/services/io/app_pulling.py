"""Pulls of scope app: one for all accounts of an app, whose events are spread by what the platform calls the accounts.

Such a stream runs in the process to which its app falls, while an account is connected through the app. Its history is
nobody's own, so it has no import lane. Which streams have that scope is the same for all accounts of a platform.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import structlog

import chorally_sdk as sdk
from chorally_core.ports.documents import Condition, Query
from chorally_core.ports.ledger import Ledger
from chorally_core.services.io.connected import Connected
from chorally_core.services.io.directory import INSTALLATION, Directory
from chorally_core.services.io.health import HealthBook
from chorally_core.services.io.inbound import Inbound
from chorally_core.services.io.model import Account, Nudge, StreamState
from chorally_core.services.io.pulling import Pulling

log = structlog.get_logger(__name__)

_LONGEST_S = 900.0


class AppPulling(Pulling):
    """Keeps the streams of all apps going; an app stands where an account does, under a name of its own."""

    def __init__(
        self,
        ledger: Ledger,
        directory: Directory,
        inbound: Inbound,
        health: HealthBook,
        *,
        now: Callable[[], datetime],
        unknown: Callable[[str, str, str], None],
        learn: Callable[[datetime], Awaitable[bool]] | None = None,
        may_pull: Callable[[], bool] = lambda: True,
        every: timedelta | None = None,
        is_mine: Callable[[str], bool] = lambda name: True,
    ) -> None:
        """Prepare to pull.

        Args:
            ledger: Where pages become durable.
            directory: Knows accounts and apps, and makes the connectors.
            inbound: Translates what they yield.
            health: Is told how it goes.
            now: The clock.
            unknown: Told the tenant, platform and external id of an account that events are about and nobody has.
            learn: Takes in what other processes connected; None where there are no others.
            may_pull: Whether there is room for more.
            every: Replaces every stream's own interval.
            is_mine: Whether something of this name falls to this process.
        """
        super().__init__(
            ledger, directory, inbound, health, now=now, on_refused=self._refused, may_pull=may_pull, every=every,
            is_mine=is_mine,
        )  # fmt: skip
        self._unknown = unknown
        self._learn = learn
        self._subjects: dict[str, Account] = {}
        self._streams: dict[str, list[sdk.Stream]] = {}
        self._connectors: dict[str, sdk.Connector] = {}
        self._versions: dict[str, int] = {}
        self._seen = -1
        self._without: set[str] = {
            name for name, each in directory.connectors.items() if not issubclass(each, sdk.Pulls)
        }  # fmt: skip

    async def follow(self) -> None:
        """Pull for the apps that fall to this process and have accounts, as things are now."""
        if len(self._without) == len(self._directory.connectors):
            return
        if self._directory.changes != self._seen:
            self._seen = self._directory.changes
            await self._learn_apps()
        for name in list(self._tasks):
            if name not in self._subjects or not self._is_mine(name):
                await self._end(name)
        for name, subject in self._subjects.items():
            if name not in self._tasks and self._is_mine(name):
                self._begin(name, subject)

    async def stop(self, account_id: str | None = None) -> None:
        """Stop the pulls of one app, or of all."""
        await super().stop(account_id)
        for name in list(self._connectors) if account_id is None else [account_id]:
            made = self._connectors.pop(name, None)
            if made is not None:
                await made.http.aclose()

    def woken(self, nudge: Nudge) -> None:
        """Let a stream of an app run now that a ping about one of its accounts asks for."""
        account = self._directory.accounts.get(nudge.account_id)
        event = self._nudged.get((self._name(account), nudge.stream)) if account is not None else None
        if event is not None:
            event.set()

    def _name(self, account: Account) -> str:
        app = self._directory.app_for(account)
        return f"app/{account.platform}/{app.id if app is not None else ''}"

    async def _learn_apps(self) -> None:
        """Find which apps have accounts and streams; what has changed of an app makes its streams begin anew."""
        found: dict[str, Account] = {}
        for account in list(self._directory.accounts.values()):
            is_served = account.state in ("connected", "degraded") and account.platform in self._directory.connectors
            if not is_served or account.platform in self._without:
                continue
            name = self._name(account)
            if name not in found and self._streams_of(name, account):
                found[name] = self._standing_for(name, account)
        for name, subject in found.items():
            app = self._directory.apps.get(subject.app_id or "")
            version = app.version if app is not None else 0
            if self._versions.get(name, version) != version:
                await self._end(name)
            self._versions[name] = version
        self._subjects = found

    def _streams_of(self, name: str, account: Account) -> list[sdk.Stream]:
        """The streams of an account's app; what cannot be asked of one account is asked of the next."""
        if name not in self._streams:
            try:
                connector = self._directory.connector(account)
                streams = connector.streams() if isinstance(connector, sdk.Pulls) else ()
            except Exception as error:
                log.warning("an account cannot say what its app pulls", account_id=account.id, error=str(error))
                return []
            self._streams[name] = [stream for stream in streams if stream.scope == "app"]
            if not self._streams[name]:
                self._without.add(account.platform)
        return self._streams[name]

    def _standing_for(self, name: str, account: Account) -> Account:
        app = self._directory.app_for(account)
        tenant = app.tenant if app is not None else INSTALLATION
        began = self._subjects[name].connected_at if name in self._subjects else account.connected_at
        return Account(
            id=name, tenant=tenant, platform=account.platform, name=app.name if app is not None else account.platform,
            app_id=app.id if app is not None else None, hook_token="", created_at=began, connected_at=began,
        )  # fmt: skip

    def _begin(self, name: str, subject: Account) -> None:
        log.info("pulling for an app", app=name)
        self._tasks[name] = [
            asyncio.create_task(self._keep(name, stream, "live"), name=f"pull:{subject.platform}:{stream.name}")
            for stream in self._streams[name]
        ]

    async def _end(self, name: str) -> None:
        if name in self._tasks:
            await self.stop(name)

    def _connected(self, subject: Account) -> Connected:
        return Connected(self._directory, subject.platform, subject.app_id or "")

    def _subject(self, name: str) -> Account | None:
        return self._subjects.get(name)

    def _connector(self, account: Account) -> sdk.Connector:
        made = self._connectors.get(account.id)
        if made is None:
            app = self._directory.apps.get(account.app_id or "")
            made = self._connectors[account.id] = self._directory.unbound(account.platform, app, None)
        return made

    async def _about(
        self, account: Account, events: Sequence[sdk.Event]
    ) -> Sequence[tuple[Account, Sequence[sdk.Event]]]:
        connected = self._connected(account)
        by_account: dict[str, tuple[Account, list[sdk.Event]]] = {}
        for event in events:
            found = connected.accounts(event.account or "")
            if not found and event.account and self._learn is not None and await self._learn(self._now()):
                found = connected.accounts(event.account)
            if not found:
                self._unknown(account.tenant, account.platform, event.account or "")
            for each in found:
                by_account.setdefault(each.id, (each, []))[1].append(event)
        return list(by_account.values())

    def _worked(self, account: Account) -> None:
        """Note nothing: that the app's stream works says nothing of an account."""

    def _erred(self, account: Account, why: str) -> None:
        for each in self._connected(account).all():
            self._health.erred(each, why)

    async def _noted(
        self, account: Account, stream: sdk.Stream, lane: str, error: Exception, after: timedelta
    ) -> float | None:
        pause = await super()._noted(account, stream, lane, error, after)
        return _LONGEST_S if pause is None else pause

    async def _refused(self, account: Account, error: sdk.ConnectorError) -> None:
        """Have the operator told: it is the app that is refused, and no person's consent."""
        log.error("the platform refuses the app", app=account.id, platform=account.platform, error=str(error))

    async def _take_nudges(self, account: Account, state: StreamState) -> None:
        where = (Condition("stream", "is", state.stream), Condition("next_at", "absent"))
        found: list[Nudge] = await self._ledger.documents.find(Query(Nudge, None, where, limit=1000))
        connected = {each.id for each in self._connected(account).all()}
        taken = [nudge.id for nudge in found if nudge.account_id in connected]
        if taken:
            await self._ledger.documents.delete(Nudge, taken)
