"""Who takes turns, who is in which team, and who has how many tickets, as facts told it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from chorally_core.events.ids import derived
from chorally_core.ports.documents import Document

_REMEMBERED = 200  # requests that were answered
_HELD = 5000  # tickets of one agent that are counted
_LEFT = 200  # tickets that an agent had
PENDING = timedelta(minutes=10)
"""How long a ticket counts for whom it was given to before a fact has told of it."""


class Crew(Document, frozen=True, kw_only=True):
    """The users of a tenant who may sign in, each with their teams; under the tenant's id."""

    kind = "rule_crew"

    teams_by_user: dict[str, tuple[str, ...]] = {}
    versions: dict[str, int] = {}
    """The version in which each user was told of last, also of those who are gone."""

    def members(self, team_id: str | None) -> tuple[str, ...]:
        """Return who is in a team, by their ids."""
        return tuple(sorted(user for user, teams in self.teams_by_user.items() if team_id in teams))

    def with_user(self, user_id: str, version: int, team_ids: Sequence[str], *, gone: bool) -> "Crew":
        """Return it with a user as they are in a version; the same object where that is known, or older."""
        if version <= self.versions.get(user_id, 0):
            return self
        teams = {user: known for user, known in self.teams_by_user.items() if user != user_id}
        if not gone and team_ids:
            teams[user_id] = tuple(team_ids)
        return msgspec.structs.replace(self, teams_by_user=teams, versions={**self.versions, user_id: version})


class Load(Document, frozen=True, kw_only=True):
    """The unresolved tickets that an agent has."""

    kind = "rule_load"

    agent_id: str
    tickets: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    """The last that they had."""

    @staticmethod
    def id_of(tenant: str, agent_id: str) -> str:
        """Return the id of what is known of an agent, whether it is there or not."""
        return derived("rule load", tenant, agent_id)

    def with_ticket(self, ticket_id: str, *, held: bool) -> "Load":
        """Return it with a ticket that the agent has, or has no more; the same object where that is known."""
        others = tuple(each for each in self.tickets if each != ticket_id)
        had = tuple(each for each in self.left if each != ticket_id)
        if held == (ticket_id in self.tickets) and (held or ticket_id in self.left):
            return self
        if held:
            return msgspec.structs.replace(self, tickets=(*others, ticket_id)[-_HELD:], left=had)
        return msgspec.structs.replace(self, tickets=others, left=(*had, ticket_id)[-_LEFT:])


class Given(msgspec.Struct, frozen=True):
    """A ticket that was given to somebody, by the request that asked for it."""

    event_id: str
    ticket_id: str
    agent_id: str
    at: datetime


class Rota(Document, frozen=True, kw_only=True):
    """Those who take turns, and what they were given last."""

    kind = "rule_rota"

    last: str = ""
    """Who got the last one."""
    given: tuple[Given, ...] = ()

    @staticmethod
    def id_of(tenant: str, name: str) -> str:
        """Return the id of those who take turns under a name."""
        return derived("rule rota", tenant, name)

    def has_given(self, event_id: str) -> bool:
        """Whether a request was answered, as far as it remembers."""
        return any(given.event_id == event_id for given in self.given)

    def next_of(self, agents: Sequence[str]) -> str:
        """Return whose turn it is: who follows the last one; the first one where the last one is none of them."""
        if self.last not in agents:
            return next((agent for agent in sorted(agents) if agent > self.last), agents[0])
        return agents[(agents.index(self.last) + 1) % len(agents)]

    def least_of(self, agents: Sequence[str], loads: Mapping[str, Load], at: datetime) -> str:
        """Return who has least to do; of those who have as little, whose turn it is."""
        held = {ticket for load in loads.values() for ticket in load.tickets}
        counts = {agent: len(loads[agent].tickets) if agent in loads else 0 for agent in agents}
        latest = {given.ticket_id: given for given in self.given}
        for given in latest.values():
            agent, known = given.agent_id, loads.get(given.agent_id)
            is_told = given.ticket_id in held or (known is not None and given.ticket_id in known.left)
            if agent in counts and not is_told and at - given.at < PENDING:
                counts[agent] += 1
        fewest = min(counts.values())
        return self.next_of([agent for agent in agents if counts[agent] == fewest])

    def giving(self, event_id: str, ticket_id: str, agent_id: str, at: datetime) -> "Rota":
        """Return it after a ticket was given."""
        given = (*self.given, Given(event_id, ticket_id, agent_id, at))[-_REMEMBERED:]
        return msgspec.structs.replace(self, last=agent_id, given=given)
