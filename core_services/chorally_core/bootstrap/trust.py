"""What trust rests on: the clock, unguessable ids, the vault, the signing keys, who a caller is."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from chorally_core.adapters.identity import Issuer, Keyring, ServiceTokens, TokenIdentity, Verifier
from chorally_core.adapters.identity.keyring import NAME
from chorally_core.adapters.local import FernetVault, key_file
from chorally_core.ports.documents import Documents
from chorally_core.services.identity import Standing
from chorally_core.settings import InvalidSettings, Settings

OPERATOR = "operator"
"""Subject of tokens that the owner of the data folder makes for themselves."""


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return 32 unguessable hex digits."""
    return secrets.token_hex(16)


def open_vault(settings: Settings) -> FernetVault:
    """Return the vault with the keys of the settings, or of the data folder.

    Raises:
        InvalidSettings: A key cannot be used.
    """
    keys = [key.get_secret_value() for key in settings.secret_keys]
    if not keys:
        try:
            return FernetVault(key_file(settings.data / "secret-keys"))
        except ValueError as error:
            raise InvalidSettings(str(error)) from None
    try:
        return FernetVault(keys)
    except ValueError:
        raise InvalidSettings("CHORALLY_SECRET_KEYS: each key must be 32 bytes in URL-safe base64") from None


def issuer_of(
    settings: Settings, vault: FernetVault, now: Callable[[], datetime] = utc_now, ids: Callable[[], str] = new_id
) -> tuple[Keyring, Issuer]:
    """Return the built-in issuer with its keys, made on first use."""
    keyring = Keyring(settings.data / NAME, now, vault)
    life = timedelta(minutes=settings.token_minutes)
    return keyring, Issuer(keyring, issuer=settings.issuer, audience=settings.audience, clock=now, ids=ids, life=life)


def operator_token(settings: Settings, tenant: str, role: str) -> str:
    """Return a token for whoever owns the data folder, which need not be free."""
    _, issuer = issuer_of(settings, open_vault(settings))
    return issuer.issue(subject=OPERATOR, tenant=tenant, name=OPERATOR, roles=(role,), generation=0).access_token


class Trust:
    """Who callers are, on the built-in issuer."""

    def __init__(
        self,
        settings: Settings,
        vault: FernetVault,
        documents: Documents,
        *,
        now: Callable[[], datetime],
        ids: Callable[[], str],
    ) -> None:
        self.keyring, self.issuer = issuer_of(settings, vault, now, ids)
        self.standing = Standing(documents)
        verifier = Verifier(
            self.keyring, issuer=settings.issuer, audience=settings.audience, clock=now, is_valid=self._is_valid
        )
        services = ServiceTokens.of(settings.service_tokens.get_secret_value())
        self.identity = TokenIdentity(verifier, services)

    async def _is_valid(self, subject: str, tenant: str, generation: int) -> bool:
        if subject == OPERATOR:
            return generation == 0
        return await self.standing.is_valid(subject, tenant, generation)
