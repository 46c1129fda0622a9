"""Does to what is there already what people ask for: hides, shows, deletes, likes, edits, marks as read.

Every verb is idempotent by its target, so there is no claim and no doubt: what was cut off is simply done again, as
long as the actions on one target keep their order.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

import msgspec
import structlog

import chorally_sdk as sdk
from chorally_core.events import Event, LogAdd, MessageDelete, MessageUpdate, PublicationReconcile, topics
from chorally_core.events.ids import derived
from chorally_core.ports.documents import Condition, Conflict, Query
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.secrets import Vault
from chorally_core.services.io.deliver import SERVICE
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.health import HealthBook
from chorally_core.services.io.model import Account, Moderation, Target
from chorally_core.services.io.refusal import too_long
from chorally_core.services.io.targets import NotCertain, targets, where, with_done
from chorally_sdk.http.budgets import lane

log = structlog.get_logger(__name__)

_TRIES = 60  # after which a platform that cannot be reached is given up, which takes more than half a day
_ODD_TRIES = 5  # of an action that fails for a reason that no platform names
_LOOK_AGAIN = timedelta(seconds=2)
_LOOK_LATER = timedelta(seconds=30)
_LONGEST = timedelta(minutes=15)


class Moderating:
    """Carries out the moderations of all accounts."""

    def __init__(
        self,
        ledger: Ledger,
        directory: Directory,
        vault: Vault,
        health: HealthBook,
        *,
        now: Callable[[], datetime],
        on_refused: Callable[[Account, sdk.ConnectorError], Awaitable[None]],
        call_s: float,
        is_mine: Callable[[str], bool],
        on_done: Callable[[], None],
    ) -> None:
        """Prepare to moderate.

        Args:
            ledger: Where states become durable.
            directory: Makes the connectors.
            vault: Opens routes.
            health: Is told how it goes.
            now: The clock.
            on_refused: Told when the platform refuses an account's token or a permission.
            call_s: Seconds that one call may take.
            is_mine: Whether this process serves an account now.
            on_done: Told when an account's actions that were due are done.
        """
        self._ledger = ledger
        self._directory = directory
        self._vault = vault
        self._health = health
        self._now = now
        self._on_refused = on_refused
        self._call_s = call_s
        self._is_mine = is_mine
        self._on_done = on_done
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._paused_until: dict[str, datetime] = {}

    def is_busy(self, account_id: str) -> bool:
        """Whether something is done for an account now."""
        return account_id in self._busy

    async def dispatch(self) -> int:
        """Start what is due, account by account; return how many are due."""
        now = self._now()
        accounts = self._directory.accounts
        free = [name for name, account in accounts.items() if self._is_free(account, now)]
        where = (Condition("next_at", "<=", now), Condition("account_id", "in", free))
        due: list[Moderation] = []
        if free:
            due = await self._ledger.documents.find(Query(Moderation, None, where, order="next_at", limit=1000))
        by_account: dict[str, list[Moderation]] = defaultdict(list)
        for moderation in due:
            by_account[moderation.account_id].append(moderation)
        for account_id, moderations in by_account.items():
            task = asyncio.create_task(self._work(accounts[account_id], moderations), name=f"moderate:{account_id}")
            self._busy[account_id] = task
            task.add_done_callback(partial(self._finished, account_id))
        return len(due)

    def _is_free(self, account: Account, now: datetime) -> bool:
        if account.id in self._busy or account.state == "reauthorization_required" or not self._is_mine(account.id):
            return False
        return self._paused_until.get(account.id, now) <= now

    def _finished(self, account_id: str, _: asyncio.Task[None]) -> None:
        self._busy.pop(account_id, None)
        self._on_done()

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._busy:
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def stop(self, within_s: float) -> None:
        """End what is under way; what is cut off is done again."""
        tasks = list(self._busy.values())
        if tasks:
            await asyncio.wait(tasks, timeout=within_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, account: Account, moderations: list[Moderation]) -> None:
        for moderation in sorted(moderations, key=lambda each: (each.created_at, each.id)):
            if not self._is_mine(account.id) or self._paused_until.get(account.id, self._now()) > self._now():
                return
            try:
                with lane("reply"):
                    await self.carry_out(account, moderation)
            except Conflict:
                log.info("moderation changed meanwhile", moderation_id=moderation.id)
            except Exception as error:
                log.error("moderation failed unexpectedly", moderation_id=moderation.id, exc_info=error)
                self._paused_until[account.id] = self._now() + 5 * _LOOK_AGAIN
                return

    async def carry_out(self, account: Account, moderation: Moderation) -> None:
        """Do one thing, or find out that it cannot be done."""
        if account.state == "disconnected":
            await self._failed(moderation, "the account is disconnected; connect it and ask again", sdk.Reason.INVALID)
            return
        if await self._waits(moderation):
            await self._later(moderation, _LOOK_AGAIN, "an earlier action on the same message goes first")
            return
        connector = self._directory.connector(account)
        why = _refusal(moderation, connector)
        if why or not isinstance(connector, sdk.Moderates):
            await self._failed(moderation, why or f"{account.platform} moderates nothing", sdk.Reason.INVALID)
            return
        expanded = await self._expanded(moderation, connector)
        if expanded is None:
            return
        moderation = expanded
        if not moderation.targets and not await self._call(account, connector, moderation, None):
            return
        for target in moderation.targets:
            if target.is_done:
                continue
            if not await self._call(account, connector, moderation, target):
                return
            moderation = with_done(moderation, target)
            await self._ledger.commit(Work([Step.of([moderation])]))
        await self._done(moderation)

    async def _expanded(self, moderation: Moderation, connector: sdk.Connector) -> Moderation | None:
        """The moderation with the parts that it is about, stored; None where it waits or cannot be done."""
        if moderation.targets:
            return moderation
        try:
            found = await targets(self._ledger.documents, moderation, connector)
        except NotCertain as error:
            await self._later(moderation, _LOOK_LATER, str(error))
            return None
        except sdk.Rejected as error:
            await self._failed(moderation, str(error), error.reason)
            return None
        if not found:
            if why := _too_long(moderation, connector):
                await self._failed(moderation, why, sdk.Reason.INVALID)
                return None
            return moderation
        expanded = msgspec.structs.replace(moderation, targets=found)
        await self._ledger.commit(Work([Step.of([expanded])]))
        return expanded

    async def _call(
        self, account: Account, connector: sdk.Moderates, moderation: Moderation, target: Target | None
    ) -> bool:
        """Do it to one visible thing; return whether it is done, otherwise what comes next is stored."""
        of = where(moderation, target)
        try:
            async with asyncio.timeout(self._call_s):
                await connector.moderate(self._action(moderation, target))
        except sdk.RetryLater as error:
            await self._tried(moderation, error.wait, f"{of}{error}", _TRIES)
            if isinstance(error, sdk.RateLimited) and error.scope != "endpoint":
                self._paused_until[account.id] = self._now() + (error.wait or timedelta(minutes=1))
        except sdk.Reauthorize as error:
            await self._later(moderation, timedelta(0), f"{of}{error}")
            await self._on_refused(account, error)
        except (sdk.Rejected, sdk.Unsupported) as error:
            return await self._rejected(account, moderation, target, error)
        except Exception as error:  # whatever became of it, it may be done again
            why = str(error) if isinstance(error, sdk.ConnectorError) else f"{type(error).__name__} during the call"
            self._health.erred(account, why)
            await self._tried(moderation, None, f"{of}{why}", _ODD_TRIES)
        else:
            self._health.worked(account)
            return True
        return False

    async def _waits(self, moderation: Moderation) -> bool:
        """Whether an earlier action on the same target is not done yet."""
        where = (
            Condition("external_id", "is", moderation.external_id),
            Condition("account_id", "is", moderation.account_id),
            Condition("next_at", "present"),
        )
        others: list[Moderation] = await self._ledger.documents.find(Query(Moderation, moderation.tenant, where))
        mine = (moderation.created_at, moderation.id)
        return any((other.created_at, other.id) < mine for other in others)

    def _action(self, moderation: Moderation, target: Target | None) -> sdk.Action:
        about = target or moderation
        return sdk.Action(
            verb=about.verb,
            external_id=about.external_id,
            channel=moderation.channel,
            conversation_id=moderation.conversation_id,
            body=about.body,
            route=self._vault.open(moderation.route) if moderation.route else {},
        )

    async def _rejected(
        self, account: Account, moderation: Moderation, target: Target | None, error: sdk.ConnectorError
    ) -> bool:
        """Record a refusal; what is gone already is deleted, which is as good as done."""
        reason = error.reason if isinstance(error, sdk.Rejected) else sdk.Reason.INVALID
        if reason is sdk.Reason.GONE and (target or moderation).verb == "delete":
            return True
        await self._failed(moderation, f"{where(moderation, target)}{error}", reason)
        if reason is sdk.Reason.PERMISSION:
            await self._on_refused(account, error)
        return False

    async def _tried(self, moderation: Moderation, wait: timedelta | None, why: str, most: int) -> None:
        if moderation.attempts + 1 >= most:
            await self._failed(moderation, f"{why}; it was tried {most} times", sdk.Reason.INVALID)
            return
        pause = wait or min(timedelta(seconds=2.0 ** min(moderation.attempts, 10)), _LONGEST)
        await self._later(msgspec.structs.replace(moderation, attempts=moderation.attempts + 1), pause, why)

    async def _later(self, moderation: Moderation, wait: timedelta, why: str) -> None:
        again = msgspec.structs.replace(moderation, next_at=self._now() + wait, error=why)
        await self._ledger.commit(Work([Step.of([again])]))

    async def _done(self, moderation: Moderation) -> None:
        now = self._now()
        done = _settled(moderation, "done", now)
        await self._ledger.commit(Work([Step.of([done], [*_became(moderation, now), _fact(done, now)])]))

    async def _failed(self, moderation: Moderation, why: str, reason: sdk.Reason) -> None:
        now = self._now()
        failed = msgspec.structs.replace(_settled(moderation, "failed", now), error=why[:1000], reason=reason)
        is_gone = reason is sdk.Reason.GONE and not moderation.targets
        if moderation.of == "publication":
            became = [_of_post(failed, "deleted" if is_gone else "unchanged", now)]
        else:
            became = _became(msgspec.structs.replace(moderation, verb="delete"), now) if is_gone else []
        await self._ledger.commit(Work([Step.of([failed], [*became, _fact(failed, now)])]))


def _settled(moderation: Moderation, state: Any, at: datetime) -> Moderation:
    """The moderation at its end, without what it said."""
    wordless = tuple(msgspec.structs.replace(target, body="") for target in moderation.targets)
    return msgspec.structs.replace(
        moderation, state=state, settled_at=at, next_at=None, body="", route="", error="", reason="", targets=wordless
    )


def _refusal(moderation: Moderation, connector: sdk.Connector) -> str:
    """Why it can never be done, as far as the manifest tells; empty where it may."""
    try:
        limits = connector.manifest.channel(moderation.channel).actions.get(moderation.verb)
    except LookupError as error:
        return f"{error}; the connector that had it may be gone"
    if limits is None:
        return f"{moderation.channel} does not offer {moderation.verb!r}"
    return ""


def _too_long(moderation: Moderation, connector: sdk.Connector) -> str:
    """Why a new text takes more than one visible thing does; empty where it does not."""
    limits = connector.manifest.channel(moderation.channel).actions.get(moderation.verb)
    if moderation.verb != "edit" or limits is None:
        return ""
    return too_long(moderation.body, (), limits.model_copy(update={"parts": 1}), connector.measure, files=False)


def _became(moderation: Moderation, at: datetime) -> list[Event[Any]]:
    """What the message service is told of the message, as if the platform had told it."""
    if moderation.of == "publication":
        return [_of_post(moderation, "deleted" if moderation.verb == "delete" else "edited", at)]
    name, data = moderation.message_id, None
    match moderation.verb:
        case "hide" | "unhide":
            data = MessageUpdate(id=name, state="hidden" if moderation.verb == "hide" else "visible", at=at)
        case "edit":
            data = MessageUpdate(id=name, state="edited", at=at, body=moderation.body)
        case "delete":
            return [_event(moderation, topics.MESSAGES, "delete", MessageDelete(id=name, at=at), at)]
    return [] if data is None else [_event(moderation, topics.MESSAGES, "update", data, at)]


def _of_post(moderation: Moderation, state: Literal["edited", "deleted", "unchanged"], at: datetime) -> Event[Any]:
    """What the publishing service is told of a post of ours."""
    data = PublicationReconcile(
        publication_id=moderation.message_id, state=state, at=at, asked=moderation.id, reason=moderation.error,
        body=moderation.body if state == "edited" else "",
    )  # fmt: skip
    return _event(moderation, topics.PUBLICATIONS, "reconcile", data, at)


def _fact(moderation: Moderation, at: datetime) -> Event[Any]:
    data = LogAdd(
        kind=f"moderation_{moderation.state}",
        subject_type=moderation.of,
        subject_id=moderation.message_id,
        message_id=moderation.message_id if moderation.of == "message" else None,
        account_id=moderation.account_id,
        snapshot={
            "verb": moderation.verb, "channel": moderation.channel, "error": moderation.error,
            "asked_by": moderation.asked_by,
        },
    )  # fmt: skip
    return _event(moderation, topics.LOGS, "add", data, at)


def _event(moderation: Moderation, topic: str, name: str, data: Any, at: datetime) -> Event[Any]:
    return Event(
        topic=topic,
        issuer=SERVICE,
        name=name,
        data=data,
        id=derived("moderated", moderation.id, topic, name),
        tenant=moderation.tenant,
        key=moderation.key,
        occurred_at=at,
        caused_by=moderation.id,
        traceparent=moderation.traceparent,
    )
