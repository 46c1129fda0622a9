"""What is done for accounts besides pulling and delivering: subscriptions, and what platforms say of accounts."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import chorally_sdk as sdk
from chorally_core.ports.ledger import Ledger
from chorally_core.ports.secrets import Vault
from chorally_core.services.io.accounts import Accounts
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.health import HealthBook
from chorally_core.services.io.hook_secrets import HookSecrets
from chorally_core.services.io.model import Account
from chorally_core.services.io.notices import AccountNotice, Noticing
from chorally_core.services.io.pulling import Pulling
from chorally_core.services.io.standing import Standing
from chorally_core.services.io.subscribing import Subscribing
from chorally_core.services.io.subscription import TROUBLE


class Tending:
    """Tends the accounts that this process serves."""

    def __init__(
        self,
        ledger: Ledger,
        directory: Directory,
        vault: Vault,
        accounts: Accounts,
        health: HealthBook,
        pulling: Pulling,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        public_url: str,
        is_mine: Callable[[str], bool],
        on_refused: Callable[[Account, sdk.ConnectorError], Awaitable[None]],
        on_changed: Callable[[], None],
        wake: Callable[[], None],
        call_s: float,
    ) -> None:
        """Put the parts together.

        Args:
            ledger: Where everything becomes durable.
            directory: Makes the connectors.
            vault: Seals what webhooks are proven by.
            accounts: Stores what becomes of accounts.
            health: Is told how it goes.
            pulling: Pulls what webhooks do not bring.
            now: The clock.
            new_id: Gives unguessable ids.
            public_url: The system's address as platforms know it.
            is_mine: Whether this process serves an account now.
            on_refused: Told when a platform refuses an account's token.
            on_changed: Tells other processes that something was stored.
            wake: Has ``round`` called soon.
            call_s: Seconds that asking a platform may take.
        """
        self._directory = directory
        self._health = health
        self._pulling = pulling
        self._on_refused = on_refused
        self._standing = Standing(ledger.documents, directory, accounts)
        secrets = HookSecrets(ledger, directory, vault, now=now, new_id=new_id, on_changed=on_changed)
        self.subscribing = Subscribing(
            ledger, directory, health, secrets, now=now, public_url=public_url, on_refused=on_refused,
            on_trouble=self._standing.troubled, on_restored=self._standing.restored, on_switched=self._switched,
            on_left=self._standing.left, is_mine=is_mine, wake=wake, call_s=call_s,
        )  # fmt: skip
        self.noticing = Noticing(
            ledger, directory, health, now=now, on_revoked=self._revoked, on_lost=self._lost,
            on_moved=self._moved, is_mine=is_mine,
        )  # fmt: skip
        accounts.hook_secret = secrets.new
        accounts.subscribes = self.subscribing.serves
        accounts.trouble = self.subscribing.trouble
        pulling.hooks_come = self.subscribing.hooks_come

    async def round(self) -> None:
        """Do what is due."""
        await self.noticing.dispatch()
        await self.subscribing.dispatch()

    async def _switched(self, account: Account) -> None:
        """Pull what an account offers as things are: with webhooks or without."""
        account = self._directory.accounts.get(account.id, account)
        await self._pulling.stop(account.id)
        self._pulling.start(account)

    async def _revoked(self, account: Account) -> None:
        await self._on_refused(account, sdk.Reauthorize("the platform says consent was revoked"))

    async def _lost(self, account: Account, notice: AccountNotice) -> None:
        if self.subscribing.serves(account.platform):
            await self.subscribing.lost(account, notice)
            return
        if notice.external_id not in (None, account.external_id):  # of a room, or whatever else it heard
            self._health.erred(account, f"the platform says that {notice.external_id!r} is not heard any more")
            return
        why = f"{TROUBLE}: the platform says that the subscription is gone; subscribe it again there"
        await self._standing.troubled(account, why)

    async def _moved(self, account: Account, new_id: str) -> None:
        try:
            moved = await self._standing.moved(account, new_id)
        except sdk.Rejected as error:
            await self._standing.troubled(account, str(error))
            raise
        await self._switched(moved)
        self.subscribing.begin(moved)
