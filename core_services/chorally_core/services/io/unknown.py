"""Accounts that webhooks are about and nobody has connected: counted as they come, stored now and then."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime

import msgspec

from chorally_core.events.ids import derived
from chorally_core.ports.documents import Conflict, Key, Query
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.services.io.model import UnknownAccount

_MOST = 10_000

Place = tuple[str, str, str]
"""The hook's tenant, platform and external id; an installation-wide app's hooks have no tenant."""


class UnknownAccounts:
    """At most 10,000 of them."""

    def __init__(self, ledger: Ledger, *, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._now = now
        self._counted: Counter[Place] = Counter()

    def count(self, tenant: str, platform: str, external_id: str) -> None:
        """Count something that came about one."""
        place = (tenant, platform, external_id)
        if place in self._counted or len(self._counted) < _MOST:
            self._counted[place] += 1

    async def of(self, tenant: str) -> list[UnknownAccount]:
        """Return those of a tenant, the most frequent first, with what is not stored yet."""
        documents = self._ledger.documents
        found = {u.id: u for u in await documents.find(Query(UnknownAccount, tenant, limit=_MOST))}
        for place, events in self._counted.items():
            if place[0] == tenant:
                known = found.get(_id(place)) or self._first(place)
                found[known.id] = msgspec.structs.replace(known, events=known.events + events)
        return sorted(found.values(), key=lambda unknown: (-unknown.events, unknown.id))

    async def flush(self) -> None:
        """Store what was counted, beside what other processes counted."""
        if not self._counted:
            return
        counted, self._counted = self._counted, Counter()
        try:
            room = _MOST - await self._ledger.documents.count(Query(UnknownAccount, None))
            known = await self._ledger.documents.load([Key.by_id(UnknownAccount, _id(place)) for place in counted])
            changed = []
            for place, events in counted.items():
                stored = known.get(Key.by_id(UnknownAccount, _id(place)))
                if stored is None and room <= 0:
                    continue
                if not isinstance(stored, UnknownAccount):
                    room -= 1
                    stored = self._first(place)
                changed.append(msgspec.structs.replace(stored, events=stored.events + events, last_at=self._now()))
            await self._ledger.commit(Work([Step.of(changed)]))
        except Conflict:  # which may have stored some of them: what is counted here says how often, not how many
            self._counted.update(counted)
        except Exception:
            self._counted.update(counted)
            raise

    def _first(self, place: Place) -> UnknownAccount:
        tenant, platform, external_id = place
        return UnknownAccount(
            id=_id(place), tenant=tenant, platform=platform, external_id=external_id, last_at=self._now()
        )


def _id(place: Place) -> str:
    return derived("unknown-account", *place)
