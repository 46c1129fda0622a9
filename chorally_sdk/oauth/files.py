"""Grants in a folder, for tools that have no host: one file each, and locks between processes.

The files are for their owner's eyes only. They are not encrypted unless ``seal`` and ``unseal`` are given.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from tempfile import mkstemp
from typing import Any

from pydantic import SecretStr

from chorally_sdk.oauth.kept import Kept


class FileGrants:
    """Keeps grants in files; right for processes of one machine."""

    def __init__(
        self,
        folder: Path,
        *,
        seal: Callable[[bytes], bytes] = lambda plain: plain,
        unseal: Callable[[bytes], bytes] = lambda sealed: sealed,
    ) -> None:
        """Keep grants in a folder, which is made for its owner only."""
        self._folder = folder
        self._seal = seal
        self._unseal = unseal
        self._held: dict[str, int] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def load(self, name: str) -> Kept | None:
        """Return what is kept under a name."""
        return await asyncio.to_thread(self._read, name)

    async def swap(self, name: str, kept: Kept) -> bool:
        """Store over the version that ``kept`` bears."""
        return await asyncio.to_thread(self._swap, name, kept)

    async def hold(self, name: str) -> bool:
        """Take the lock of a name, which the system frees when the process ends."""
        if name in self._held:
            return False
        descriptor = self._opened(name, "renewing")
        if _locked(descriptor, wait=False):
            self._held[name] = descriptor
            return True
        os.close(descriptor)
        return False

    async def release(self, name: str) -> None:
        """Free the lock."""
        os.close(self._held.pop(name))

    def _read(self, name: str) -> Kept | None:
        try:
            sealed = self._path(name, "grant").read_bytes()
        except FileNotFoundError:
            return None
        return Kept.model_validate_json(self._unseal(sealed))

    def _swap(self, name: str, kept: Kept) -> bool:
        with self._alone(name):
            known = self._read(name)
            if (known.version if known else 0) != kept.version:
                return False
            stored = kept.model_copy(update={"version": kept.version + 1})
            self._write(self._path(name, "grant"), self._seal(opened(stored)))
            return True

    def _write(self, path: Path, content: bytes) -> None:
        descriptor, beside = mkstemp(dir=self._folder)  # readable by its owner only
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(path)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextlib.contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        descriptor = self._opened(name, "writing")
        try:
            _locked(descriptor, wait=True)
            yield
        finally:
            os.close(descriptor)

    def _opened(self, name: str, lock: str) -> int:
        return os.open(self._path(name, lock), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)

    def _path(self, name: str, kind: str) -> Path:
        return self._folder / f"{blake2b(name.encode(), digest_size=12).hexdigest()}.{kind}"


def opened(kept: Kept) -> bytes:
    """Return what is kept as JSON with its secrets in the open, to be sealed."""

    def shown(value: Any) -> Any:
        if isinstance(value, SecretStr):
            return value.get_secret_value()
        if isinstance(value, frozenset):
            return sorted(value)
        return value.isoformat()

    return json.dumps(kept.model_dump(), default=shown).encode()


def _locked(descriptor: int, *, wait: bool) -> bool:
    import fcntl  # not on every system, and only needed here

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
