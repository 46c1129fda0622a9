"""The vault on Fernet keys (AES-128-CBC with HMAC-SHA256): the first key seals, all of them open."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkstemp
from typing import Any

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from chorally_core.ports.secrets import Unopenable


class FernetVault:
    """Seals and opens JSON values."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take the keys, newest first.

        Raises:
            ValueError: There is no key, or one is not 32 bytes in URL-safe base64.
        """
        if not keys:
            raise ValueError("a vault needs at least one key")
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, value: Any) -> str:
        """Return the value encrypted, as text."""
        return self._fernet.encrypt(msgspec.json.encode(value)).decode()

    def open(self, sealed: str) -> Any:
        """Return the value that was sealed.

        Raises:
            Unopenable: No key fits.
        """
        try:
            return msgspec.json.decode(self._fernet.decrypt(sealed))
        except InvalidToken:
            raise Unopenable("no key fits; was CHORALLY_SECRET_KEYS changed without keeping the old one?") from None

    def reseal(self, sealed: str) -> str:
        """Return a sealed value under the newest key."""
        try:
            return self._fernet.rotate(sealed).decode()
        except InvalidToken:
            raise Unopenable("no key fits") from None


def key_file(path: Path) -> list[str]:
    """Return the keys of a file that only its owner may read, made with a new key where there is none.

    Raises:
        ValueError: The file holds no key.
    """
    if not path.exists():
        descriptor, beside = mkstemp(dir=path.parent)  # complete before it gets its name: a kill leaves no empty file
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(beside, path)
        Path(beside).unlink()
    try:
        keys = path.read_text("ascii").split()
        FernetVault(keys)
    except ValueError:
        why = "restore it from a backup: nothing that was sealed can be opened without it"
        raise ValueError(f"{path} does not hold keys of 32 bytes in URL-safe base64; {why}") from None
    return keys
