"""A job that counts a tenant's open tickets page by page, and goes on where it was."""

import msgspec
from chorally_core.ports.documents import Condition, Documents, Query
from chorally_core.ports.job_kinds import Context, JobKind, Outcome, WillNeverWork
from chorally_core.services.message.model import Ticket

PAGE = 200


class CountTickets(msgspec.Struct, frozen=True):
    """Of which tickets."""

    status: str = "open"


def counting(documents: Documents) -> JobKind[CountTickets]:
    """Return the kind of job, over some documents."""

    async def run(arguments: CountTickets, context: Context) -> Outcome:
        if arguments.status not in ("open", "waiting", "resolved"):
            raise WillNeverWork(f"there is no status {arguments.status}; ask for open, waiting or resolved")
        counted, last = context.kept.get("counted", 0), context.kept.get("last", "")
        while True:
            where = (Condition("status", "is", arguments.status), Condition("id", ">", last))
            page: list[Ticket] = await documents.find(Query(Ticket, context.tenant, where, limit=PAGE))
            if not page:
                return {"counted": counted}
            counted, last = counted + len(page), page[-1].id
            await context.progress(counted, keep={"counted": counted, "last": last})

    return JobKind(name="message/count", service="message-service", arguments=CountTickets, run=run)
