"""The webhook journal: a hook is durable before it is answered, and read from there.

Hooks that arrive together are stored together. Each process appends to a lane of its own, whose ids grow
in the order of arrival, so that one position tells how far it was read.
"""

import asyncio
import shutil
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

import chorally_sdk as sdk
from chorally_core.events.ids import derived
from chorally_core.ports.documents import Condition, Conflict, Key, Query
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.objects import Objects
from chorally_core.services.io.directory import Directory, receives
from chorally_core.services.io.lanes import MAIN, Backlog, OwnLane, oldest_unread
from chorally_core.services.io.model import Account, App, Hook, Lane
from chorally_core.telemetry import traces

log = structlog.get_logger(__name__)

LARGE = 256 * 1024  # bytes above which a body goes to the objects
_LOOKS_EVERY = timedelta(seconds=1)  # at the disk's room
_NOT_KEPT = frozenset(
    (
        "authorization",
        "cookie",
        "proxy-authorization",
        "host",
        "connection",
        "accept",
        "accept-encoding",
        "content-length",
    )
)
_SECRET_PARTS = ("token", "secret", "signature", "api-key")


class Unavailable(Exception):
    """Hooks cannot be taken now; the platform is asked to repeat."""


class Doors(NamedTuple):
    """What a journal needs beside others: where several processes take hooks."""

    lane: OwnLane
    backlog: Backlog
    stored: Callable[[], None]
    """Tells the reader that there are more."""
    learn: Callable[[datetime], Awaitable[bool]]
    """Takes in what other processes changed of accounts and apps; False where nothing can have changed."""


class _Group:
    """Hooks that are stored together, for whose outcome any number may wait."""

    def __init__(self) -> None:
        self.hooks: list[Hook] = []
        self._settled = asyncio.Event()
        self._stored = False

    def settle(self, *, stored: bool) -> None:
        """Tell what became of them."""
        self._stored = stored
        self._settled.set()

    async def outcome(self) -> None:
        """Return when they are stored.

        Raises:
            Unavailable: They could not be.
        """
        await self._settled.wait()
        if not self._stored:
            raise Unavailable("the webhook could not be stored")


