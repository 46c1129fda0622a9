"""How accounts are doing: kept in memory as it happens, stored now and then."""

from collections.abc import Callable, Collection
from datetime import datetime

import msgspec
import structlog

from chorally_core.ports.documents import Conflict, Documents, Key
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.model import Account, Health

log = structlog.get_logger(__name__)

_Changes = dict[str, dict[str, object]]


class HealthBook:
    """Notes what happens to each account."""

    def __init__(self, ledger: Ledger, *, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._now = now
        self._changes: dict[str, dict[str, object]] = {}
        self._counted: dict[str, int] = {}
        self._tenants: dict[str, str] = {}
        self._unanswered: set[str] = set()

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

    def watch(self, directory: Directory) -> None:
        """Note whose platform stopped to answer, or answers again, since the last look."""
        for account_id, breaker in directory.breakers.items():
            account = directory.accounts.get(account_id)
            if account is None or breaker.is_open == (account_id in self._unanswered):
                continue
            if breaker.is_open:
                self._unanswered.add(account_id)
            else:
                self._unanswered.discard(account_id)
            self._note(account, unanswered_since=self._now() if breaker.is_open else None)
            log.info("platform does not answer" if breaker.is_open else "platform answers", account_id=account_id)

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
        """Store what was noted, beside what other processes note."""
        if not self._changes:
            return
        changes, counted, self._changes, self._counted = self._changes, self._counted, {}, {}
        try:
            missed = await self._stored(changes, counted)
        except Conflict:
            missed = await self._one_by_one(changes, counted)
        except Exception:
            self._again(changes, counted, changes)
            raise
        self._again(changes, counted, missed)

    async def _stored(self, changes: _Changes, counted: dict[str, int]) -> list[str]:
        """Store what was noted; return those that another process stored for the first time just now."""
        keys = [Key.by_id(Health, account_id) for account_id in changes]
        added: dict[Key, Health] = {}
        async with self._ledger.turn():
            stored = await self._ledger.documents.load(keys)
            documents = []
            for key in keys:
                known = stored.get(key)
                health = known if isinstance(known, Health) else Health(id=key.value, tenant=self._tenants[key.value])
                noted = msgspec.structs.replace(
                    health, **_later(changes[key.value], health), messages=health.messages + counted.get(key.value, 0)
                )
                documents.append(noted)
                if known is None:
                    added[key] = noted
            await self._ledger.commit(Work([Step.of(documents)]))
            now = await self._ledger.documents.load(list(added)) if added else {}
        return [key.value for key, health in added.items() if now.get(key) != health]

    async def _one_by_one(self, changes: _Changes, counted: dict[str, int]) -> list[str]:
        """Store what can be; return what another process changed at the same time.

        Of those that were stored together with one that was not, nobody can tell which were: each is tried, and
        those that bear what was noted are left as they are.
        """
        missed = []
        for account_id, noted in changes.items():
            health = await self._ledger.documents.get(Health, account_id)
            if health is not None and all(getattr(health, name) == value for name, value in noted.items()):
                continue
            try:
                missed += await self._stored({account_id: noted}, counted)
            except Conflict:
                missed.append(account_id)
        return missed

    def _again(self, changes: _Changes, counted: dict[str, int], missed: Collection[str]) -> None:
        """Keep what could not be stored for the next time, under what was noted since."""
        for account_id in missed:
            self._changes[account_id] = {**changes[account_id], **self._changes.get(account_id, {})}
            self._counted[account_id] = self._counted.get(account_id, 0) + counted.get(account_id, 0)


def _later(noted: dict[str, object], health: Health) -> dict[str, object]:
    """What was noted, without what another process noted at a later time."""
    kept = dict(noted)
    for name in ("last_message_at", "last_success_at", "last_error_at"):
        at, stored = noted.get(name), getattr(health, name)
        if isinstance(at, datetime) and stored is not None and stored > at:
            del kept[name]
            if name == "last_error_at":
                del kept["last_error"]
    return kept


def silent(account: Account, health: Health, now: datetime) -> bool:
    """Whether nothing has come for longer than the account should ever be silent."""
    if account.silence_s is None or account.state == "disconnected":
        return False
    return (now - (health.last_message_at or account.connected_at)).total_seconds() > account.silence_s


__all__ = ["Documents", "HealthBook", "silent"]
