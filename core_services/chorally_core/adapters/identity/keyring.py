"""The signing keys of the built-in issuer: a JSON Web Key Set in the data folder, readable by its owner only."""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import structlog

from chorally_core.adapters.identity.key_set import InvalidKeyring, KeySet, imported
from chorally_core.ports.secrets import Vault

log = structlog.get_logger(__name__)

NAME = "signing-keys.json"

__all__ = ["NAME", "InvalidKeyring", "Keyring"]


class Keyring(KeySet):
    """The keys in a file, which one process owns."""

    def __init__(self, path: Path, clock: Callable[[], datetime], vault: Vault | None = None) -> None:
        """Read the keys from a file, making it with a first key where there is none.

        Args:
            path: The file.
            clock: Gives the time.
            vault: Seals the file, one in clear too; without it, it is only kept from other users of the machine.

        Raises:
            InvalidKeyring: The file does not hold signing keys.
        """
        super().__init__(clock)
        self._path = path
        self._vault = vault
        if path.exists():
            self._read()
        else:
            self.rotate()

    def __repr__(self) -> str:
        return f"Keyring({str(self._path)!r}, {len(self._keys)} keys)"

    def rotate(self, keep: timedelta | None = None) -> str:
        """Make a new key, which signs from now on, and return its id.

        Args:
            keep: How long a key that no longer signs goes on verifying; give it the life of the tokens. Zero
                withdraws the old keys at once, with all their tokens. Where it is left out, none is withdrawn.
        """
        self._take(self._followed(keep))
        self._write()
        return str(self.signing.kid)

    def reseal(self) -> None:
        """Write the file anew, sealed with the vault's newest key."""
        self._write()

    def _read(self) -> None:
        if os.name == "posix" and self._path.stat().st_mode & 0o077:
            log.warning("signing keys were readable by others; the file is now its owner's only", file=str(self._path))
            self._path.chmod(0o600)
        content = self._path.read_bytes()
        in_clear = content.startswith(b"{")
        try:
            if self._vault is not None and not in_clear:
                documents = self._vault.open(content.decode())["keys"]
            else:
                documents = msgspec.json.decode(content)["keys"]
            self._keys = imported(documents)
        except Exception as error:
            # The cause may quote a key, so that only its type is told.
            raise InvalidKeyring(
                f"{self._path} does not hold signing keys ({type(error).__name__}); restore it from a backup or the "
                "secret key that sealed it, or remove it to begin with a new key, which ends all sessions"
            ) from None
        if self._vault is not None and in_clear:
            self._write()

    def _write(self) -> None:
        content = (
            msgspec.json.encode(self.private()) if self._vault is None else self._vault.seal(self.private()).encode()
        )
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(".new")
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
