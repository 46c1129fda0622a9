"""Files that people send: read from their platform when somebody asks, and kept for a while.

A copy is kept where a setting says so. Links expire, so each reading asks the platform anew by what the message names.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import httpx
import msgspec
import structlog

import chorally_sdk as sdk
from chorally_core.events.ids import derived
from chorally_core.events.records import Attached
from chorally_core.ports.documents import Conflict
from chorally_core.ports.files import File
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.objects import FILES, RECEIVED, Objects, Unavailable
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.model import Account
from chorally_sdk.model.manifest import Copies as ManifestCopies

log = structlog.get_logger(__name__)

Copies = Literal["pass", "demand", "arrival"]

_UNDER_WAY = timedelta(hours=2)  # after which a copy that was never finished is removed
_OCTETS = "application/octet-stream"
_PIECES = 10  # times what the platform has for each piece: what it has for the whole file
_TRIES = 5  # of beginning beside others
_REMOVED = "the file was removed while it was read; ask again if it is still there"


class TooLarge(Exception):
    """The file has more bytes than are read."""


class Wanted(NamedTuple):
    """A file of a message."""

    message_id: str
    attached: Attached
    author_id: str | None
    ours: bool = False
    """It was written here, so that its file is one that was uploaded, whatever the platform calls its own."""
    said_at: datetime | None = None
    """When the message was said: its copy is as old, for whoever erases what was said until some time."""
    channel: str = ""
    """Where it was said, which may forbid copies."""

    @property
    def file_id(self) -> str:
        """Id of the file, or of its copy; the same for the same file of the message, although its link changes."""
        if self.ours:
            return (self.attached.external_id or "").removeprefix(FILES)
        known = self.attached.external_id or (self.attached.url or "").split("?")[0]
        return derived("received", self.message_id, self.attached.kind, known, self.attached.name or "")


class Opened(NamedTuple):
    """A file that is read."""

    pieces: AsyncGenerator[bytes, None]
    name: str
    media_type: str
    size_bytes: int | None
    """None where it is certain only at the end."""


class Downloading:
    """Reads files for all accounts."""

    def __init__(
        self,
        ledger: Ledger,
        directory: Directory,
        objects: Objects,
        *,
        now: Callable[[], datetime],
        copies: Copies,
        most_bytes: int,
        keeps: Callable[[str], timedelta],
        has_room: Callable[[], bool],
        piece_s: float = 60.0,
    ) -> None:
        """Prepare to read.

        Args:
            ledger: Where records of copies are.
            directory: Makes the connectors.
            objects: Where copies are.
            now: The clock.
            copies: Whether copies are kept.
            most_bytes: Largest file that is read.
            keeps: Returns how long a tenant's copies are kept.
            has_room: Whether there is room for copies.
            piece_s: Seconds that the platform has for each piece; for all of a file it has ten times as many.
        """
        self._ledger = ledger
        self._directory = directory
        self._objects = objects
        self._now = now
        self._copies = copies
        self._most_bytes = most_bytes
        self._keeps = keeps
        self._has_room = has_room
        self._piece_s = piece_s

    async def open(self, account: Account | None, tenant: str, wanted: Wanted) -> Opened:
        """Return a file, from its copy where there is one.

        Args:
            account: Whose platform has it; None where it is not connected any more.
            tenant: Whose message it is.
            wanted: The file.

        Raises:
            LookupError: There is no copy, and nobody to ask.
            TooLarge: It is larger than what is read.
            ConnectorError: The platform does not give it, or not now.
        """
        attached = wanted.attached
        known = await self._ledger.documents.get(File, wanted.file_id)
        if known is not None and known.tenant == tenant and known.is_there(self._now()):
            return self._copy(known)
        if wanted.ours or account is None:
            raise LookupError("there is no copy of the file")
        if self._copies == "pass" or not self._may_copy(account, wanted) or not self._has_room():
            pieces = _apart(self._read(account, attached))
            return Opened(pieces, attached.name or "file", attached.media_type or _OCTETS, None)
        return self._copy(await self.keep(account, wanted))

    def _may_copy(self, account: Account, wanted: Wanted) -> bool:
        return copies_of(self._directory, account.platform, wanted.channel) != "never"

    async def keep(self, account: Account, wanted: Wanted) -> File:
        """Read a file into the tenant's objects, and return the record of the copy.

        Raises:
            TooLarge: It is larger than what is read.
            ConnectorError: The platform does not give it, or not now.
        """
        begun = await self._begun(account, wanted)
        if begun.is_whole:
            return begun
        counted = _Counted(self._read(account, wanted.attached))
        try:
            await self._objects.keep(account.tenant, begun.place, counted.read())
        except LookupError:
            raise sdk.RetryLater(_REMOVED) from None
        except Unavailable as error:
            raise sdk.RetryLater("files cannot be stored at the moment; try again later") from error
        whole = msgspec.structs.replace(
            begun, size_bytes=counted.size, is_whole=True, expires_at=self._now() + self._keeps(account.tenant)
        )
        try:
            await self._ledger.commit(Work([Step.of([whole])]))
        except Conflict:
            if await self._ledger.documents.get(File, begun.id) is None:  # such as its person was erased
                await self._objects.delete(account.tenant, begun.place)
                raise sdk.RetryLater(_REMOVED) from None
            log.debug("the file was read by somebody else meanwhile", file_id=begun.id)
        return whole

    async def _begun(self, account: Account, wanted: Wanted) -> File:
        """The record of a copy, stored before its bytes are; a whole one where there is a copy."""
        attached = wanted.attached
        for _ in range(_TRIES):
            now = self._now()
            known = await self._ledger.documents.get(File, wanted.file_id)
            if known is not None and known.is_there(now):
                return known
            begun = File(
                id=wanted.file_id, tenant=account.tenant, version=known.version if known else 0,
                place=f"{RECEIVED}{wanted.file_id}", name=attached.name or "file",
                media_type=attached.media_type or _OCTETS, created_at=wanted.said_at or now,
                expires_at=now + _UNDER_WAY, people=(wanted.author_id,) if wanted.author_id else (), is_ours=False,
            )  # fmt: skip
            try:
                await self._ledger.commit(Work([Step.of([begun])]))
            except Conflict:
                continue
            return begun
        raise sdk.RetryLater("others are reading the file; try again")

    def _copy(self, file: File) -> Opened:
        pieces = self._objects.pieces(file.tenant, file.place)
        return Opened(pieces, file.name, file.media_type, file.size_bytes)

    async def _read(self, account: Account, attached: Attached) -> AsyncGenerator[bytes, None]:
        """Yield a file's bytes as the platform gives them, and no more than are read."""
        if attached.size_bytes is not None and attached.size_bytes > self._most_bytes:
            raise self._too_large()
        connector = self._directory.connector(account)
        size, waited = 0, 0.0
        clock = asyncio.get_running_loop().time
        async with aclosing(_source(connector, attached)) as source:
            while True:
                began = clock()
                try:
                    async with asyncio.timeout(min(self._piece_s, self._piece_s * _PIECES - waited)):
                        piece = await anext(source, None)
                except TimeoutError as error:
                    raise sdk.RetryLater("the platform is too slow with the file; try again later") from error
                except httpx.TransportError as error:
                    raise sdk.RetryLater("the platform broke off within the file; try again") from error
                if piece is None:
                    return
                waited += clock() - began
                size += len(piece)
                if size > self._most_bytes:
                    raise self._too_large()
                yield piece

    def _too_large(self) -> TooLarge:
        return TooLarge(f"the file has more than {self._most_bytes} bytes; open it on its platform")


