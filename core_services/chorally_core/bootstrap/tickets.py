"""How a tenant's tickets are, for services that keep a view of them of their own."""

from collections.abc import Sequence

from chorally_core.events import Event, TriggerEvaluate, topics
from chorally_core.events.ids import derived
from chorally_core.ports.documents import Condition, Documents, Query
from chorally_core.services.message.facts import SERVICE, conversation_key
from chorally_core.services.message.model import Ticket
from chorally_core.services.message.told import of_ticket
from chorally_core.services.rule_engine.later.learning import Tickets

_PAGE = 200


def tickets_of(documents: Documents) -> Tickets:
    """Return what gives a tenant's unresolved tickets page by page, as facts tell them."""

    async def page(tenant: str, after: str) -> Sequence[Event[TriggerEvaluate]]:
        where = (Condition("status", "in", ("open", "waiting")),)
        query = Query(Ticket, tenant, where, limit=_PAGE, after=(None, after) if after else None)
        found: list[Ticket] = await documents.find(query)
        return [_told(ticket) for ticket in found]

    return page


def _told(ticket: Ticket) -> Event[TriggerEvaluate]:
    data = TriggerEvaluate(
        log_id="", kind="ticket_learned", ticket_id=ticket.id, author_id=ticket.author_id,
        account_id=ticket.account_id, snapshot=of_ticket(ticket, ticket.version), version=ticket.version,
    )  # fmt: skip
    return Event(
        topic=topics.QUEUE_TRIGGERS, issuer=SERVICE, name="watch", data=data, tenant=ticket.tenant,
        id=derived("ticket learned", ticket.id, str(ticket.version)),
        key=conversation_key(ticket.tenant, ticket.conversation_key), occurred_at=ticket.updated_at,
    )  # fmt: skip
