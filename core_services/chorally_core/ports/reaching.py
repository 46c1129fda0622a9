"""Who an address leads to: asked before a conversation is begun, so that the answer finds its ticket."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple, Protocol

from chorally_core.events.ids import derived

Unwanted = Callable[[str], Awaitable[str]]
"""Says why a person does not want a message by which we begin a conversation, given its id; nothing where they may."""


async def never_unwanted(message_id: str) -> str:
    """Say nothing: nobody is asked."""
    return ""


class Reached(NamedTuple):
    """A person as an account reaches them."""

    platform: str
    external_id: str
    """As the platform names the person."""
    author_id: str
    per_thread: bool
    """Whether the account has a ticket for each thread."""
    window_s: float | None
    """Seconds after a message of theirs in which texts may be sent to them; None where at any time."""

    def conversation_key(self, message_id: str, conversation_id: str = "") -> str:
        """Return what the ticket is kept for that a message of ours begins.

        Args:
            message_id: The message.
            conversation_id: The platform's thread, where it is there already.
        """
        if not self.per_thread:
            return self.author_id
        thread = derived("thread", conversation_id) if conversation_id else derived("thread", "begun", message_id)
        return f"{self.author_id}/{thread}"


class NotReached(NamedTuple):
    """Why an address leads to nobody."""

    why: str
    """With what to do."""
    field: str = "to"


class Way(Protocol):
    """One channel of one account, on which conversations can be begun."""

    @property
    def name(self) -> str:
        """The channel's name."""

    @property
    def platform(self) -> str:
        """The account's platform."""

    def to(self, address: str) -> Reached | NotReached:
        """Return who an address leads to: a mail address, a phone number, an id, as the channel takes it."""


class Reaching(Protocol):
    """Knows how accounts reach people."""

    async def way(self, tenant: str, account_id: str, channel: str) -> Way | NotReached:
        """Return a channel of an account; the channel may be empty where there is but one that begins conversations."""

    async def last_said(self, tenant: str, author_id: str) -> datetime | None:
        """Return when a person last wrote to us; None where they never did, as far as is known."""
