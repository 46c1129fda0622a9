"""Gives the tickets that rules share, each to one agent, and knows who has which.

Consumes ``queue-triggers``, produces ``tickets``, and ``queue-triggers`` where nobody can be given one. Turns are taken
in the order of the requests, which share a key; so they are right however many processes there are.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from chorally_core.events import Event, RuleOutcome, TicketHeld, TicketShare, TicketUpdate, TriggerEvaluate, topics
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found, Handler
from chorally_core.services.rule_engine.names import SERVICE, execution_id
from chorally_core.services.rule_engine.sharing.model import Crew, Load, Rota

MOST = 200
"""Agents who take turns."""


class ShareTicket(Handler[TicketShare]):
    """Gives a ticket to one of those who take turns."""

    topic = topics.QUEUE_TRIGGERS
    event = "share"

    def reads(self, event: Event[TicketShare]) -> Iterable[Key]:
        """Return whose turn it was, and who is in which team."""
        rota = Key.by_id(Rota, Rota.id_of(event.tenant, event.data.rota))
        return (rota,) if event.data.agents else (rota, Key.by_id(Crew, event.tenant))

    def follows(self, event: Event[TicketShare], found: Found) -> Iterable[Key]:
        """Return how much each of them has to do, where that counts."""
        if event.data.how != "least_loaded":
            return ()
        return [Key.by_id(Load, Load.id_of(event.tenant, agent)) for agent in _agents(event, found)]

    def decide(self, event: Event[TicketShare], found: Found) -> Change:
        """Give it once; with the other changes that were asked for, so that none overtakes another."""
        d, agents = event.data, _agents(event, found)
        name = Rota.id_of(event.tenant, d.rota)
        rota = found.get(Rota, name) or Rota(id=name, tenant=event.tenant)
        if rota.has_given(event.id):
            return NOTHING
        if not agents:
            return _without(event)
        if d.how == "least_loaded":
            loads = {a: load for a in agents if (load := found.get(Load, Load.id_of(event.tenant, a))) is not None}
            agent = rota.least_of(agents, loads, event.occurred_at)
        else:
            agent = rota.next_of(agents)
        return Change(
            (rota.giving(event.id, d.ticket_id, agent, event.occurred_at),),
            (_update(event, {**d.changes, "assignee_id": agent}),),
        )


class KeepHeld(Handler[TicketHeld]):
    """Keeps which tickets an agent has."""

    topic = topics.QUEUE_TRIGGERS
    event = "held"

    def reads(self, event: Event[TicketHeld]) -> Iterable[Key]:
        """Return what is known of the agent."""
        return (Key.by_id(Load, Load.id_of(event.tenant, event.data.agent_id)),)

    def decide(self, event: Event[TicketHeld], found: Found) -> Change:
        """Count the ticket, or count it no more; told again it changes nothing."""
        d = event.data
        name = Load.id_of(event.tenant, d.agent_id)
        known = found.get(Load, name) or Load(id=name, tenant=event.tenant, agent_id=d.agent_id)
        load = known.with_ticket(d.ticket_id, held=d.held)
        return NOTHING if load is known else Change((load,))


def crew_told(event: Event[TriggerEvaluate], known: Crew | None) -> Change:
    """Return who is in which team after a fact about a user."""
    told = event.data
    crew = known or Crew(id=event.tenant, tenant=event.tenant)
    is_disabled = told.snapshot.get("disabled", False)
    changed = crew.with_user(told.subject_id, told.version, told.snapshot.get("team_ids", ()), gone=is_disabled)
    return NOTHING if changed is crew else Change((changed,))


def _agents(event: Event[TicketShare], found: Found) -> Sequence[str]:
    if event.data.agents:
        return event.data.agents
    crew = found.get(Crew, event.tenant)
    return crew.members(event.data.team_id)[:MOST] if crew is not None else ()


def _without(event: Event[TicketShare]) -> Change:
    """Nobody can be given it: what else was asked for is done, and why it was not given is told."""
    d = event.data
    why = RuleOutcome(
        execution_id=execution_id(event.occurred_at, event.caused_by, d.sharer_id),
        actions=("share",),
        result="failed",
        reason=f"nobody is known to be in the team {d.team_id}; add users to it, or name agents",
    )
    told = event.causes(
        why, topic=topics.QUEUE_TRIGGERS, issuer=SERVICE, name="outcome", key=f"{event.tenant}/outcome/{d.sharer_id}"
    )
    return Change((), (_update(event, d.changes), told) if d.changes else (told,))


def _update(event: Event[TicketShare], changes: dict[str, Any]) -> Event[Any]:
    """The request to change the ticket, as if it were made by what fired the rules."""
    d = event.data
    data = TicketUpdate(
        ticket_id=d.ticket_id, judged_version=d.judged_version, changes=changes, actor_id=d.actor_id, rules=d.rules
    )
    key = f"{event.tenant}/{d.conversation_key}"
    asked = event.causes(data, topic=topics.TICKETS, issuer=SERVICE, name="update", key=key)
    return msgspec.structs.replace(asked, caused_by=event.caused_by)


HANDLERS = (ShareTicket(), KeepHeld())
