"""What trust rests on: the clock, unguessable ids, the vault, the signing keys, who a caller is."""

import asyncio
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import structlog

from chorally_core.adapters.identity import (
    Issuer,
    Keyring,
    KeySet,
    ServiceTokens,
    SharedKeyring,
    TokenIdentity,
    Verifier,
)
from chorally_core.adapters.identity.keyring import NAME
from chorally_core.adapters.identity.realms import Issuers, Realms
from chorally_core.adapters.local import FernetVault
from chorally_core.bootstrap.keycloak import client, terms_of
from chorally_core.bootstrap.stores import shared_documents
from chorally_core.bootstrap.vault import open_vault
from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Documents
from chorally_core.services.identity import Standing
from chorally_core.services.identity.meeting import Meeting
from chorally_core.settings import Settings

log = structlog.get_logger(__name__)

OPERATOR = "operator"
"""Subject of tokens that whoever runs the installation makes for themselves."""

_STANDING_S = 1.0  # seconds after which another process's change of a user is seen
_LOOK_S = 30.0  # seconds after which another process's change of the signing keys is seen


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return 32 unguessable hex digits."""
    return secrets.token_hex(16)


def keyring_of(
    settings: Settings, vault: FernetVault, documents: Documents | None, now: Callable[[], datetime] = utc_now
) -> Keyring | SharedKeyring:
    """Return the signing keys: those in the documents where other processes may use them, else those of the folder.

    Raises:
        InvalidKeyring: The folder's file does not hold signing keys.
    """
    return Keyring(settings.data / NAME, now, vault) if documents is None else SharedKeyring(documents, now, vault)


async def load(keyring: Keyring | SharedKeyring, settings: Settings, vault: FernetVault) -> None:
    """Read keys that are shared; where there are none, those of a folder's file go on to be used.

    Raises:
        InvalidKeyring: They cannot be opened.
    """
    if isinstance(keyring, SharedKeyring):
        file = settings.data / NAME
        await keyring.load(Keyring(file, utc_now, vault) if file.exists() else None)


def issuer_of(
    settings: Settings, keyring: KeySet, now: Callable[[], datetime] = utc_now, ids: Callable[[], str] = new_id
) -> Issuer:
    """Return the built-in issuer."""
    life = timedelta(minutes=settings.token_minutes)
    return Issuer(keyring, issuer=settings.issuer, audience=settings.audience, clock=now, ids=ids, life=life)


def told(issuer: Issuer, tenant: str, role: str, name: str = OPERATOR) -> str:
    """Return a token for whoever runs the installation."""
    return issuer.issue(subject=OPERATOR, tenant=tenant, name=name, roles=(role,), generation=0).access_token


async def operator_token(settings: Settings, tenant: str, role: str) -> str:
    """Return a token for whoever runs the installation, whether or not a process of it runs.

    Raises:
        InvalidKeyring: The signing keys cannot be opened.
        InvalidSettings: The secret keys or the documents cannot be used as they are named.
    """
    vault = open_vault(settings)
    async with shared_documents(settings) as documents:
        keyring = keyring_of(settings, vault, documents)
        await load(keyring, settings, vault)
        return told(issuer_of(settings, keyring), tenant, role)


class Trust:
    """Who callers are: by the built-in issuer, or by a Keycloak."""

    def __init__(
        self,
        settings: Settings,
        vault: FernetVault,
        documents: Documents,
        *,
        actions: Actions,
        shared: bool,
        now: Callable[[], datetime],
        ids: Callable[[], str],
        keycloak: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Put the parts together.

        Args:
            settings: Names the issuer, the audience, the tokens' life and the senders of service tokens.
            vault: Seals the signing keys.
            documents: Where users are.
            actions: Takes note of people whom a Keycloak keeps.
            shared: Whether other processes may use the documents.
            now: The clock.
            ids: Gives unguessable ids.
            keycloak: Carries requests to the Keycloak; the network where None.

        Raises:
            InvalidKeyring: The folder's file does not hold signing keys.
            InvalidServiceTokens: The setting is wrong.
            InvalidSettings: What they say of the Keycloak cannot be.
        """
        self._settings = settings
        self._vault = vault
        self.keyring = keyring_of(settings, vault, documents if shared else None, now)
        self.issuer = issuer_of(settings, self.keyring, now, ids)
        self.standing = Standing(documents, kept_s=_STANDING_S if shared else None)
        verifier = Verifier(
            self.keyring, issuer=settings.issuer, audience=settings.audience, clock=now, is_valid=self._is_valid
        )
        services = ServiceTokens.of(settings.service_tokens.get_secret_value())
        self._http: httpx.AsyncClient | None = None
        self.identity = TokenIdentity(verifier, services)
        if settings.keycloak:
            self._http = client(keycloak)
            realms = Realms(terms_of(settings), self._http, now, Meeting(actions, self.standing, now))
            self.identity = TokenIdentity(Issuers(realms, verifier), services)

    async def aclose(self) -> None:
        """Close what is open to the Keycloak."""
        if self._http is not None:
            await self._http.aclose()

    async def start(self) -> None:
        """Read the keys that are shared.

        Raises:
            InvalidKeyring: They cannot be opened.
        """
        await load(self.keyring, self._settings, self._vault)

    async def run(self) -> None:
        """Take up what other processes change of the keys, until cancelled."""
        while isinstance(self.keyring, SharedKeyring):
            await asyncio.sleep(_LOOK_S)
            try:
                await self.keyring.refresh()
            except Exception as error:  # the keys that are known remain good
                log.warning("signing keys could not be looked at", error=f"{type(error).__name__}: {error}")

    async def _is_valid(self, subject: str, tenant: str, generation: int) -> bool:
        if subject == OPERATOR:
            return generation == 0
        return await self.standing.is_valid(subject, tenant, generation)
