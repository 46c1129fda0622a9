"""Good connectors whose stream never ends, and whose stream serves all accounts at once."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import chorally_sdk as sdk
from tests.sdk.kit.guestbook import STREAM, Guestbook
from tests.sdk.kit.shapes import Note
from tests.sdk.kit.twin import WALL


class Live(Guestbook):
    """Asks again and again, as who polls for long does."""

    def streams(self) -> Sequence[sdk.Stream]:
        """One, which is kept open."""
        return [sdk.Stream(name=STREAM, live=True)]

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield what is there, and then what comes."""
        while True:
            async for page in super().pull(stream, cursor, since):
                cursor = page.cursor
                yield page


class AppWide(Guestbook):
    """Reads the notes of all walls over one stream."""

    def streams(self) -> Sequence[sdk.Stream]:
        """One of the app."""
        return [sdk.Stream(name=STREAM, scope="app")]

    def to_message(self, note: Note, wall: str | None = None) -> sdk.Message:
        """Translate a note of any wall."""
        return super().to_message(note, wall or WALL)
