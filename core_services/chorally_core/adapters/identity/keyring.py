"""The signing keys of the built-in issuer: a JSON Web Key Set in the data folder, readable by its owner only."""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import structlog
from joserfc.jwk import RSAKey

from chorally_core.adapters.identity.keys import VerifyingKey
from chorally_core.ports.secrets import Vault

log = structlog.get_logger(__name__)

NAME = "signing-keys.json"
_BITS = 2048
_MADE_AT = "iat"


class InvalidKeyring(Exception):
    """The file of signing keys cannot be used; the message says what to do."""


class Keyring:
    """Several signing keys, of which the newest signs and all verify."""

    def __init__(self, path: Path, clock: Callable[[], datetime], vault: Vault | None = None) -> None:
        """Read the keys from a file, making it with a first key where there is none.

        Args:
            path: The file.
            clock: Gives the time.
            vault: Seals the file, one in clear too; without it, it is only kept from other users of the machine.

        Raises:
            InvalidKeyring: The file does not hold signing keys.
        """
        self._path = path
        self._clock = clock
        self._vault = vault
        self._keys: dict[str, RSAKey] = {}
        self.revision = 0
        if path.exists():
            self._read()
        else:
            self.rotate()

    def __repr__(self) -> str:
        return f"Keyring({str(self._path)!r}, {len(self._keys)} keys)"

    @property
    def signing(self) -> RSAKey:
        """The newest key."""
        return next(reversed(self._keys.values()))

    async def key(self, kid: str) -> VerifyingKey | None:
        """Return the key of that id; None where there is none."""
        return self._keys.get(kid)

    def public(self) -> dict[str, Any]:
        """Return the public halves as a JSON Web Key Set."""
        return {"keys": [key.as_dict(private=False) for key in self._keys.values()]}

    def rotate(self, keep: timedelta | None = None) -> str:
        """Make a new key, which signs from now on, and return its id.

        Args:
            keep: How long a key that no longer signs goes on verifying; give it the life of the tokens. Zero
                withdraws the old keys at once, with all their tokens. Where it is left out, none is withdrawn.
        """
        now = self._clock()
        new = RSAKey.generate_key(_BITS)
        parameters: dict[str, Any] = {"use": "sig", "alg": "RS256", "kid": new.thumbprint()}
        parameters[_MADE_AT] = int(now.timestamp())
        key = RSAKey.import_key({**new.as_dict(private=True), **parameters})
        kept = self._keys if keep is None else self._verifying(now - keep)
        if len(kept) < len(self._keys):
            self.revision += 1
        self._keys = {**kept, str(key.kid): key}
        self._write()
        return str(key.kid)

    def reseal(self) -> None:
        """Write the file anew, sealed with the vault's newest key."""
        self._write()

    def _verifying(self, since: datetime) -> dict[str, RSAKey]:
        """The keys that were followed by a newer one only after ``since``; the newest is followed now."""
        keys = list(self._keys.items())
        followed = [int(str(key.get(_MADE_AT))) for _, key in keys[1:]] + [int(self._clock().timestamp())]
        return {kid: key for (kid, key), end in zip(keys, followed, strict=True) if end > since.timestamp()}

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
            keys = [RSAKey.import_key(document) for document in documents]
            keys.sort(key=lambda key: int(str(key.get(_MADE_AT))))
            if not keys or not all(key.is_private and key.kid for key in keys):
                raise ValueError("a key is missing or has no private half")
        except Exception as error:
            # The cause may quote a key, so that only its type is told.
            raise InvalidKeyring(
                f"{self._path} does not hold signing keys ({type(error).__name__}); restore it from a backup or the "
                "secret key that sealed it, or remove it to begin with a new key, which ends all sessions"
            ) from None
        self._keys = {str(key.kid): key for key in keys}
        if self._vault is not None and in_clear:
            self._write()

    def _write(self) -> None:
        document = {"keys": [key.as_dict(private=True) for key in self._keys.values()]}
        content = msgspec.json.encode(document) if self._vault is None else self._vault.seal(document).encode()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(".new")
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
