"""Keeps the grants of all accounts good, in whichever process they are used.

A consent's grant is renewed by its connector's ``renew``. A token that the platform gives an account of its own is
derived anew from the consent's, for all accounts of the consent at once; one that is not there any more has lost
its grant, and its account alone. A consent that ends for good whatever is renewed is told of in time, and one that
nothing uses any more is given back to the platform (``revoking``).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import structlog

import chorally_sdk as sdk
from chorally_core.ports.documents import Condition, Documents, Query
from chorally_core.ports.leases import AlwaysHeld, Leases
from chorally_core.ports.secrets import Vault
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.grants import GrantRecord, Grants, is_same
from chorally_core.services.io.model import Account
from chorally_core.services.io.revoking import Revoking
from chorally_sdk.oauth import Kept, Live, Renewing

log = structlog.get_logger(__name__)

CALL_S = 30.0
_AT_ONCE = 500
LEFT_BEHIND = timedelta(days=2)
"""How old a grant is that nothing uses when nobody can choose from its consent any more, nor is about to."""

GONE = "the consent does not give this account any more; connect it again"


async def _nothing(account: Account, why: str) -> None:
    """Do nothing."""


class Renewal:
    """Renews grants, early and when they are refused."""

    def __init__(
        self,
        documents: Documents,
        vault: Vault,
        directory: Directory,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        leases: Leases | None = None,
        on_refused: Callable[[Account, str], Awaitable[None]] = _nothing,
        on_restored: Callable[[Account, str], Awaitable[None]] = _nothing,
        on_trouble: Callable[[Account, str], Awaitable[None]] = _nothing,
        on_ending: Callable[[Account, str], Awaitable[None]] = _nothing,
        call_s: float = CALL_S,
    ) -> None:
        """Prepare to renew.

        Args:
            documents: Where the grants are.
            vault: Seals them.
            directory: Makes the connectors, and knows which accounts use a grant.
            now: The clock.
            new_id: Gives unguessable ids.
            leases: Let one of several processes renew a grant; None where there is one process.
            on_refused: Told of each account whose grant is refused.
            on_restored: Told of each account whose grant was refused and is good again.
            on_trouble: Told of each account whose grant cannot be renewed for what the operator must mend.
            on_ending: Told of each account, once, whose consent will end and must be asked for again.
            call_s: Seconds that asking a platform may take.
        """
        self._documents = documents
        self.grants = Grants(documents, vault, leases or AlwaysHeld())
        self._directory = directory
        self._now = now
        self._on_refused = on_refused
        self._on_restored = on_restored
        self._on_trouble = on_trouble
        self._on_ending = on_ending
        self._revoking = Revoking(self.grants, self._giving_back, directory, now=now, call_s=call_s)
        self._renewing = Renewing(
            self.grants,
            self._renew,
            now=now,
            new_id=new_id,
            call_s=call_s,
            settles=timedelta(seconds=call_s if leases else 0),
            on_refused=self._is_refused,
            on_renewed=self._is_renewed,
            on_trouble=self._is_troubled,
        )
        self._deriving: set[asyncio.Task[None]] = set()
        directory.live = self.live

    def live(self, grant_id: str) -> Live:
        """Return a grant as HTTP clients want it: good at each use."""
        return Live(self._renewing, grant_id)

    async def put(self, record: GrantRecord, grant: sdk.Grant | None) -> None:
        """Store a grant that a consent, a listing or a person gave; the first time with what is known of it."""
        if await self.grants.record(record.id) is None:
            await self.grants.add(record)
        await self._renewing.put(record.id, grant)

    async def kept(self, grant_id: str) -> Kept | None:
        """Return a grant as it is kept."""
        return await self._renewing.kept(grant_id)

    async def ends_at(self, account: Account) -> datetime | None:
        """Return when an account's token ends now, as far as that is known."""
        record = await self.grants.record(account.grant_id) if account.grant_id else None
        return account.token_expires_at if record is None else record.expires_at

    async def remove_unused(self, grant_id: str | None) -> int:
        """Forget a grant that no account uses any more, and the consent's it was derived from; return how many."""
        forgotten = 0
        while grant_id is not None:
            record = await self.grants.record(grant_id)
            if record is None or await self._is_used(record) or await self.grants.children(grant_id):
                break
            if not await self._revoking.takes(record):
                await self.grants.remove(grant_id)
            self._renewing.forget(grant_id)
            forgotten, grant_id = forgotten + 1, record.parent or None
        return forgotten

    async def sweep(self) -> int:
        """Forget grants that nothing uses and nobody can choose from any more; return how many these are.

        A process that was killed left them behind, after what used them was gone or before anything did.
        """
        used = {account.grant_id for account in list(self._directory.accounts.values())}
        old, found = self._now() - LEFT_BEHIND, 0
        async for records in self.grants.all(_AT_ONCE):
            for record in records:
                if record.id not in used and record.ended_at is None and record.created_at < old:
                    found += await self.remove_unused(record.id)
        return found

    async def remove_unused_child(self, grant_id: str) -> None:
        """Forget a derived grant that no account uses; the consent's stays for another choice."""
        record = await self.grants.record(grant_id)
        if record is not None and not await self._is_used(record):
            await self.grants.remove(grant_id)
            self._renewing.forget(grant_id)

    async def _is_used(self, record: GrantRecord) -> bool:
        """Whether an account uses a grant, also one that another process has connected just now."""
        where = (Condition("grant_id", "is", record.id),)
        return bool(await self._documents.count(Query(Account, record.tenant, where, limit=1)))

    @contextlib.asynccontextmanager
    async def connector(
        self, platform: str, app_id: str | None, tenant: str, grant_id: str | None = None
    ) -> AsyncIterator[sdk.Connector]:
        """Give a connector that is about no account, with a grant or without, for a few calls."""
        app = self._directory.app_of(platform, app_id, tenant)
        made = self._directory.unbound(platform, app, self.live(grant_id) if grant_id else None)
        try:
            yield made
        finally:
            await made.http.aclose()

    async def listed(self, record: GrantRecord) -> Sequence[sdk.AccountInfo]:
        """Return the accounts that a consent's grant opens.

        Raises:
            Unsupported: The connector lists none.
            ConnectorError: What the platform's answer causes.
        """
        async with self.connector(record.platform, record.app_id, record.tenant, record.id) as connector:
            if not isinstance(connector, sdk.Discovers):
                raise sdk.Unsupported(f"the connector {record.platform!r} lists no accounts")
            return await connector.accounts()

    async def renew_due(self) -> int:
        """Look after what is due, so that calls do not have to wait for it; return how many grants were looked at.

        What is about to end is renewed, people are told of consents that end for good, what nothing uses is given back.
        """
        records = await self.grants.due(self._now(), _AT_ONCE)
        for record in records:
            try:
                await self._look_after(record)
            except Exception as error:  # such as one that cannot be opened: it holds up no other
                log.error("a grant could not be looked after", grant_id=record.id, exc_info=error)
        return len(records)

    async def _look_after(self, record: GrantRecord) -> None:
        if record.ended_at is not None:
            await self._revoking.give_back(record)
            return
        try:
            await self._renewing.fresh(record.id)
        except sdk.ConnectorError as error:
            log.info("a grant could not be renewed now", grant_id=record.id, error=str(error))
        await self._warn(record.id)

    async def _warn(self, name: str) -> None:
        """Tell of a consent that ends for good, in time; once, unless this process is killed meanwhile."""
        kept = await self._renewing.kept(name)
        ends, warns_at = (kept.ends_for_good_at(), kept.warns_at()) if kept is not None else (None, None)
        if ends is None or warns_at is None or self._now() < warns_at or not await self.grants.hold(name):
            return
        try:
            if await self.grants.was_told(name, ends):
                return
            why = f"the consent ends on {ends:%Y-%m-%d}; connect the account again before that"
            for each in (name, *(child.id for child in await self.grants.children(name))):
                await self._tell(each, self._on_ending, why)
            await self.grants.told(name, ends)
            self._renewing.forget(name)  # it has another version now
        finally:
            await self.grants.release(name)

    @contextlib.asynccontextmanager
    async def _giving_back(self, record: GrantRecord) -> AsyncIterator[sdk.Connector]:
        async with self.connector(record.platform, record.app_id, record.tenant) as connector:
            yield connector

    async def _renew(self, name: str, grant: sdk.Grant | None) -> sdk.Grant:
        record = await self.grants.record(name)
        if record is None:
            raise sdk.Reauthorize("there is no grant; connect the account again")
        if record.parent:
            return await self._derived(record, grant)
        async with self.connector(record.platform, record.app_id, record.tenant) as connector:
            if not isinstance(connector, sdk.Renews):
                raise sdk.Reauthorize("the token is refused and cannot be renewed; connect the account again")
            return await connector.renew(grant)

    async def _derived(self, record: GrantRecord, grant: sdk.Grant | None) -> sdk.Grant:
        """The account's own token, derived anew; where that gives the same, from a consent that was renewed first."""
        parent = await self.grants.record(record.parent)
        if parent is None:
            raise sdk.Reauthorize(GONE)
        made = await self._derive(parent, record.id)
        if is_same(made, grant):
            of_consent = await self._renewing.fresh(parent.id)
            await self._renewing.fresh(parent.id, of_consent)
            made = await self._derive(parent, record.id)
        if made is None or is_same(made, grant):
            raise sdk.Reauthorize(GONE)
        return made

    async def _derive(self, parent: GrantRecord, wanted: str = "") -> sdk.Grant | None:
        """Store the own tokens of all accounts of a consent as the platform lists them now; return the one wanted."""
        found = {info.external_id: info.grant for info in await self.listed(parent)}
        mine: sdk.Grant | None = None
        for child in await self.grants.children(parent.id):
            grant = found.get(child.external_id)
            if child.id == wanted:
                mine = grant
                continue  # whoever renews it stores it
            kept = await self._renewing.kept(child.id)
            if grant is None:
                await self._tell(child.id, self._on_refused, GONE)
            elif kept is not None and not is_same(kept.grant, grant):
                await self._renewing.put(child.id, grant)
        return mine

    async def _is_renewed(self, name: str, kept: Kept) -> None:
        """Bring the accounts' own tokens up to date, and back the accounts that had lost their grant."""
        record = await self.grants.record(name)
        if record is not None and not record.parent and await self.grants.children(name):
            task = asyncio.create_task(self._derive_later(record))  # it may need this very grant renewed again
            self._deriving.add(task)
            task.add_done_callback(self._deriving.discard)
        await self._tell(name, self._on_restored, "")

    async def _derive_later(self, record: GrantRecord) -> None:
        try:
            await self._derive(record)
        except Exception as error:  # each is derived anew when it is refused
            log.warning("the accounts' own tokens could not be derived anew", grant_id=record.id, error=str(error))

    async def settled(self) -> None:
        """Wait until what a renewal brings about is done."""
        await asyncio.gather(*self._deriving)

    async def _is_refused(self, name: str, kept: Kept) -> None:
        await self._tell(name, self._on_refused, kept.refused)
        for child in await self.grants.children(name):
            await self._tell(child.id, self._on_refused, kept.refused)

    async def _is_troubled(self, name: str, kept: Kept) -> None:
        await self._tell(name, self._on_trouble, kept.trouble)

    async def _tell(self, name: str, told: Callable[[Account, str], Awaitable[None]], why: str) -> None:
        for account in self._accounts_of(name):
            try:
                await told(account, why)
            except Exception as error:
                log.error("an account's state could not be stored", account_id=account.id, exc_info=error)

    def _accounts_of(self, name: str) -> list[Account]:
        return [account for account in list(self._directory.accounts.values()) if account.grant_id == name]
