"""The objects port: large bytes by name, apart for each tenant."""

from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

FILES = "files/"
"""Objects whose names begin so may go out; whatever else a tenant has stays here."""

RECEIVED = "received/"
"""Objects whose names begin so are copies of what people sent."""

THUMBNAILS = "thumbnails/"
"""Objects whose names begin so are small pictures of files."""

PIECE = 256 * 1024
"""Bytes that are read at once."""


class Unavailable(Exception):
    """Objects cannot be had or stored now; the message says why, and nothing secret."""


class Objects(Protocol):
    """Stores objects.

    Where they lie on a server that cannot be reached, each method raises ``Unavailable``.
    """

    async def put(self, tenant: str, name: str, content: bytes) -> None:
        """Store an object durably; the same name again replaces it."""

    async def keep(self, tenant: str, name: str, pieces: AsyncIterator[bytes]) -> None:
        """Store an object durably as its pieces come, without ever holding it whole.

        It is there once all pieces have come; where ``pieces`` raises, that is raised and nothing is stored.

        Raises:
            LookupError: It was removed meanwhile, in a store where that breaks it off.
        """

    async def get(self, tenant: str, name: str) -> bytes:
        """Return an object.

        Raises:
            LookupError: There is none of that name.
        """

    def pieces(self, tenant: str, name: str, *, first: int = 0, last: int | None = None) -> AsyncGenerator[bytes, None]:
        """Yield an object in pieces; before the first it is certain that it is there.

        Args:
            tenant: Whose it is.
            name: Its name.
            first: Position of the first byte wanted, which the object has, or 0.
            last: Position of the last one; the object's own where None, or where it has fewer.

        Raises:
            LookupError: There is none of that name.
        """

    async def delete(self, tenant: str, name: str) -> None:
        """Remove an object, and what an interrupted ``keep`` left of it; one that is not there is no error."""

    async def link(self, tenant: str, name: str, *, media_type: str, saved_as: str, lasts: timedelta) -> str | None:
        """Return a URL at which anybody can get an object for a while; None where the store has no such URLs.

        Args:
            tenant: Whose it is.
            name: Its name; whether there is such an object is not looked at.
            media_type: What the answer says that it is.
            saved_as: Under which name browsers save it: it is never shown.
            lasts: How long; no longer than a week.
        """


@runtime_checkable
class Tidied(Protocol):
    """A store in which a kill may leave something that nothing names."""

    async def tidy(self, tenant: str, now: datetime) -> int:
        """Remove what uploads that never ended left some days ago; return how much that was."""
