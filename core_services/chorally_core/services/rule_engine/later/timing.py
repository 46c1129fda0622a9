"""Tells what time has brought: an idle ticket, an author who waits, a window that closes, an answer without an echo."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import structlog

from chorally_core.events import Event, TriggerEvaluate, topics
from chorally_core.events.ids import derived
from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Condition, Documents, Key, Query
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.services.rule_engine.later.model import Deferred, Due
from chorally_core.services.rule_engine.model import Ruleset
from chorally_core.services.rule_engine.names import SERVICE

log = structlog.get_logger(__name__)

_STEP = 500


async def tell_due(documents: Documents, actions: Actions, now: Callable[[], datetime]) -> int:
    """Tell the rules what is due of tickets; return of how many there was something."""
    where = (Condition("due_at", "<=", now()),)
    done = 0
    after: tuple[None, str] | None = None
    while True:
        due: list[Deferred] = await documents.find(Query(Deferred, None, where, limit=_STEP, after=after))
        for deferred in due:
            keys = [Key.by_id(Deferred, deferred.id), Key.by_id(Ruleset, deferred.tenant)]
            try:
                await actions.act(keys, partial(_told, deferred.id, deferred.tenant, now()))
                done += 1
            except Exception as error:  # it holds up no other, and is tried again in the next round
                log.error("what is due of a ticket could not be told", ticket_id=deferred.id, exc_info=error)
        if len(due) < _STEP:
            return done
        after = (None, due[-1].id)


def _told(ticket_id: str, tenant: str, at: datetime, found: Found) -> Change:
    """What is due now, told once for what it counts from, whoever else tells it at the same time."""
    known, ruleset = found.get(Deferred, ticket_id), found.get(Ruleset, tenant)
    if known is None or known.due_at is None or known.due_at > at:
        return NOTHING
    timers = ruleset.timers() if ruleset is not None else ()
    dues = known.fallen_due(timers, at)
    events = tuple(due_event(known, due, at) for due in dues if not _is_past(due, at))
    return Change((known.having_told(dues).planned(timers),), events)


def _is_past(due: Due, at: datetime) -> bool:
    """Whether a window that was about to close is closed by now."""
    return due.timer.event == "window_closing" and due.reference <= at.timestamp()


def due_event(deferred: Deferred, due: Due, at: datetime) -> Event[Any]:
    """Return what is due of a ticket as rules are asked to judge it; its id is that of what it counts from."""
    cause = derived("due", deferred.id, due.timer.name, repr(due.reference))
    snapshot = {**deferred.ticket, "after_s": due.timer.after_s, "due": due.at.timestamp()}
    data = TriggerEvaluate(
        log_id=deferred.log_id, kind=due.timer.event, ticket_id=deferred.id, author_id=deferred.author_id,
        account_id=deferred.account_id, snapshot=snapshot, version=deferred.ticket_version,
    )  # fmt: skip
    return Event(
        topic=topics.QUEUE_TRIGGERS, issuer=SERVICE, name="evaluate", data=data, id=cause, tenant=deferred.tenant,
        key=deferred.key, occurred_at=at, caused_by=deferred.log_id,
    )  # fmt: skip
