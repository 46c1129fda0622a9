"""The vault: seals what must not be readable at rest."""

from typing import Any, Protocol


class Unopenable(Exception):
    """A sealed value cannot be opened with the keys there are."""


class Vault(Protocol):
    """Seals and opens JSON values."""

    def seal(self, value: Any) -> str:
        """Return the value encrypted, as text."""

    def open(self, sealed: str) -> Any:
        """Return the value that was sealed.

        Raises:
            Unopenable: No key fits.
        """
