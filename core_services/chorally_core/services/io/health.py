"""How accounts are doing: kept in memory as it happens, stored now and then."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from chorally_core.ports.documents import Documents, Key
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.services.io.model import Account, Health


class HealthBook:
    """Notes what happens to each account."""

    def __init__(self, ledger: Ledger, *, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._now = now
        self._changes: dict[str, dict[str, object]] = {}
        self._counted: dict[str, int] = {}
        self._tenants: dict[str, str] = {}

    def came(self, account: Account, messages: int) -> None:
        """Note that messages came in."""
        if messages:
            self._note(account, last_message_at=self._now())
            self._counted[account.id] = self._counted.get(account.id, 0) + messages

    def worked(self, account: Account) -> None:
        """Note that the platform answered as it should."""
        self._note(account, last_success_at=self._now())

    def erred(self, account: Account, why: str) -> None:
        """Note an error."""
        self._note(account, last_error=why[:1000], last_error_at=self._now())

    def _note(self, account: Account, **changes: object) -> None:
        self._tenants[account.id] = account.tenant
        self._changes.setdefault(account.id, {}).update(changes)

    async def of(self, account: Account) -> Health:
        """Return how an account is doing now."""
        return self._applied(account, await self._ledger.documents.get(Health, account.id))

    def _applied(self, account: Account, stored: Health | None) -> Health:
        health = stored or Health(id=account.id, tenant=account.tenant)
        count = health.messages + self._counted.get(account.id, 0)
        return msgspec.structs.replace(health, **self._changes.get(account.id, {}), messages=count)

    async def flush(self) -> None:
        """Store what was noted."""
        if not self._changes:
            return
        changes, counted, self._changes, self._counted = self._changes, self._counted, {}, {}
        async with self._ledger.turn():
            keys = [Key.by_id(Health, account_id) for account_id in changes]
            stored = await self._ledger.documents.load(keys)
            documents = []
            for account_id, noted in changes.items():
                known = stored.get(Key.by_id(Health, account_id))
                health = known if isinstance(known, Health) else Health(id=account_id, tenant=self._tenants[account_id])
                total = health.messages + counted.get(account_id, 0)
                documents.append(msgspec.structs.replace(health, **noted, messages=total))
            await self._ledger.commit(Work([Step.of(documents)]))


def silent(account: Account, health: Health, now: datetime) -> bool:
    """Whether nothing has come for longer than the account should ever be silent."""
    if account.silence_s is None or account.state == "disconnected":
        return False
    return (now - (health.last_message_at or account.connected_at)).total_seconds() > account.silence_s


__all__ = ["Documents", "HealthBook", "silent"]
