"""The pictures port: draws a picture in small."""

from collections.abc import AsyncIterator
from typing import Protocol


class Undrawable(Exception):
    """A picture cannot be drawn, however often it is tried; the message says why."""


class Pictures(Protocol):
    """Draws pictures that anybody may have made, also to do harm."""

    async def thumbnail(self, pieces: AsyncIterator[bytes]) -> bytes:
        """Return a picture in small, as WebP, upright and with nothing but what is seen.

        Raises:
            Undrawable: It is none, too large, or takes too long.
        """