class Journal:
    """Takes hooks, and hands them on in order."""

    def __init__(
        self,
        ledger: Ledger,
        objects: Objects,
        directory: Directory,
        *,
        now: Callable[[], datetime],
        most_waiting: int = 100_000,
        disk: Path | None = None,
        disk_reserve: int = 256 * 1024 * 1024,
        doors: Doors | None = None,
    ) -> None:
        """Prepare a lane.

        Args:
            ledger: Where hooks become durable.
            objects: Where large bodies go.
            directory: Knows apps and accounts.
            now: The clock.
            most_waiting: Hooks not yet read, above which new ones are refused for a while.
            disk: A folder whose file system must have room; None does not look.
            disk_reserve: Bytes that must be free there.
            doors: Where several processes take hooks; None where this is the only one, which reads from memory.
        """
        self._ledger = ledger
        self._objects = objects
        self._directory = directory
        self._now = now
        self._doors = doors
        self._most_waiting = most_waiting
        self._disk = disk
        self._disk_reserve = disk_reserve
        self._room: tuple[datetime | None, bool] = (None, True)
        self._arrived = _Group()
        self._arriving: dict[str, _Group] = {}
        self._flushing: asyncio.Task[None] | None = None
        self._ready: deque[Hook] = deque()
        self._behind = True
        self._upto = ""
        self._last_id = ""
        self._appended = 0
        self._read = 0
        self.counts: Counter[str] = Counter()
        """Verdicts by platform and kind since the start."""

    async def load(self) -> None:
        """Learn how far the lane was read."""
        position = await self._ledger.documents.get(Lane, self.lane)
        self._upto = position.upto if position else ""
        where = (Condition("lane", "is", self.lane),)
        last = await self._ledger.documents.find(Query(Hook, None, where, descending=True, limit=1))
        self._last_id = max(last[0].id if last else "", self._upto, self._last_id)
        self._ready.clear()
        self._behind = True
        unread = (*where, Condition("id", ">", self._upto))
        self._appended, self._read = await self._ledger.documents.count(Query(Hook, None, unread)), 0

    @property
    def lane(self) -> str:
        """The lane that this process appends to; empty where it cannot."""
        return self._doors.lane.name if self._doors is not None else MAIN

    @property
    def upto(self) -> str:
        """Id of the last hook that was read, where one process takes hooks."""
        return self._upto

    async def were_read(self) -> Condition:
        """Return what holds of hooks of all lanes that were read; of some that were read, it may not."""
        if self._doors is None:
            return Condition("id", "<=", self._upto)
        oldest = await oldest_unread(self._ledger.documents)
        return Condition("id", ">", "") if oldest is None else Condition("id", "<", oldest)

    @property
    def waiting(self) -> int:
        """Hooks that are not read yet."""
        return self._appended - self._read if self._doors is None else self._doors.backlog.waiting

    async def receive(self, platform: str, token: str, raw: sdk.RawHook) -> sdk.Verdict:
        """Judge a request of a platform and, where it is accepted, store it before returning.

        Args:
            platform: The connector's platform.
            token: The unguessable part of the URL, empty for the platform's shared one.
            raw: The request.

        Raises:
            LookupError: The URL belongs to nothing.
            Unavailable: It cannot be stored now.
        """
        connector = self._directory.connectors.get(platform)
        hooks = connector.manifest.hooks if connector else None
        if connector is None or hooks is None:
            raise LookupError("no connected platform takes webhooks here")
        self._check_room(raw.received_at)
        try:
            verdict, app, account, raw = self._judge(platform, hooks, token, raw)
        except LookupError:
            if self._doors is None or not await self._doors.learn(raw.received_at):
                raise
            verdict, app, account, raw = self._judge(platform, hooks, token, raw)
        if verdict.kind == "reject" and self._doors is not None and issubclass(connector, sdk.Subscribes):
            await self._doors.learn(raw.received_at)  # its secret may have been made elsewhere just now
            verdict, app, account, raw = self._judge(platform, hooks, token, raw)
        if verdict.kind == "stale_keys" and await self._directory.renew_keys(hooks.jwks):
            verdict, app, account, raw = self._judge(platform, hooks, token, raw)
        self.counts[f"{platform}:{verdict.kind}"] += 1
        if verdict.kind == "accept":
            await self._keep(platform, app, account, raw, verdict)
        elif verdict.kind != "handshake":
            log.warning("webhook rejected", platform=platform, status=verdict.status, size_bytes=len(raw.body))
        return verdict

    def _judge(
        self, platform: str, hooks: sdk.Hooks, token: str, raw: sdk.RawHook
    ) -> tuple[sdk.Verdict, App | None, Account | None, sdk.RawHook]:
        connector = receives(self._directory.bare(platform))
        account = None
        apps: list[App | None]
        if hooks.scope == "account":
            accounts = self._directory.accounts.values()
            account = next((a for a in accounts if a.platform == platform and token and a.hook_token == token), None)
            if account is None or account.state == "disconnected":
                raise LookupError("no account is connected at this URL")
            raw = raw.model_copy(update={"account": account.external_id})
            apps = [self._directory.app_for(account)]
        else:
            apps = [a for a in self._directory.apps_of(platform) if not token or a.hook_token == token]
            if not apps:
                raise LookupError("no app of this platform is set up at this URL")
        verdict = sdk.reject()
        for app in apps:
            try:
                verdict = connector.verify(raw, self._directory.keys(app, account))
            except Exception as error:
                log.error("verify failed", platform=platform, exc_info=error)
                verdict = sdk.reject(400)
            if verdict.kind != "reject":
                return verdict, app, account, raw
        return verdict, None, account, raw

    def has_room(self) -> bool:
        """Whether more can be taken: the lag is bounded and the disk is not almost full."""
        return self.waiting < self._most_waiting and self._disk_has_room(self._now())

    def _check_room(self, now: datetime) -> None:
        if self.waiting >= self._most_waiting:
            raise Unavailable("too many webhooks wait to be read")
        if not self._disk_has_room(now):
            raise Unavailable("the disk is almost full")

    def _disk_has_room(self, now: datetime) -> bool:
        if self._disk is None:
            return True
        at, room = self._room
        if at is None or now - at > _LOOKS_EVERY:
            room = shutil.disk_usage(self._disk).free >= self._disk_reserve
            self._room = (now, room)
        return room

    async def _keep(
        self, platform: str, app: App | None, account: Account | None, raw: sdk.RawHook, verdict: sdk.Verdict
    ) -> None:
        key = None
        if verdict.delivery_id:
            key = derived("hook", platform, app.id if app else "", account.id if account else "", verdict.delivery_id)
            if await self._ledger.documents.load([Key(Hook, "delivery_key", key)]):
                self.counts[f"{platform}:repeated"] += 1
                return
        body, stored_as = raw.body, ""
        tenant = account.tenant if account else app.tenant if app else ""
        if len(body) > LARGE:
            stored_as = f"hooks/{derived('body', platform, raw.received_at.isoformat(), sha256(body).hexdigest())}"
            await self._objects.put(tenant, stored_as, body)
            body = b""
        if key is not None and key in self._arriving:
            self.counts[f"{platform}:repeated"] += 1
            await self._arriving[key].outcome()
            return
        if self._doors is not None and not self._doors.lane.is_open and not await self._doors.lane.open():
            raise Unavailable("no journal lane can be opened")
        name = self._next_id(raw.received_at)  # nothing is waited for from here to the list, so ids come in order
        hook = Hook(
            id=name, tenant=tenant, lane=self.lane, platform=platform, app_id=app.id if app else None,
            account_id=account.id if account else None, method=raw.method, path=raw.path, query=dict(raw.query),
            headers=_public(raw.headers), body=body, body_object=stored_as, size_bytes=len(raw.body),
            received_at=raw.received_at, delivery_key=key, traceparent=traces.current(),
            place=self._doors.lane.next_place() if self._doors is not None else None,
        )  # fmt: skip
        await self._append(hook)

    def _next_id(self, at: datetime) -> str:
        """An id that begins with the time and is above all earlier ones of the lane."""
        stamp = max(int(at.timestamp() * 1000) << 16, int(self._last_id[:16] or "0", 16) + 1)
        self._last_id = f"{stamp:016x}-{self.lane}"
        return self._last_id

    async def _append(self, hook: Hook) -> None:
        group = self._arrived
        group.hooks.append(hook)
        if hook.delivery_key is not None:
            self._arriving[hook.delivery_key] = group
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        await group.outcome()

    async def _flush(self) -> None:
        """Store what has arrived, in one commit, and whatever arrives meanwhile after it."""
        while self._arrived.hooks:
            group, self._arrived = self._arrived, _Group()
            try:
                if self._doors is None:
                    await self._ledger.commit(Work([Step.of(group.hooks)]))
                else:
                    await self._store_beside_others(self._doors, group.hooks)
            except Exception as error:
                log.error("webhooks could not be stored", count=len(group.hooks), exc_info=error)
                self._answer(group, stored=False)
                if self._doors is not None:  # some may become visible later: nothing may come behind them
                    self._doors.lane.leave()
                    behind, self._arrived = self._arrived, _Group()
                    self._answer(behind, stored=False)
                continue
            self._appended += len(group.hooks)
            if not self._behind:
                self._ready.extend(group.hooks)
            self._answer(group, stored=True)
            if self._doors is not None:
                self._doors.stored()
                continue
            self._ledger.bus.wake()
            await asyncio.sleep(0)

    async def _store_beside_others(self, doors: Doors, hooks: Sequence[Hook]) -> None:
        """Store hooks of which another process may store some at the same time: a platform may repeat itself there."""
        try:
            await self._ledger.commit(Work([Step.of(hooks)]))
        except Conflict:
            keys = [Key(Hook, "delivery_key", hook.delivery_key) for hook in hooks if hook.delivery_key is not None]
            stored = {hook.delivery_key for hook in (await self._ledger.documents.load(keys)).values()
                      if isinstance(hook, Hook)}  # fmt: skip
            rest = [hook for hook in hooks if hook.delivery_key not in stored]
            for hook in rest:
                msgspec.structs.force_setattr(hook, "version", 0)
            if len(rest) == len(hooks):
                raise
            self.counts["repeated elsewhere"] += len(hooks) - len(rest)
            await self._ledger.commit(Work([Step.of(rest)]))
        if not await doors.lane.will_be_read(hooks):
            raise Unavailable("this process was taken for dead")
        doors.backlog.appended(len(hooks))

    def _answer(self, group: "_Group", *, stored: bool) -> None:
        """Tell those who wait whether their hooks are stored."""
        for hook in group.hooks:
            if hook.delivery_key is not None:
                self._arriving.pop(hook.delivery_key, None)
        group.settle(stored=stored)

    async def take(self, limit: int) -> list[Hook]:
        """Return the next hooks that were not read."""
        if self._behind:
            return await self._take_stored(limit)
        return [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]

    async def _take_stored(self, limit: int) -> list[Hook]:
        """The next hooks from the store; what is stored while they are looked for must not be missed."""
        self._behind = False
        where = (Condition("lane", "is", self.lane), Condition("id", ">", self._upto))
        try:
            found: list[Hook] = await self._ledger.documents.find(Query(Hook, None, where, limit=limit))
        except BaseException:
            self._behind = True
            self._ready.clear()
            raise
        if len(found) < limit:
            last = found[-1].id if found else ""
            self._ready = deque(hook for hook in self._ready if hook.id > last)
        else:
            self._behind = True
            self._ready.clear()
        return found

    def reached(self, hook: Hook, count: int) -> None:
        """Note in memory that the lane was read up to this hook; the reader stores its position."""
        self._upto = hook.id
        self._read += count

    async def raw(self, hook: Hook) -> sdk.RawHook:
        """Return a stored hook as the connector parses it."""
        body = await self._objects.get(hook.tenant, hook.body_object) if hook.body_object else hook.body
        account = self._directory.accounts.get(hook.account_id or "")
        return sdk.RawHook(
            method=hook.method, path=hook.path, query=hook.query, headers=hook.headers, body=body,
            received_at=hook.received_at, account=account.external_id if account else None,
        )  # fmt: skip


def _public(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers without those that prove or authorise, nor those of the connection."""
    return {name: value for name, value in headers.items() if _is_public(name)}


@lru_cache(maxsize=1000)
def _is_public(name: str) -> bool:
    return name not in _NOT_KEPT and not any(part in name for part in _SECRET_PARTS)
