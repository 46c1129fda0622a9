"""Connectors whose streams stop, or say of nobody what they tell; and those that lose, hold or misdeclare files."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import chorally_sdk as sdk
from tests.sdk.kit.bad import bad
from tests.sdk.kit.files import Files, FilesTwin
from tests.sdk.kit.guestbook import ACTIONS, Guestbook
from tests.sdk.kit.live import AppWide, Live
from tests.sdk.kit.shapes import NOTE, Note


@bad("goes-on")
class StopsWhenCaughtUp(Live):
    """Is live by name only."""

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield what is there."""
        async for page in Guestbook.pull(self, stream, cursor, since):
            yield page


@bad("goes-on")
class BeginsAnew(Live):
    """Forgets what it has told as soon as it told it."""

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield everything, for ever."""
        while True:
            async for page in Guestbook.pull(self, stream, cursor, since):
                yield page


@bad("whose-it-is")
class SaysNobodys(AppWide):
    """Leaves out whose wall it was."""

    def to_message(self, note: Note, wall: str | None = None) -> sdk.Message:
        """Translate."""
        return Guestbook.to_message(self, note)


@bad("whose-it-is", is_whole=False)
class AsksWhoseItIs(AppWide):
    """Asks for the account, where there is none."""

    def to_message(self, note: Note, wall: str | None = None) -> sdk.Message:
        """Translate."""
        return super().to_message(note, self.account.external_id)


@bad("shows-files", twin=FilesTwin)
class ForgetsFiles(Files):
    """Sends the words only."""

    async def prepare(self, outgoing: sdk.Outgoing) -> sdk.Prepared:
        """Make a draft of the words."""
        return await Guestbook.prepare(self, outgoing)


@bad("shows-files", twin=FilesTwin)
class FirstPieceOnly(Files):
    """Takes the first piece for the file."""

    async def pieces(self, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        """Yield a piece."""
        async for piece in super().pieces(attachment):
            yield piece
            return


@bad("streams-files", twin=FilesTwin)
class HoldsFiles(Files):
    """Reads the whole before it sends any."""

    async def upload(self, attachment: sdk.Attachment) -> str:
        """Send the whole."""
        whole = b"".join([piece async for piece in self.pieces(attachment)])
        return str((await self.http.post("/uploads", content=whole)).json()["id"])


def sending(**changes: object) -> tuple[sdk.Channel, ...]:
    """The channels, with other limits of files."""
    reply = Files.manifest.channel(NOTE).actions["reply"].model_copy(update=changes)
    return (Files.manifest.channel(NOTE).model_copy(update={"actions": {**ACTIONS, "reply": reply}}),)


def limited(check: str, name: str, channels: Sequence[sdk.Channel]) -> None:
    """Add a connector that declares other limits of files."""
    manifest = Files.manifest.model_copy(update={"channels": (*channels, Files.manifest.channels[1])})
    bad(check, twin=FilesTwin)(type(name, (Files,), {"manifest": manifest}))


limited("declared-media", "SmallerFiles", sending(media={"image/*": 1000}))
limited("declared-media", "OtherFiles", sending(media={"image/png": 16 * 1024 * 1024}))
limited("sendable-media", "TypesWithoutANumber", sending(max_media=0))
limited("sendable-media", "NumberWithoutTypes", sending(media={}))
limited("sendable-media", "MisspeltType", sending(media={"jpeg": 1000}))
