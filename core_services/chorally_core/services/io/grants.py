"""Grants at rest: each sealed in a document of its own, which accounts refer to.

A consent's grant may serve several accounts. An account that the platform gives a token of its own has a grant whose
parent is the consent's. What renews them is ``renewal``; here they are only kept.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from chorally_core.ports.documents import Condition, Conflict, Document, Documents, Query, Write
from chorally_core.ports.leases import Leases
from chorally_core.ports.secrets import Vault
from chorally_sdk import Grant
from chorally_sdk.oauth import Kept
from chorally_sdk.oauth.files import opened

_LEASE = "io/grant/"
_SAME_END = timedelta(hours=1)
_MOST = 10_000  # accounts of one consent


class GrantRecord(Document, frozen=True, kw_only=True):
    """One grant, with the journal of its renewal."""

    kind = "grant"
    sparse = ("due_at",)
    indexes = (("parent",),)

    platform: str
    app_id: str | None = None
    """The app in whose name the consent was given."""
    parent: str = ""
    """The consent's grant from which this one is derived."""
    external_id: str = ""
    """The account that a derived grant is of."""
    sealed: str = ""
    created_at: datetime
    due_at: datetime | None = None
    """When it is to be looked at: to be renewed at the earliest, to ask for another one, or to be given back."""
    expires_at: datetime | None = None
    """When its access token ends, as far as that is known."""
    consented: bool = False
    """Whether a person gave it by a consent that was asked for here; only such a one is given back."""
    told_of: datetime | None = None
    """The end that people were told of."""
    ended_at: datetime | None = None
    """Since when nothing uses it, and it waits to be given back to the platform."""
    tries: int = 0
    """How often that was tried."""


class Grants:
    """Keeps grants in documents, as what renews them wants it (``GrantStore``)."""

    def __init__(self, documents: Documents, vault: Vault, leases: Leases) -> None:
        self._documents = documents
        self._vault = vault
        self._leases = leases

    async def add(self, record: GrantRecord) -> None:
        """Store that there is a grant; nothing is issued yet. The same again changes nothing."""
        added = msgspec.structs.replace(record, sealed=self._sealed(Kept()), version=1)
        await self._documents.write([Write(added, 0)])

    async def record(self, name: str) -> GrantRecord | None:
        """Return what is known of a grant besides its secrets; None of one that has ended."""
        record = await self._documents.get(GrantRecord, name)
        return None if record is None or record.ended_at is not None else record

    async def children(self, parent: str) -> list[GrantRecord]:
        """Return the grants that were derived from one."""
        found: list[GrantRecord] = await self._documents.find(
            Query(GrantRecord, None, (Condition("parent", "is", parent),), limit=_MOST)
        )
        return found

    async def due(self, now: datetime, limit: int) -> list[GrantRecord]:
        """Return the grants that are to be looked at about now, those that end first before others."""
        where = (Condition("due_at", "<=", now),)
        found: list[GrantRecord] = await self._documents.find(Query(GrantRecord, None, where, "due_at", limit=limit))
        return found

    async def all(self, limit: int) -> AsyncIterator[list[GrantRecord]]:
        """Yield all grants, so many at a time."""
        after: tuple[None, str] | None = None
        while True:
            found: list[GrantRecord] = await self._documents.find(Query(GrantRecord, None, limit=limit, after=after))
            yield found
            if len(found) < limit:
                return
            after = (None, found[-1].id)

    async def was_told(self, name: str, ends: datetime) -> bool:
        """Whether people were told of an end."""
        record = await self.record(name)
        return record is None or _is_near(record.told_of, ends)

    async def told(self, name: str, ends: datetime) -> None:
        """Store that people were told of an end."""
        record = await self.record(name)
        if record is not None:
            await self._store(msgspec.structs.replace(record, told_of=ends), self._opened(record))

    async def end(self, record: GrantRecord, now: datetime) -> bool:
        """Keep a grant that nothing uses until it is given back, and for nothing else."""
        return await self._write(msgspec.structs.replace(record, ended_at=now, due_at=now))

    async def put_off(self, record: GrantRecord, until: datetime) -> None:
        """Try to give a grant back later."""
        await self._write(msgspec.structs.replace(record, due_at=until, tries=record.tries + 1))

    def opened(self, record: GrantRecord) -> Grant | None:
        """Return the grant of a record."""
        return self._opened(record).grant

    async def remove(self, name: str) -> None:
        """Forget a grant and its secrets."""
        await self._documents.delete(GrantRecord, [name])

    async def load(self, name: str) -> Kept | None:
        """Return what is kept under a name."""
        record = await self.record(name)
        return None if record is None else self._opened(record)

    async def swap(self, name: str, kept: Kept) -> bool:
        """Store over the version that ``kept`` bears; only what was added can be stored over."""
        record = await self.record(name)
        if record is None or record.version != kept.version:
            return False
        return await self._store(record, kept)

    async def _store(self, record: GrantRecord, kept: Kept) -> bool:
        """Store what is kept, and when it is to be looked at next: what people were told of is no reason."""
        told = _is_near(record.told_of, kept.ends_for_good_at())
        looks = [] if kept.refused else [kept.due_at(1.0), None if told else kept.warns_at()]
        due_at = min((look for look in looks if look is not None), default=None)
        ends = kept.grant.expires_at if kept.grant else None
        return await self._write(
            msgspec.structs.replace(record, sealed=self._sealed(kept), due_at=due_at, expires_at=ends)
        )

    async def _write(self, record: GrantRecord) -> bool:
        try:
            await self._documents.write(
                [Write(msgspec.structs.replace(record, version=record.version + 1), record.version)]
            )
        except Conflict:
            return False
        return True

    async def hold(self, name: str) -> bool:
        """Take the right to renew a grant, which ends when the process does."""
        return await self._leases.hold(f"{_LEASE}{name}")

    async def release(self, name: str) -> None:
        """Give the right back."""
        await self._leases.release(f"{_LEASE}{name}")

    def _opened(self, record: GrantRecord) -> Kept:
        return Kept.model_validate({**self._vault.open(record.sealed), "version": record.version})

    def _sealed(self, kept: Kept) -> str:
        return self._vault.seal(msgspec.json.decode(opened(kept)))


def _is_near(one: datetime | None, other: datetime | None) -> bool:
    """Whether two ends are the same one: each answer counts it in seconds from when it was made."""
    return one is not None and other is not None and abs(one - other) <= _SAME_END


def is_same(grant: Grant | None, other: Grant | None) -> bool:
    """Whether two grants have the same access token."""
    return grant is not None and other is not None and grant.access == other.access


def in_full(grant: Grant) -> dict[str, Any]:
    """Return a grant as JSON with its secrets, to be sealed."""
    return {
        "access": grant.access.get_secret_value(),
        "refresh": grant.refresh.get_secret_value() if grant.refresh else None,
        "expires_at": grant.expires_at.isoformat() if grant.expires_at else None,
        "scopes": sorted(grant.scopes),
    }
