"""What a connector can do, each a small base class that it mixes in or leaves out."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from datetime import datetime
from typing import Any

from chorally_sdk.model.base import Cursor
from chorally_sdk.model.hooks import Keys, RawHook, Verdict
from chorally_sdk.model.inbound import Attachment, Event, Page
from chorally_sdk.model.manifest import Stream
from chorally_sdk.model.outbound import OutboundMessage, Outgoing, Receipt

_Scope = MutableMapping[str, Any]
ASGIApp = Callable[
    [_Scope, Callable[[], Awaitable[MutableMapping[str, Any]]], Callable[[MutableMapping[str, Any]], Awaitable[None]]],
    Awaitable[None],
]
"""An ASGI application, as the ASGI specification types it."""


class Pulls(ABC):
    """Reads what is there: by polling, or over a connection that stays open."""

    @abstractmethod
    def streams(self) -> Sequence[Stream]:
        """Say what can be pulled for this account."""

    @abstractmethod
    def pull(self, stream: str, cursor: Cursor | None, since: datetime | None) -> AsyncIterator[Page]:
        """Yield pages after ``cursor``; nothing older than ``since`` is wanted.

        The generator goes on only after its page and its cursor are stored, so that the next request
        may acknowledge the page before. A poll ends with a page that is ``done``; a live stream ends
        only by an error.
        """


class Receives(ABC):
    """Takes webhooks. Neither method does I/O, so that any stored hook can be replayed."""

    @abstractmethod
    def verify(self, hook: RawHook, keys: Keys) -> Verdict:
        """Judge a hook by its raw bytes; no clock but ``received_at``."""

    @abstractmethod
    def parse(self, hook: RawHook) -> Sequence[Event]:
        """Translate an accepted hook, all its accounts; no secret, the same for ever."""


class Replies(ABC):
    """Answers people."""

    @abstractmethod
    async def push(self, message: OutboundMessage) -> Receipt:
        """Make the one visible call; it is claimed before, and never repeated blindly."""


class Finds(ABC):
    """Looks for what a visible call made whose outcome is unknown."""

    @abstractmethod
    async def find(self, outgoing: Outgoing) -> Receipt | None:
        """Return what the call made, or None where it is proven absent.

        Raises:
            OutcomeUnknown: It cannot be told; a person decides.
        """


class Downloads(ABC):
    """Reads attachments that a plain GET of their URL does not give."""

    @abstractmethod
    def download(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """Yield the attachment's bytes in pieces."""


class Sandboxes(ABC):
    """Brings a stand-in of its platform for demonstrations and tests."""

    @classmethod
    @abstractmethod
    def sandbox(cls) -> ASGIApp:
        """Return a stateful twin of the documented API."""


ABILITIES: tuple[type, ...] = (Pulls, Receives, Replies, Finds, Downloads, Sandboxes)
"""All abilities there are; what a connector can do is which of these it inherits."""


def abilities_of(connector: type) -> tuple[str, ...]:
    """Return the names of the abilities that a connector class has."""
    return tuple(ability.__name__ for ability in ABILITIES if issubclass(connector, ability))
