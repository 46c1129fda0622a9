"""The objects port: large bytes by name, apart for each tenant."""

from typing import Protocol


class Objects(Protocol):
    """Stores objects."""

    async def put(self, tenant: str, name: str, content: bytes) -> None:
        """Store an object durably; the same name again replaces it."""

    async def get(self, tenant: str, name: str) -> bytes:
        """Return an object.

        Raises:
            LookupError: There is none of that name.
        """

    async def delete(self, tenant: str, name: str) -> None:
        """Remove an object; one that is not there is no error."""
