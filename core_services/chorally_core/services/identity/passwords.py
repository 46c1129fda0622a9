"""Hashes and verifies passwords, beside the event loop and a few at a time."""

import asyncio
import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 12, 256
"""How many characters a password has."""


class Passwords:
    """Argon2id (RFC 9106); verifying takes as long for a user who is not there."""

    def __init__(self, hasher: PasswordHasher | None = None, *, at_once: int = 2) -> None:
        """Set how passwords are hashed.

        Args:
            hasher: The parameters; those of argon2-cffi (64 MiB) where None.
            at_once: How many are worked on together, which bounds memory.
        """
        self._hasher = hasher or PasswordHasher()
        self._at_once = asyncio.Semaphore(at_once)
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """Return the hash to store."""
        async with self._at_once:
            return await asyncio.to_thread(self._hasher.hash, _normal(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is the one hashed; with None it never is, after the same work."""
        against = stored or await self._nobody()
        async with self._at_once:
            fits = await asyncio.to_thread(self._verify, against, _normal(password))
        return fits and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    async def _nobody(self) -> str:
        """A hash of what nobody knows."""
        if self._nobodys is None:
            self._nobodys = await self.hash(secrets.token_urlsafe(32))
        return self._nobodys

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False


def _normal(password: str) -> str:
    """The password however a keyboard composes its letters."""
    return unicodedata.normalize("NFKC", password)
