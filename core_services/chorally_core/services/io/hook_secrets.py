"""Secrets that the host makes for platforms to prove webhooks by: one for each account, or for each app.

They are sealed in the very document of the account or app whose URL the platform calls, so every process that takes
webhooks learns them as it learns of accounts and apps.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from urllib.parse import urlsplit

import msgspec
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_core.ports.documents import Conflict
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.secrets import Vault
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.model import Account, App
from chorally_sdk.oauth.faults import masked

_TRIES = 5


class HookSecrets:
    """Makes them, once, and opens them."""

    def __init__(
        self,
        ledger: Ledger,
        directory: Directory,
        vault: Vault,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        on_changed: Callable[[], None],
    ) -> None:
        """Prepare to make them; ``on_changed`` tells the processes that take webhooks."""
        self._ledger = ledger
        self._directory = directory
        self._vault = vault
        self._now = now
        self._new_id = new_id
        self._on_changed = on_changed

    def new(self, platform: str) -> str:
        """Return one for a new account, sealed; empty where webhooks are proven otherwise, or by the app's."""
        connector = self._directory.connectors[platform]
        hooks = connector.manifest.hooks
        is_own = hooks is not None and hooks.scope == "account"
        return self._sealed() if is_own and issubclass(connector, sdk.Subscribes) else ""

    def _sealed(self) -> str:
        return self._vault.seal(self._new_id() + self._new_id())

    async def of(self, account: Account) -> SecretStr:
        """Return the secret that an account's webhooks are proven by; it is stored before it is returned.

        Raises:
            Rejected: The app or the account is not there any more.
            Conflict: It was changed again and again meanwhile.
        """
        holder = self._holder(account)
        for _ in range(_TRIES):
            if holder.hook_secret:
                return SecretStr(self._vault.open(holder.hook_secret))
            stored = await self._ledger.documents.get(type(holder), holder.id)
            if stored is None:
                raise sdk.Rejected(f"there is no {holder.kind} {holder.id} any more", reason=sdk.Reason.GONE)
            holder = stored if stored.hook_secret else await self._with_one(stored)
            self._put(holder)
        raise Conflict(holder.kind, holder.id)

    def _holder(self, account: Account) -> App | Account:
        hooks = self._directory.connectors[account.platform].manifest.hooks
        if hooks is None or hooks.scope == "account":
            return self._directory.accounts.get(account.id, account)
        app = self._directory.app_for(account)
        if app is None:
            raise sdk.Rejected(f"there is no app of {account.platform}; add one with POST /io/v1/apps")
        return app

    async def _with_one(self, holder: App | Account) -> App | Account:
        """The holder with a new secret, stored; as it was where somebody else changed it."""
        changed = msgspec.structs.replace(holder, hook_secret=self._sealed(), changed_at=self._now())
        try:
            await self._ledger.commit(Work([Step.of([changed])]))
        except Conflict:
            return holder
        self._on_changed()
        return changed

    @contextmanager
    def kept_out_of_errors(self, secret: SecretStr, callback: str) -> Iterator[None]:
        """Take the secret, and what nobody can guess of the URL, out of what is raised: platforms like to repeat it."""
        try:
            yield
        except Exception as error:
            known = (secret.get_secret_value(), urlsplit(callback).path.rpartition("/")[2])
            error.args = tuple(masked(part, known) if isinstance(part, str) else part for part in error.args)
            raise

    def _put(self, holder: App | Account) -> None:
        if isinstance(holder, App):
            self._directory.put_app(holder)
        else:
            self._directory.put(holder)
