"""Learns how a tenant's tickets are when its rules begin to wait for something, and forgets them when none does.

What was told before is made up for by one job for each change, which goes through the tickets there are.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial

from chorally_core.events import Event, TriggerEvaluate
from chorally_core.events.ids import derived
from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Document, Documents, Key, Query
from chorally_core.ports.job_kinds import Context, JobKind, NoArguments, Outcome
from chorally_core.ports.jobs import Job, queued
from chorally_core.services.rule_engine.later.model import Deferred
from chorally_core.services.rule_engine.later.watching import watched
from chorally_core.services.rule_engine.model import Ruleset
from chorally_core.services.rule_engine.names import SERVICE
from chorally_core.services.rule_engine.sharing.model import Load

JOB = "rule-engine/tickets"
"""Name of the job."""
_STEP = 200

Tickets = Callable[[str, str], Awaitable[Sequence[Event[TriggerEvaluate]]]]
"""Returns a page of a tenant's unresolved tickets behind one of these ids, as facts tell them; nothing at the end."""


def learning_tickets(tenant: str, at: datetime, cause: str) -> Job:
    """Return the job that learns a tenant's tickets; the same for the same change of rules."""
    return queued(JOB, SERVICE, tenant, {}, at, job_id=derived("job", JOB, tenant, cause))


def learns_tickets(documents: Documents, actions: Actions, tickets: Tickets) -> JobKind[NoArguments]:
    """Return the job's kind.

    Args:
        documents: Where they are kept.
        actions: Keeps them.
        tickets: How they are.
    """

    async def run(_: NoArguments, context: Context) -> Outcome:
        ruleset = await documents.get(Ruleset, context.tenant)
        if ruleset is None or not ruleset.watches:
            return {"forgotten": await _forget(documents, context.tenant)}
        learned, after = context.kept.get("learned", 0), context.kept.get("after", "")
        while page := await tickets(context.tenant, after):
            for event in page:
                keys = [Key.by_id(Deferred, event.data.ticket_id or ""), Key.by_id(Ruleset, context.tenant)]
                await actions.act(keys, partial(watched, event))
            learned, after = learned + len(page), page[-1].data.ticket_id
            await context.progress(learned, keep={"learned": learned, "after": after})
        return {"learned": learned}

    return JobKind(name=JOB, service=SERVICE, arguments=NoArguments, run=run)


async def _forget(documents: Documents, tenant: str) -> int:
    """Remove what is kept for rules that wait for something, as none does."""
    forgotten = 0
    kinds: tuple[type[Document], ...] = (Deferred, Load)
    for of in kinds:
        while found := await documents.find(Query(of, tenant, limit=_STEP)):
            forgotten += await documents.delete(of, [each.id for each in found])
    return forgotten
