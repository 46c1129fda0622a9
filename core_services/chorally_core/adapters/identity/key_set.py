"""Several signing keys, of which the newest signs and all verify; where they are kept is for others to say."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from joserfc.jwk import RSAKey

from chorally_core.adapters.identity.keys import VerifyingKey

_BITS = 2048
_MADE_AT = "iat"


class InvalidKeyring(Exception):
    """The signing keys cannot be used; the message says what to do."""


class KeySet:
    """The keys, by id, in the order in which they were made."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._keys: dict[str, RSAKey] = {}
        self.revision = 0

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

    def private(self) -> dict[str, Any]:
        """Return all of them, to be sealed and kept."""
        return {"keys": [key.as_dict(private=True) for key in self._keys.values()]}

    def _followed(self, keep: timedelta | None) -> dict[str, RSAKey]:
        """The keys with a new one behind them, less those that have not signed for longer than ``keep``."""
        now = self._clock()
        new = RSAKey.generate_key(_BITS)
        parameters: dict[str, Any] = {"use": "sig", "alg": "RS256", "kid": new.thumbprint()}
        parameters[_MADE_AT] = int(now.timestamp())
        key = RSAKey.import_key({**new.as_dict(private=True), **parameters})
        kept = self._keys if keep is None else self._verifying(now - keep)
        return {**kept, str(key.kid): key}

    def _take(self, keys: dict[str, RSAKey]) -> None:
        """Go on with these keys."""
        if set(self._keys) - set(keys):
            self.revision += 1
        self._keys = keys

    def _verifying(self, since: datetime) -> dict[str, RSAKey]:
        """The keys that were followed by a newer one only after ``since``; the newest is followed now."""
        keys = list(self._keys.items())
        followed = [int(str(key.get(_MADE_AT))) for _, key in keys[1:]] + [int(self._clock().timestamp())]
        return {kid: key for (kid, key), end in zip(keys, followed, strict=True) if end > since.timestamp()}


def imported(documents: Iterable[Any]) -> dict[str, RSAKey]:
    """Return the keys of a private key set, by id, in the order in which they were made.

    Raises:
        ValueError: There is none, or one has no private half.
    """
    keys = [RSAKey.import_key(document) for document in documents]
    keys.sort(key=lambda key: int(str(key.get(_MADE_AT))))
    if not keys or not all(key.is_private and key.kid for key in keys):
        raise ValueError("a key is missing or has no private half")
    return {str(key.kid): key for key in keys}
