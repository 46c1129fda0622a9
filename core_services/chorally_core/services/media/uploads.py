"""Takes uploads: bounded, checked, and durable piece by piece.

The record comes first, so that what an upload leaves behind that is broken off is found and removed; it can be used
once it is whole.
"""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from hashlib import sha256

import msgspec

from chorally_core.ports.documents import Documents
from chorally_core.ports.files import File
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.objects import FILES, Objects
from chorally_core.ports.refused import Refused
from chorally_core.ports.storable import mistake_in

_UNDER_WAY = timedelta(days=1)  # after which an upload that never ended is removed
_NAME = 255
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # also what turns writing round


class NotTaken(Exception):
    """A file that is not taken; the message says what to do."""


class TooLarge(NotTaken):
    """It has more bytes than a file may."""


class WrongType(NotTaken):
    """Files of its type are not taken."""


class Damaged(NotTaken):
    """What came is not what its sender says it is."""


class NoRoom(NotTaken):
    """There is no room at the moment."""


class Uploads:
    """Takes files in, and removes those that nobody uses."""

    def __init__(
        self,
        ledger: Ledger,
        objects: Objects,
        *,
        now: Callable[[], datetime],
        most_bytes: int,
        types: Sequence[str],
        unused: Callable[[str], timedelta],
        has_room: Callable[[], bool],
    ) -> None:
        """Prepare to take files.

        Args:
            ledger: Where records are.
            objects: Where bytes are.
            now: The clock.
            most_bytes: Largest file.
            types: Patterns of media types that are taken, such as ``image/*``.
            unused: Returns how long a tenant's files are kept that nothing uses.
            has_room: Whether there is room for more.
        """
        self._ledger = ledger
        self._objects = objects
        self._now = now
        self._most_bytes = most_bytes
        self._types = tuple(types)
        self._unused = unused
        self._has_room = has_room

    @property
    def _documents(self) -> Documents:
        return self._ledger.documents

    async def take(
        self,
        tenant: str,
        file_id: str,
        *,
        name: str,
        media_type: str,
        pieces: AsyncIterator[bytes],
        by: str,
        digest: bytes | None = None,
        declared_bytes: int | None = None,
    ) -> File:
        """Store a file and return its record; nothing is left of one that is not taken.

        Args:
            tenant: Whose it is.
            file_id: Its id.
            name: As people know it.
            media_type: What it is.
            pieces: Its bytes.
            by: Who sends it.
            digest: SHA-256 that its bytes must have, where the sender says it.
            declared_bytes: Its size, where the sender says it.

        Raises:
            NotTaken: It is too large, of a type that is not taken, or not what its sender says.
        """
        media_type = self._checked_type(media_type)
        if declared_bytes is not None and declared_bytes > self._most_bytes:
            raise self._too_large()
        if not self._has_room():
            raise NoRoom("the disk is almost full; send the file again later")
        now = self._now()
        file = File(
            id=file_id, tenant=tenant, place=f"{FILES}{file_id}", name=_clean(name), media_type=media_type,
            created_by=by, created_at=now, expires_at=now + _UNDER_WAY,
        )  # fmt: skip
        await self._ledger.commit(Work([Step.of([file])]))
        try:
            bounded = _Bounded(pieces, self._most_bytes, self._too_large)
            await self._objects.keep(tenant, file.place, bounded.read())
            if not bounded.size:
                raise Damaged("the file is empty; send its bytes as the request's body")
            if digest is not None and digest != bounded.sum.digest():
                raise Damaged("the file's bytes are not those of its Content-Digest; send it again")
            whole = msgspec.structs.replace(
                file, size_bytes=bounded.size, sha256=bounded.sum.hexdigest(), is_whole=True,
                expires_at=self._now() + self._unused(tenant),
            )  # fmt: skip
            await self._ledger.commit(Work([Step.of([whole])]))
        except BaseException:
            await self._forget(file)
            raise
        return whole

    async def remove(self, file: File) -> None:
        """Remove a file that nothing uses.

        Raises:
            Refused: Something uses it.
        """
        if file.used_at is not None:
            raise Refused("conflict", "file-in-use", "the file went out; it is removed when it is kept long enough")
        await self._forget(file)

    async def _forget(self, file: File) -> None:
        """Remove the bytes first: of a record that is left they are removed again."""
        await self._objects.delete(file.tenant, file.place)
        await self._documents.delete(File, [file.id])

    def _checked_type(self, media_type: str) -> str:
        plain = media_type.partition(";")[0].strip().lower()
        if not _MEDIA_TYPE.fullmatch(plain):
            raise WrongType("say the file's media type in Content-Type, such as image/png")
        if not any(fnmatchcase(plain, pattern) for pattern in self._types):
            raise WrongType(f"files of the type {plain} are not taken; taken are {', '.join(self._types)}")
        return plain

    def _too_large(self) -> TooLarge:
        return TooLarge(f"a file may have {self._most_bytes} bytes; make it smaller, or put a link into the text")


class _Bounded:
    """Counts and sums what passes."""

    def __init__(self, pieces: AsyncIterator[bytes], most: int, too_large: Callable[[], TooLarge]) -> None:
        self._pieces = pieces
        self._most = most
        self._too_large = too_large
        self.size = 0
        self.sum = sha256()

    async def read(self) -> AsyncIterator[bytes]:
        async for piece in self._pieces:
            self.size += len(piece)
            if self.size > self._most:
                raise self._too_large()
            self.sum.update(piece)
            if piece:
                yield piece


def _clean(name: str) -> str:
    """A name without folders and without what cannot be seen."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = " ".join(_UNSEEN.sub(" ", last).split())[:_NAME].strip(". ")
    return shown if shown and not mistake_in(shown) else "file"
