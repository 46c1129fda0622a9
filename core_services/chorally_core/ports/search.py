"""The search port: finds tickets by words of their messages."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Indexed(NamedTuple):
    """One message as it is searched."""

    message_id: str
    ticket_id: str
    tenant: str
    text: str
    """Empty removes it from the index."""


class Search(Protocol):
    """An index of messages."""

    async def put(self, messages: Sequence[Indexed]) -> None:
        """Index messages; one that is there already is replaced."""

    async def tickets(self, tenant: str, text: str, *, limit: int) -> list[str]:
        """Return the tickets whose messages have all the words, those with the newest messages first."""
