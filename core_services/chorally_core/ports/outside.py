"""Calls to URLs that a tenant gave, which lead to the public internet and nowhere else."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


class NotAllowed(Exception):
    """The URL may not be called, now or later; the message says why and what would do."""


class NoAnswer(Exception):
    """No answer came, or not the whole of it; it may at another time. The message is for people."""


class TooLong(NoAnswer):
    """The answer is longer than what was asked for."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    """HTTP status; of a redirect where none was to be followed."""
    headers: Mapping[str, str]
    """By names in small letters; what came more than once is joined by commas."""
    body: bytes
    """As it came, or its beginning."""
    cut: bool = False
    """Whether ``body`` is its beginning only."""


class Opened(Protocol):
    """An answer whose body is still to be read."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """By names in small letters."""

    @property
    def url(self) -> str:
        """Where it came from in the end."""

    def pieces(self) -> AsyncIterator[bytes]:
        """Read the body as it came on the wire, once.

        Raises:
            TooLong: More came than was asked for.
            NoAnswer: It ended early, or takes too long.
        """


class Outside(Protocol):
    """The one way to URLs that a tenant gave."""

    def check(self, url: str) -> None:
        """Refuse a URL that can be seen to be wrong without looking its name up.

        Raises:
            NotAllowed: It is no absolute http(s) URL, names a user, an odd port or a host that is not public.
        """

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        within: timedelta,
        max_bytes: int,
        redirects: int = 0,
    ) -> Answer:
        """Call a URL and return the answer with the beginning of its body.

        Args:
            method: HTTP method.
            url: Absolute.
            headers: Sent with it; ``authorization`` and cookies are not carried to another host.
            body: Sent with it.
            within: For everything together.
            max_bytes: How much of the body is read.
            redirects: How many are followed, of GET and HEAD; each target is judged as the URL was.

        Raises:
            NotAllowed: It, or where it leads, may not be called.
            NoAnswer: It cannot be reached, or takes too long.
        """

    def opened(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        within: timedelta,
        max_bytes: int,
        redirects: int = 0,
    ) -> AbstractAsyncContextManager[Opened]:
        """Open an answer whose body is read in pieces, and close it; takes and raises what ``call`` does."""

    async def aclose(self) -> None:
        """Close all connections."""
