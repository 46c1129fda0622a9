"""Takes uploads: bounded, checked, and durable piece by piece.

The record comes first, so that what an upload leaves behind that is broken off is found and removed; it can be used
once it is whole.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from hashlib import sha256

import msgspec

from chorally_core.ports.documents import Conflict, Document, Documents
from chorally_core.ports.files import File
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.objects import FILES, Objects
from chorally_core.ports.refused import Refused
from chorally_core.ports.storable import mistake_in
from chorally_core.services.media.facts import Actor, told
from chorally_core.services.media.quota import Quota
from chorally_core.services.media.sniffing import HEAD, mistake

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


class QuotaFull(NotTaken):
    """The tenant's files take all that they may."""


class TooSlow(NotTaken):
    """It did not come within the time that there is for it."""


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
        quota: Quota | None = None,
        beside: Callable[[File], Document | None] = lambda file: None,
        limit_s: float = 900.0,
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
            quota: How much a tenant's files may take; no bound where None.
            beside: Returns what is stored with a whole file, such as a job that draws its thumbnail.
            limit_s: Seconds that all of an upload may take.
        """
        self._ledger = ledger
        self._objects = objects
        self._now = now
        self._most_bytes = most_bytes
        self._types = tuple(types)
        self._unused = unused
        self._has_room = has_room
        self._quota = quota
        self._beside = beside
        self._limit_s = limit_s

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
        by: Actor,
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

        The same id again gives the file that is there, once it is whole.

        Raises:
            NotTaken: It is too large, of a type that is not taken, not what its sender says, or too slow.
        """
        media_type = self._checked_type(media_type)
        if declared_bytes is not None and declared_bytes > self._most_bytes:
            raise self._too_large()
        if not self._has_room():
            raise NoRoom("the disk is almost full; send the file again later")
        left = await self._left(tenant, declared_bytes or 1)
        known = await self._documents.get(File, file_id)
        if known is not None and known.is_whole:
            return known
        now = self._now()
        file = File(
            id=file_id, tenant=tenant, version=known.version if known else 0, place=f"{FILES}{file_id}",
            name=_clean(name), media_type=media_type, created_by=by.id, created_at=now, expires_at=now + _UNDER_WAY,
        )  # fmt: skip
        await self._ledger.commit(Work([Step.of([file])]))
        try:
            async with asyncio.timeout(self._limit_s):
                whole = await self._stored(file, pieces, digest, left, by)
        except BaseException as error:
            await asyncio.shield(self._forget(file))
            if isinstance(error, TimeoutError):
                raise TooSlow(f"the file did not come within {self._limit_s:g} seconds; send it again") from None
            raise
        if self._quota is not None:
            await self._quota.changed(tenant, whole.size_bytes)
        return whole

    async def _stored(
        self, file: File, pieces: AsyncIterator[bytes], digest: bytes | None, left: int | None, by: Actor
    ) -> File:
        bounded = _Bounded(pieces, self._bounds(left), lambda head: self._checked_head(head, file.media_type))
        await self._objects.keep(file.tenant, file.place, bounded.read())
        if not bounded.size:
            raise Damaged("the file is empty; send its bytes as the request's body")
        if digest is not None and digest != bounded.sum.digest():
            raise Damaged("the file's bytes are not those of its Content-Digest; send it again")
        whole = msgspec.structs.replace(
            file, size_bytes=bounded.size, sha256=bounded.sum.hexdigest(), is_whole=True,
            expires_at=self._now() + self._unused(file.tenant),
        )  # fmt: skip
        added = self._beside(whole)
        if added is not None:
            whole = msgspec.structs.replace(whole, thumbnail="waiting")
        stored = [whole] if added is None else [added, whole]
        fact = told("file_uploaded", whole, by, self._now())
        await self._ledger.commit(Work([Step.of(stored, (fact,))]))
        return whole

    async def remove(self, file: File, by: Actor) -> None:
        """Remove a file that nothing uses.

        Raises:
            Refused: Something uses it.
        """
        if file.used_at is not None:
            raise _in_use()
        gone = msgspec.structs.replace(file, expires_at=self._now())
        try:
            await self._ledger.commit(Work([Step.of([gone], (told("file_removed", file, by, self._now()),))]))
        except Conflict:
            raise _in_use() from None
        await self._forget(file)
        if self._quota is not None:
            await self._quota.changed(file.tenant, -file.size_bytes)

    async def _forget(self, file: File) -> None:
        """Remove the bytes first: of a record that is left they are removed again."""
        for place in file.places:
            await self._objects.delete(file.tenant, place)
        await self._documents.delete(File, [file.id])

    async def _left(self, tenant: str, wanted: int) -> int | None:
        """The room that the tenant has left; None for no bound."""
        left = None if self._quota is None else await self._quota.left(tenant)
        if left is not None and left < wanted:
            raise _full()
        return left

    def _bounds(self, left: int | None) -> tuple[tuple[int, Callable[[], NotTaken]], ...]:
        room = () if left is None else ((left, _full),)
        return ((self._most_bytes, self._too_large), *room)

    def _checked_head(self, head: bytes, media_type: str) -> None:
        if why := mistake(head, media_type, self._types):
            raise WrongType(why)

    def _checked_type(self, media_type: str) -> str:
        plain = media_type.partition(";")[0].strip().lower()
        if not _MEDIA_TYPE.fullmatch(plain):
            raise WrongType("say the file's media type in Content-Type, such as image/png")
        if not any(fnmatchcase(plain, pattern) for pattern in self._types):
            raise WrongType(f"files of the type {plain} are not taken; taken are {', '.join(self._types)}")
        return plain

    def _too_large(self) -> TooLarge:
        return TooLarge(f"a file may have {self._most_bytes} bytes; make it smaller, or put a link into the text")


def _in_use() -> Refused:
    return Refused("conflict", "file-in-use", "the file went out; it is removed when it is kept long enough")


def _full() -> QuotaFull:
    return QuotaFull("your files take all the room that they may; remove some that nothing uses, or ask for more")


class _Bounded:
    """Counts and sums what passes, and has its beginning looked at before anything of it is stored."""

    def __init__(
        self,
        pieces: AsyncIterator[bytes],
        bounds: Sequence[tuple[int, Callable[[], NotTaken]]],
        look: Callable[[bytes], None],
    ) -> None:
        self._pieces = pieces
        self._bounds = bounds
        self._look = look
        self.size = 0
        self.sum = sha256()

    async def read(self) -> AsyncIterator[bytes]:
        head: bytearray | None = bytearray()
        async for piece in self._pieces:
            self.size += len(piece)
            for most, refusal in self._bounds:
                if self.size > most:
                    raise refusal()
            self.sum.update(piece)
            if head is None:
                yield piece
                continue
            head += piece
            if len(head) >= HEAD:
                self._look(bytes(head[:HEAD]))
                yield bytes(head)
                head = None
        if head:
            self._look(bytes(head))
            yield bytes(head)


def _clean(name: str) -> str:
    """A name without folders and without what cannot be seen."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = " ".join(_UNSEEN.sub(" ", last).split())[:_NAME].strip(". ")
    return shown if shown and not mistake_in(shown) else "file"
