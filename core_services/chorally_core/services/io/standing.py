"""What becomes of accounts by what happens on their platforms: degraded, restored, moved, left for good."""

import msgspec
import structlog

import chorally_sdk as sdk
from chorally_core.ports.documents import Documents
from chorally_core.services.io.accounts import Accounts
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.model import Account
from chorally_core.services.io.subscription import TROUBLE

log = structlog.get_logger(__name__)


class Standing:
    """Stores it."""

    def __init__(self, documents: Documents, directory: Directory, accounts: Accounts) -> None:
        self._documents = documents
        self._directory = directory
        self._accounts = accounts

    async def troubled(self, account: Account, why: str) -> None:
        """Have an account count as degraded, with the reason; one that needs more than that stays as it is."""
        account = self._directory.accounts.get(account.id, account)
        if account.state in ("connected", "degraded"):
            await self._accounts.become(account, "degraded", why)

    async def restored(self, account: Account) -> None:
        """Have an account whose webhooks come again count as degraded only for what is wrong besides."""
        account = self._directory.accounts.get(account.id, account)
        if account.state == "degraded" and account.reason.startswith(TROUBLE):
            why = f"missing scopes: {', '.join(account.missing_scopes)}" if account.missing_scopes else ""
            await self._accounts.become(account, "degraded" if why else "connected", why)

    async def left(self, account: Account) -> None:
        """Forget the credentials of a disconnected account, which were needed to unsubscribe it."""
        stored = await self._documents.get(Account, account.id)
        if stored is None or stored.state != "disconnected" or not stored.leaving:
            return  # it was connected again
        changed = msgspec.structs.replace(stored, sealed="", data={}, grant_id=None, leaving=False)
        await self._accounts.store(changed, "account_left", ("service", ""))
        await self._accounts.forget(stored.grant_id)

    async def moved(self, account: Account, new_id: str) -> Account:
        """Follow an account to the id that the platform now calls it by, once it calls it so itself.

        People stay who they were, and tickets go on.

        Raises:
            Rejected: The platform does not call it so, or the tenant has connected that one as another account.
            ConnectorError: What the platform's answer causes.
        """
        account = self._directory.accounts.get(account.id, account)
        if account.external_id == new_id:
            return account
        info = await self._directory.connector(account).check()
        if info.external_id != new_id:
            why = f"the account is said to be {new_id!r} now, and answers as {info.external_id!r}; connect it again"
            raise sdk.Rejected(why)
        twins = self._directory.called(account.platform, new_id, None)
        if any(twin.tenant == account.tenant for twin in twins):
            raise sdk.Rejected(f"the account has become {new_id!r}, which is connected already; disconnect one of them")
        changed = msgspec.structs.replace(
            account, external_id=new_id, external_name=info.name, data=dict(info.data),
            known_as=account.known_as or account.external_id,
        )  # fmt: skip
        await self._accounts.store(changed, "account_moved", ("service", ""))
        log.info("account moved", account_id=account.id)
        return changed
