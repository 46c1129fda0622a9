"""Reads again who people are, after the tenant has said of one of its fields that it identifies them.

It goes through all authors, so that those who were known before are suggested too. Nothing that is shown of them
changes.
"""

from chorally_core.ports.custom_fields import IDENTIFY, FieldSet
from chorally_core.ports.documents import Conflict, Query
from chorally_core.ports.job_kinds import Context, JobKind, NoArguments, Outcome
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.services.author.handlers import SERVICE
from chorally_core.services.author.identifying import filled_in
from chorally_core.services.author.model import Author

_PAGE = 200
_TRIES = 8


def reads_again(ledger: Ledger) -> JobKind[NoArguments]:
    """Return the job's kind."""

    async def run(_: NoArguments, context: Context) -> Outcome:
        changed, after = context.kept.get("changed", 0), context.kept.get("after", "")
        while True:
            page, count = await _step(context.tenant, after)
            changed += count
            if not page:
                return {"changed": changed}
            after = page[-1].id
            await context.progress(changed, keep={"changed": changed, "after": after})

    async def _step(tenant: str, after: str) -> tuple[list[Author], int]:
        query = Query(Author, tenant, limit=_PAGE, after=(None, after) if after else None)
        for attempt in range(_TRIES):
            fields = await ledger.documents.get(FieldSet, tenant)
            page: list[Author] = await ledger.documents.find(query)
            read = [(each, each.identified(filled_in(tenant, each.custom_fields, fields))) for each in page]
            new = [now for was, now in read if now != was and was.erased_at is None]
            try:
                if new:
                    await ledger.commit(Work([Step.of([each]) for each in new]))
            except Conflict:
                if attempt == _TRIES - 1:
                    raise
                continue
            return page, len(new)
        raise AssertionError("unreachable")

    return JobKind(name=IDENTIFY, service=SERVICE, arguments=NoArguments, run=run)
