"""Which of several answers goes first. What it costs to ask does not grow with how many wait."""

from datetime import datetime, timedelta

from chorally_core.ports.documents import Condition, Documents, Query
from chorally_core.services.io.model import Delivery

_LOOK_AGAIN = timedelta(seconds=2)


async def goes_first(documents: Documents, delivery: Delivery, now: datetime) -> tuple[timedelta, str] | None:
    """Return for how long another delivery goes first, and why; None where none does."""
    if await _twin_is_open(documents, delivery):
        return _LOOK_AGAIN, "an equal answer to the same message is not confirmed yet"
    if delivery.conversation_id is None:
        return None
    where = (
        Condition("key", "is", delivery.key),
        Condition("created_at", "<", delivery.created_at),
        Condition("conversation_id", "is", delivery.conversation_id),
        Condition("account_id", "is", delivery.account_id),
        Condition("state", "in", ("queued", "sending", "unconfirmed")),
        Condition("next_at", "present"),  # otherwise it waits for a person
    )
    found = await documents.find(Query(Delivery, delivery.tenant, where, order="created_at", limit=1))
    for other in found:
        return max(other.next_at - now, _LOOK_AGAIN), "an earlier answer to the same person goes first"
    return None


async def _twin_is_open(documents: Documents, delivery: Delivery) -> bool:
    """Whether an equal text to the same target is unconfirmed: a search could not tell the two apart."""
    target = delivery.in_reply_to
    where = (
        Condition("account_id", "is", delivery.account_id),
        Condition("state", "in", ("sending", "unconfirmed")),
        Condition("body", "is", delivery.body),
        Condition("in_reply_to", "absent") if target is None else Condition("in_reply_to", "is", target),
        *([] if delivery.to is None else [Condition("to", "is", delivery.to)]),
    )
    found = await documents.find(Query(Delivery, delivery.tenant, where, limit=2))
    return any(other.id != delivery.id for other in found)
