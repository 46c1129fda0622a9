"""What the rule engine says to itself later on: to share a ticket, to know who has which, what became of a request."""

from typing import Any, Literal

from chorally_core.events.event import Data


class TicketShare(Data, frozen=True, kw_only=True):
    """Give a ticket to one of several agents, whose turn it is or who has least to do, and change it otherwise."""

    ticket_id: str
    conversation_key: str
    """Ordering key of what concerns the ticket, without the tenant."""
    judged_version: int
    changes: dict[str, Any]
    """What else is changed, in the same request."""
    how: Literal["round_robin", "least_loaded"]
    rota: str
    """Names those who take turns: a team, or a rule's own list."""
    team_id: str | None = None
    agents: tuple[str, ...] = ()
    """Who may get it; the members of the team where empty."""
    actor_id: str = ""
    sharer_id: str = ""
    """The rule that shares it."""
    rules: tuple[str, ...] = ()


class TicketHeld(Data, frozen=True, kw_only=True):
    """An agent has an unresolved ticket, or has it no more."""

    agent_id: str
    ticket_id: str
    held: bool


class RuleOutcome(Data, frozen=True, kw_only=True):
    """What became of something that a rule had asked for, once it was known."""

    execution_id: str
    actions: tuple[str, ...]
    """Kinds of actions that it concerns."""
    result: Literal["overtaken", "refused", "failed"]
    reason: str = ""
