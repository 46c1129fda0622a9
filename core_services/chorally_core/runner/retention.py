"""Removes what is older than it may be kept, in small steps."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from chorally_core.events.ids import begins_with
from chorally_core.ports.documents import Condition, Document, Query
from chorally_core.ports.ledger import Ledger

_STEP = 500


class Kept(NamedTuple):
    """How long one kind of document is kept."""

    of: type[Document]
    field: str
    """An indexed instant; or ``id`` where ids begin with the time."""
    days: float
    by_tenant: Mapping[str, float]
    if_also: tuple[Condition, ...] = ()
    """What must hold besides its age."""
    removed: Callable[[Sequence[Document]], Awaitable[None]] | None = None
    """Removes what belongs to the documents that go, before they do."""


async def sweep(ledger: Ledger, kept: Sequence[Kept], now: Callable[[], datetime]) -> int:
    """Remove what is too old and return how much that was."""
    removed = 0
    for rule in kept:
        tenants = list(rule.by_tenant)
        for tenant in tenants:
            removed += await _sweep_one(ledger, rule, tenant, now() - timedelta(days=rule.by_tenant[tenant]), ())
        removed += await _sweep_one(ledger, rule, None, now() - timedelta(days=rule.days), tenants)
    return removed


async def _sweep_one(ledger: Ledger, rule: Kept, tenant: str | None, before: datetime, spared: Sequence[str]) -> int:
    removed = 0
    limit = begins_with(before) if rule.field == "id" else before
    where = (Condition(rule.field, "<", limit), *rule.if_also)
    after = None
    while True:
        query = Query(rule.of, tenant, where, order=rule.field, limit=_STEP, after=after)
        found: list[Document] = await ledger.documents.find(query)
        old = [document for document in found if document.tenant not in spared]
        if old and rule.removed is not None:
            await rule.removed(old)
        if old:
            removed += await ledger.documents.delete(rule.of, [document.id for document in old])
        if len(found) < _STEP:
            return removed
        after = (getattr(found[-1], rule.field), found[-1].id)
