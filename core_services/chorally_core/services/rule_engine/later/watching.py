"""Keeps how tickets are, for what is due of them when nothing more is told.

Consumes and produces ``queue-triggers``. Who has which tickets follows from it, for rules that look at that.
"""

from collections.abc import Iterable
from typing import Any

from chorally_core.events import Event, TicketHeld, TriggerEvaluate, topics
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found, Handler
from chorally_core.services.rule_engine.later.model import Deferred
from chorally_core.services.rule_engine.model import Ruleset
from chorally_core.services.rule_engine.names import SERVICE


class Watch(Handler[TriggerEvaluate]):
    """Keeps a ticket as a fact tells it."""

    topic = topics.QUEUE_TRIGGERS
    event = "watch"

    def reads(self, event: Event[TriggerEvaluate]) -> Iterable[Key]:
        """Return the ticket as it was told before, and what the tenant's rules wait for."""
        return Key.by_id(Deferred, event.data.ticket_id or ""), Key.by_id(Ruleset, event.tenant)

    def decide(self, event: Event[TriggerEvaluate], found: Found) -> Change:
        """Keep it with what is due next; the same fact again, or an older one, changes nothing."""
        return watched(event, found)


def watched(event: Event[TriggerEvaluate], found: Found) -> Change:
    """Return the ticket as a fact tells it, with what is due next."""
    known, ruleset = found.get(Deferred, event.data.ticket_id), found.get(Ruleset, event.tenant)
    if known is not None and known.tenant != event.tenant:
        return NOTHING
    if ruleset is None or not ruleset.watches:
        return NOTHING if known is None else Change((), _held(event, known, None), remove=(known,))
    told = Deferred.told(event, known)
    if told is None:
        return NOTHING if known is None else Change((), _held(event, known, None), remove=(known,))
    planned = told.planned(ruleset.timers())
    return NOTHING if planned == known else Change((planned,), _held(event, known, planned))


def _held(event: Event[TriggerEvaluate], before: Deferred | None, after: Deferred | None) -> tuple[Event[Any], ...]:
    """Who has the ticket no more, and who has it now."""
    had = before.ticket.get("assignee_id") if before is not None else None
    has = after.ticket.get("assignee_id") if after is not None else None
    if had == has:
        return ()
    told = ((had, False), (has, True))
    return tuple(_told(event, agent, held) for agent, held in told if agent is not None)


def _told(event: Event[TriggerEvaluate], agent_id: str, held: bool) -> Event[Any]:
    data = TicketHeld(agent_id=agent_id, ticket_id=event.data.ticket_id or "", held=held)
    key = f"{event.tenant}/held/{agent_id}"
    return event.causes(data, topic=topics.QUEUE_TRIGGERS, issuer=SERVICE, name="held", key=key, of=agent_id)
