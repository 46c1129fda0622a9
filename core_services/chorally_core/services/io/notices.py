"""What platforms say about accounts: stored with what it came in, acted on by whoever serves the account, then removed.

A notice that comes twice is one while it waits. What it asks for is done again where a process ends in between.
"""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
import structlog

import chorally_sdk as sdk
from chorally_core.events.ids import derived
from chorally_core.ports.documents import Condition, Conflict, Document, Query
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.storable import shown
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.health import HealthBook
from chorally_core.services.io.model import Account

log = structlog.get_logger(__name__)

_STEP = 200
_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 3600.0
_TRIES = 30  # about a day


class AccountNotice(Document, frozen=True, kw_only=True):
    """What a platform has said about an account, until it is acted on."""

    kind = "notice"
    sparse = ("next_at",)
    indexes = (("account_id",),)

    account_id: str
    what: Literal["revoked", "subscription_lost", "moved"]
    external_id: str | None = None
    new_id: str | None = None
    received_at: datetime
    next_at: datetime
    attempts: int = 0


def noticed(account: Account, events: Iterable[sdk.Event], at: datetime) -> list[Document]:
    """Return what is stored of the notices among an account's events."""
    return [_stored(account, event, at) for event in events if isinstance(event, sdk.Notice) and event.kind != "erase"]


def _stored(account: Account, notice: sdk.Notice, at: datetime) -> AccountNotice:
    what: Any = notice.kind
    name = derived("notice", account.id, what, notice.external_id or "", notice.new_id or "")
    return AccountNotice(
        id=name, tenant=account.tenant, account_id=account.id, what=what, external_id=notice.external_id,
        new_id=notice.new_id, received_at=at, next_at=at,
    )  # fmt: skip


class Noticing:
    """Acts on notices."""

    def __init__(
        self,
        ledger: Ledger,
        directory: Directory,
        health: HealthBook,
        *,
        now: Callable[[], datetime],
        on_revoked: Callable[[Account], Awaitable[None]],
        on_lost: Callable[[Account, AccountNotice], Awaitable[None]],
        on_moved: Callable[[Account, str], Awaitable[None]],
        is_mine: Callable[[str], bool] = lambda account_id: True,
    ) -> None:
        """Prepare to act.

        Args:
            ledger: Where notices are.
            directory: Knows the accounts.
            health: Is told of what cannot be done.
            now: The clock.
            on_revoked: Takes in that an account's consent was revoked.
            on_lost: Takes in that an account's subscription is gone, and removes the notice as it does.
            on_moved: Follows an account to its new id.
            is_mine: Whether this process serves an account now; others are left alone.
        """
        self._ledger = ledger
        self._directory = directory
        self._health = health
        self._now = now
        self._on_revoked = on_revoked
        self._on_lost = on_lost
        self._on_moved = on_moved
        self._is_mine = is_mine

    async def dispatch(self) -> int:
        """Act on what is due; return how many notices that was."""
        done = 0
        after: tuple[Any, str] | None = None
        where = (Condition("next_at", "<=", self._now()),)
        while True:
            query = Query(AccountNotice, None, where, order="next_at", limit=_STEP, after=after)
            found: list[AccountNotice] = await self._ledger.documents.find(query)
            for notice in found:
                if self._is_mine(notice.account_id):
                    await self._take(notice)
                    done += 1
            if len(found) < _STEP:
                return done
            after = (found[-1].next_at, found[-1].id)

    async def _take(self, notice: AccountNotice) -> None:
        account = self._directory.accounts.get(notice.account_id)
        try:
            if account is not None and account.state != "disconnected":
                await self._act(account, notice)
            await self._ledger.documents.delete(AccountNotice, [notice.id])
        except Conflict:
            log.info("account changed meanwhile", account_id=notice.account_id)
        except Exception as error:
            await self._later(account, notice, error)

    async def _act(self, account: Account, notice: AccountNotice) -> None:
        log.info("notice", account_id=account.id, what=notice.what)
        if notice.what == "revoked":
            await self._on_revoked(account)
        elif notice.what == "subscription_lost":
            await self._on_lost(account, notice)
        elif notice.new_id and notice.external_id in (None, account.external_id):
            await self._on_moved(account, notice.new_id)
        else:
            log.warning("what moved is not followed: it is no account", account_id=account.id)

    async def _later(self, account: Account | None, notice: AccountNotice, error: Exception) -> None:
        """Try again later; what cannot be done for a day, or is refused, is given up. Either is told in health."""
        why = shown(error)
        log.warning("a notice could not be acted on", account_id=notice.account_id, what=notice.what, error=why)
        if account is not None:
            self._health.erred(account, f"the platform says {notice.what}, and: {why}")
        if notice.attempts + 1 >= _TRIES or isinstance(error, sdk.Rejected | sdk.Reauthorize):
            await self._ledger.documents.delete(AccountNotice, [notice.id])
            return
        pause = timedelta(seconds=min(_FIRST_PAUSE_S * 2.0**notice.attempts, _LONGEST_PAUSE_S))
        again = msgspec.structs.replace(notice, next_at=self._now() + pause, attempts=notice.attempts + 1)
        await self._ledger.commit(Work([Step.of([again])]))
