"""Abilities that bring in what people say: pulls, webhooks, and the files in them."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from pydantic import SecretStr

from chorally_sdk.model.base import Cursor
from chorally_sdk.model.hooks import Keys, RawHook, Subscription, Verdict
from chorally_sdk.model.inbound import Attachment, Event, Page, Ping
from chorally_sdk.model.manifest import Stream


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


class Fetches(ABC):
    """Reads one object, where a hook only names it."""

    @abstractmethod
    async def fetch(self, ping: Ping) -> Sequence[Event]:
        """Read the object a ping names; it has an ``external_id``.

        Raises:
            Rejected: With the reason ``GONE``: the object was deleted.
        """


class Subscribes(ABC):
    """Has the platform call the host; a subscription is a lease, asked for again before it ends and on a slow round."""

    @abstractmethod
    async def subscribe(self, callback: str, secret: SecretStr, current: Subscription | None) -> Subscription:
        """Create, renew or heal; meeting one that exists is success.

        Args:
            callback: The host's URL, which answers already: platforms verify it during this call.
            secret: Made and stored by the host, as ``Keys.secrets["subscription"]``; the same one when asked again.
            current: What the last call gave; None at first, or where the host was stopped before it was stored.
        """

    @abstractmethod
    async def unsubscribe(self, current: Subscription) -> None:
        """End it; already gone is success."""


class Downloads(ABC):
    """Reads attachments that a plain GET of their URL does not give."""

    @abstractmethod
    def download(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """Yield the attachment's bytes in pieces."""
