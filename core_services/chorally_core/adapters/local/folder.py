"""Objects as files of a folder, one folder for each tenant."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from chorally_core.ports.objects import PIECE


class Folder:
    """Serves the objects port from a folder.

    Names are hashed, so that nothing a caller says becomes part of a path. A file is complete and
    synchronised before it gets its name.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def _path(self, tenant: str, name: str) -> Path:
        place = sha256(tenant.encode()).hexdigest()[:32]
        digest = sha256(name.encode()).hexdigest()
        return self._root / place / digest[:2] / digest

    async def put(self, tenant: str, name: str, content: bytes) -> None:
        """Store an object durably; the same name again replaces it."""
        path = self._path(tenant, name)
        with _beside(path) as file:
            file.write(content)
            _settle(file, path)

    async def keep(self, tenant: str, name: str, pieces: AsyncIterator[bytes]) -> None:
        """Store an object durably as its pieces come; nothing is stored where they end with an error.

        Raises:
            LookupError: It was removed meanwhile.
        """
        path = self._path(tenant, name)
        with _beside(path) as file:
            try:
                async for piece in pieces:
                    await asyncio.to_thread(file.write, piece)
                await asyncio.to_thread(_settle, file, path)
            except FileNotFoundError:
                raise LookupError(f"the object {name!r} was removed while it was written") from None
            except BaseException:
                _give_up(file)
                raise

    async def get(self, tenant: str, name: str) -> bytes:
        """Return an object.

        Raises:
            LookupError: There is none of that name.
        """
        try:
            return self._path(tenant, name).read_bytes()
        except FileNotFoundError:
            raise LookupError(f"there is no object {name!r}") from None

    async def pieces(
        self, tenant: str, name: str, *, first: int = 0, last: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Yield an object in pieces, from one position to another.

        Raises:
            LookupError: There is none of that name.
        """
        try:
            file = self._path(tenant, name).open("rb")
        except FileNotFoundError:
            raise LookupError(f"there is no object {name!r}") from None
        with file:
            file.seek(first)
            left = None if last is None else last + 1 - first
            while piece := await asyncio.to_thread(file.read, PIECE if left is None else min(PIECE, left)):
                left = None if left is None else left - len(piece)
                yield piece

    async def delete(self, tenant: str, name: str) -> None:
        """Remove an object, and what an interrupted ``keep`` left of it; one that is not there is no error."""
        path = self._path(tenant, name)
        path.unlink(missing_ok=True)
        for left in path.parent.glob(f"{path.name}.*"):
            left.unlink(missing_ok=True)

    async def link(self, tenant: str, name: str, *, media_type: str, saved_as: str, lasts: timedelta) -> str | None:
        """Return None: nothing serves the folder but who reads it."""
        return None


def _beside(path: Path) -> IO[bytes]:
    """A new file in the place of an object, under a name that only tells whose it will be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.", delete=False)


def _give_up(file: IO[bytes]) -> None:
    """Remove a file that is not complete."""
    Path(file.name).unlink(missing_ok=True)


def _settle(file: IO[bytes], path: Path) -> None:
    """Make a file durable, then give it its name."""
    file.flush()
    os.fsync(file.fileno())
    Path(file.name).replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
