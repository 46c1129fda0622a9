"""A file that goes out in parts: each is streamed, and no more is held than the piece that two of them share."""

from collections.abc import AsyncIterator

import chorally_sdk as sdk

OTHER_LENGTH = "the video is not as long as it was said to be"


class Parts:
    """A file, read once, in parts whose sizes are known one after the other."""

    def __init__(self, content: AsyncIterator[bytes]) -> None:
        self._content = content
        self._left = b""

    async def next(self, size: int) -> AsyncIterator[bytes]:
        """Yield the next part.

        Raises:
            Rejected: The file is shorter.
        """
        while size:
            if not await self._goes_on():
                raise sdk.Rejected(OTHER_LENGTH)
            given, self._left = self._left[:size], self._left[size:]
            size -= len(given)
            yield given

    async def is_over(self) -> bool:
        """Say whether nothing is left."""
        return not await self._goes_on()

    async def _goes_on(self) -> bool:
        """Read on where nothing is held; an empty piece is not the end."""
        while not self._left:
            read = await anext(self._content, None)
            if read is None:
                return False
            self._left = read
        return True