def copies_of(directory: Directory, platform: str, channel: str) -> ManifestCopies:
    """Return whether files of a channel may be copied, as its platform's manifest says."""
    connector = directory.connectors.get(platform)
    channels = connector.manifest.channels if connector is not None else ()
    return next((one.copies for one in channels if one.name == channel), "allowed")


class _Counted:
    """Counts what passes."""

    def __init__(self, pieces: AsyncGenerator[bytes, None]) -> None:
        self._pieces = pieces
        self.size = 0

    async def read(self) -> AsyncGenerator[bytes, None]:
        async with aclosing(self._pieces):
            async for piece in self._pieces:
                self.size += len(piece)
                yield piece


async def _apart(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield pieces that a task of its own reads: what they need of its context stays, whoever takes them."""
    queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(maxsize=2)

    async def read() -> None:
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    await queue.put(piece)
        except Exception as error:  # told to whoever takes the pieces
            await queue.put(error)
        else:
            await queue.put(None)

    task = asyncio.create_task(read(), name="attachment")
    try:
        while (found := await queue.get()) is not None:
            if isinstance(found, Exception):
                raise found
            yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _source(connector: sdk.Connector, attached: Attached) -> AsyncGenerator[bytes, None]:
    """Yield a file's bytes: as the connector reads it, else by its URL.

    The URL is called under the same rules as everything that the connector calls. The account's grant goes with it
    only to the platform's own place.
    """
    if isinstance(connector, sdk.Downloads):
        fields = {name: getattr(attached, name) for name in sdk.Attachment.model_fields}
        async for piece in connector.download(sdk.Attachment.model_validate(fields)):
            yield piece
        return
    if not attached.url:
        raise sdk.Rejected("the platform gives no way to read this file; open it there")
    url = httpx.URL(attached.url)
    own = connector.http.hosts.is_base(url.host, url.port or (443 if url.scheme == "https" else 80))
    options = {} if own else {"auth": None}
    async with connector.http.stream("GET", attached.url, follow_redirects=True, **options) as answer:
        async for piece in answer.aiter_bytes():
            yield piece
