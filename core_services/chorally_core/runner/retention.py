"""Removes what is older than it may be kept, in small steps: a job that each service has done every hour."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

from chorally_core.events.ids import begins_with
from chorally_core.ports.documents import Condition, Document, Query
from chorally_core.ports.job_kinds import Context, JobKind, NoArguments, Outcome
from chorally_core.ports.ledger import Ledger
from chorally_core.ports.schedules import Every

log = structlog.get_logger(__name__)

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


Rules = Callable[[], Awaitable[Sequence[Kept]]]
"""What is kept how long, asked for when a sweep begins."""

EVERY = Every(3600.0)


def retention(
    name: str, service: str, rules: Rules, ledger: Ledger, *, before: Callable[[], Awaitable[int]] | None = None
) -> JobKind[NoArguments]:
    """Return the recurring job that removes what a service need not keep any more.

    Args:
        name: Of the job, such as ``io/retention``.
        service: Whose it is.
        rules: What is kept how long.
        ledger: Where it is.
        before: Removes something else first, and returns how much.
    """

    async def run(_: NoArguments, context: Context) -> Outcome:
        removed = 0 if before is None else await before()
        kept = await rules()
        for number, rule in enumerate(kept, 1):
            removed += await _sweep(ledger, rule, context)
            await context.progress(number, len(kept), rule.of.kind)
        if removed:
            log.info("retention", job=name, removed=removed)
        return {"removed": removed}

    return JobKind(name=name, service=service, arguments=NoArguments, run=run, schedule=EVERY)


async def _sweep(ledger: Ledger, rule: Kept, context: Context) -> int:
    """Remove what is too old and return how much that was."""
    now, tenants = context.now(), list(rule.by_tenant)
    removed = 0
    for tenant in tenants:
        before = now - timedelta(days=rule.by_tenant[tenant])
        removed += await _sweep_one(ledger, rule, tenant, before, (), context)
    return removed + await _sweep_one(ledger, rule, None, now - timedelta(days=rule.days), tenants, context)


async def _sweep_one(
    ledger: Ledger, rule: Kept, tenant: str | None, before: datetime, spared: Sequence[str], context: Context
) -> int:
    removed = 0
    limit = begins_with(before) if rule.field == "id" else before
    where = (Condition(rule.field, "<", limit), *rule.if_also)
    after = None
    while True:
        context.check()
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
