"""Which of several answers goes first."""

from datetime import datetime, timedelta

from chorally_core.ports.documents import Condition, Documents, Query
from chorally_core.services.io.model import Delivery

_LOOK_AGAIN = timedelta(seconds=2)
_MOST = 1000


async def goes_first(documents: Documents, delivery: Delivery, now: datetime) -> tuple[timedelta, str] | None:
    """Return for how long another delivery goes first, and why; None where none does."""
    if await _twin_is_open(documents, delivery):
        return _LOOK_AGAIN, "an equal answer to the same message is not confirmed yet"
    if delivery.conversation_id is None:
        return None
    where = (
        Condition("conversation_id", "is", delivery.conversation_id),
        Condition("account_id", "is", delivery.account_id),
        Condition("state", "in", ("queued", "sending", "unconfirmed")),
    )
    for other in await documents.find(Query(Delivery, delivery.tenant, where, limit=_MOST)):
        is_earlier = other.key == delivery.key and other.created_at < delivery.created_at
        if is_earlier and not other.needs_person:
            wait = other.next_at - now if other.next_at else _LOOK_AGAIN
            return max(wait, _LOOK_AGAIN), "an earlier answer to the same person goes first"
    return None


async def _twin_is_open(documents: Documents, delivery: Delivery) -> bool:
    """Whether an equal text to the same target is unconfirmed: a search could not tell the two apart."""
    where = (Condition("account_id", "is", delivery.account_id), Condition("state", "in", ("sending", "unconfirmed")))
    for other in await documents.find(Query(Delivery, delivery.tenant, where, limit=_MOST)):
        same = (other.body, other.in_reply_to) == (delivery.body, delivery.in_reply_to)
        if same and other.id != delivery.id:
            return True
    return False
