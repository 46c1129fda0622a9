"""Agents who do not write more than the platform takes."""

from tests.crash.agents import Agent

MOST_UNDER_WAY = 40
"""Answers that are not on the page yet above which nobody writes another one."""


class PacedAgent(Agent):
    """An agent who waits while many answers are under way: one page takes one after the other."""

    async def _serve(self, ticket_id: str) -> None:
        if len(self._desk.accepted) - len(self._page.made()) < MOST_UNDER_WAY:
            await super()._serve(ticket_id)
