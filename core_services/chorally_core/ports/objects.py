"""The objects port: large bytes by name, apart for each tenant."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Protocol

FILES = "files/"
"""Objects whose names begin so may go out; whatever else a tenant has stays here."""

RECEIVED = "received/"
"""Objects whose names begin so are copies of what people sent."""

PIECE = 256 * 1024
"""Bytes that are read at once."""


class Objects(Protocol):
    """Stores objects."""

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

    def pieces(self, tenant: str, name: str) -> AsyncGenerator[bytes, None]:
        """Yield an object in pieces; before the first it is certain that it is there.

        Raises:
            LookupError: There is none of that name.
        """

    async def delete(self, tenant: str, name: str) -> None:
        """Remove an object, and what an interrupted ``keep`` left of it; one that is not there is no error."""
