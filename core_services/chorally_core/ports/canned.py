"""Canned replies: texts that people and rules answer with, in several languages, with variables.

The metadata service keeps them; the rule engine reads them by id when a rule answers with one.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Literal

from chorally_core.events.ids import derived
from chorally_core.ports.documents import Document
from chorally_core.ports.variables import filled

Audience = Literal["shared", "team", "personal"]

VARIABLES: Mapping[str, str] = {
    "author.name": "Name of whoever wrote",
    "author.handle": "Their name on the platform",
    "message.text": "What they wrote last, its first 2,000 characters",
    "message.channel": "Where they wrote it",
    "ticket.number": "Number of the ticket",
    "ticket.subject": "Its subject",
    "agent.name": "Name of whoever answers; empty where a rule does",
}
"""What may stand in a canned reply, and what it means."""


class CannedReply(Document, frozen=True, kw_only=True):
    """A text to answer with."""

    kind = "canned_reply"
    unique = ("place",)
    indexes = (("name",), ("audience", "name"))

    name: str
    shortcut: str
    """What agents type to have it, such as ``thanks``; lower case."""
    place: str | None = None
    """The shortcut as it is unique: within those shared, those of a team, those of a person."""
    audience: Audience = "shared"
    team_id: str | None = None
    owner_id: str | None = None
    """Whose it is, where it is personal."""
    language: str = ""
    """The language of the text that is taken where there is none in the one wanted."""
    texts: dict[str, str]
    """By language, such as ``de`` or ``pt-BR``; one of them under ``language``."""
    files: tuple[str, ...] = ()
    """Ids of the files that go with it."""
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str

    @staticmethod
    def place_of(tenant: str, audience: Audience, whose: str, shortcut: str) -> str:
        """Return the shortcut as it is unique."""
        return derived("canned", tenant, audience, whose, shortcut)

    def is_for(self, agent_id: str, team_ids: Collection[str]) -> bool:
        """Whether somebody may use it; a rule, which is nobody, uses what is shared and its team's."""
        if self.audience == "personal":
            return self.owner_id == agent_id
        return self.audience == "shared" or self.team_id in team_ids

    def text_in(self, language: str) -> tuple[str, str]:
        """Return the language and text nearest to a language: itself, its parent, else that of the reply."""
        wanted = language.lower()
        known = {each.lower(): each for each in self.texts}
        for candidate in (wanted, wanted.split("-")[0]):
            if candidate in known:
                return known[candidate], self.texts[known[candidate]]
        for each in sorted(self.texts):
            if wanted and each.lower().split("-")[0] == wanted.split("-")[0]:
                return each, self.texts[each]
        return self.language, self.texts.get(self.language) or next(iter(self.texts.values()), "")

    def rendered(self, language: str, values: Mapping[str, str]) -> str:
        """Return the text in a language with its variables replaced."""
        return filled(self.text_in(language)[1], values).strip()
