"""The signing keys of the built-in issuer where several processes share them: one document, sealed by the vault."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from chorally_core.adapters.identity.key_set import InvalidKeyring, KeySet, imported
from chorally_core.adapters.identity.keys import VerifyingKey
from chorally_core.ports.documents import Conflict, Document, Documents, Write
from chorally_core.ports.secrets import Vault

log = structlog.get_logger(__name__)

_ID = "signing-keys"
_LOOK = timedelta(seconds=2)


class SigningKeys(Document, frozen=True, kw_only=True):
    """A JSON Web Key Set of private keys."""

    kind = "signing_keys"

    sealed: str


class SharedKeyring(KeySet):
    """The keys in the documents; processes take up what another one changed."""

    def __init__(self, documents: Documents, clock: Callable[[], datetime], vault: Vault) -> None:
        """Prepare; ``load`` comes before anything else.

        Args:
            documents: Where the keys are.
            clock: Gives the time.
            vault: Seals them; all processes need the same secret keys.
        """
        super().__init__(clock)
        self._documents = documents
        self._vault = vault
        self._version = 0
        self._looked_at: datetime | None = None
        self._one = asyncio.Lock()

    def __repr__(self) -> str:
        return f"SharedKeyring({len(self._keys)} keys, version {self._version})"

    async def load(self, first: KeySet | None = None) -> None:
        """Read the keys, making them where there are none; of several that begin at once, one makes them for all.

        Args:
            first: Keys to begin with, in place of a new one.

        Raises:
            InvalidKeyring: The document cannot be opened.
        """
        if await self._read():
            return
        keys = first if first is not None else KeySet(self._clock)
        if first is None:
            keys._take(keys._followed(None))
        made = SigningKeys(id=_ID, tenant="", version=1, sealed=self._vault.seal(keys.private()))
        await self._documents.write([Write(made, 0)])  # nothing happens where another process came first
        await self._read()

    async def key(self, kid: str) -> VerifyingKey | None:
        """Return the key of that id; for one that is not known the store is asked, at most every two seconds."""
        if kid not in self._keys:
            async with self._one:
                if kid not in self._keys and self._may_look():
                    await self._read()
        return self._keys.get(kid)

    def _may_look(self) -> bool:
        return self._looked_at is None or self._clock() - self._looked_at >= _LOOK

    async def refresh(self) -> None:
        """Take up what other processes changed: a newer key signs, and withdrawn ones verify no more."""
        await self._read()

    async def rotate(self, keep: timedelta | None = None) -> str:
        """Make a new key, which signs from now on, and return its id.

        Args:
            keep: How long a key that no longer signs goes on verifying; give it the life of the tokens. Zero
                withdraws the old keys with all their tokens, everywhere once ``refresh`` was called there. Where it
                is left out, none is withdrawn.
        """
        while True:
            await self._read()
            keys = KeySet(self._clock)
            keys._take(self._keys)
            keys._take(keys._followed(keep))
            if await self._store(keys):
                return str(self.signing.kid)

    async def reseal(self) -> None:
        """Seal the keys with the vault's newest key."""
        while not (await self._read() and await self._store(self)):
            continue

    async def _store(self, keys: KeySet) -> bool:
        """Keep these keys in place of those that were read; False where another process was first."""
        sealed = self._vault.seal(keys.private())
        document = SigningKeys(id=_ID, tenant="", version=self._version + 1, sealed=sealed)
        try:
            await self._documents.write([Write(document, self._version)])
        except Conflict:
            return False
        return await self._read()

    async def _read(self) -> bool:
        """Read the document; False where there is none."""
        self._looked_at = self._clock()
        stored = await self._documents.get(SigningKeys, _ID)
        if stored is None:
            return False
        if stored.version == self._version:
            return True
        try:
            keys = imported(self._vault.open(stored.sealed)["keys"])
        except Exception as error:  # the cause may quote a key, so that only its type is told
            raise InvalidKeyring(
                f"the signing keys in the documents cannot be opened ({type(error).__name__}); set "
                "CHORALLY_SECRET_KEYS to the keys that the other processes have"
            ) from None
        if self._version:
            log.info("signing keys were changed", keys=len(keys))
        self._take(keys)
        self._version = stored.version
        return True
