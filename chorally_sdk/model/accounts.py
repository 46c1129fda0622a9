"""Who a connector acts for, and how it comes to that: grants, consents, apps and accounts."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Annotated, Any

from pydantic import AwareDatetime, SecretStr, SkipValidation

from chorally_sdk.model.base import Json, Model, Secretive


class Grant(Secretive):
    """What a consent gave. Encrypted at rest; a connector sees it only where it authorises or renews."""

    access: SecretStr
    refresh: SecretStr | None = None
    expires_at: AwareDatetime | None = None
    refresh_expires_at: AwareDatetime | None = None
    """When the refresh token ends, and with it the consent, where the platform says so.

    Without a refresh token, ``expires_at`` again says that nothing renews the token: the consent ends with it.
    """
    scopes: frozenset[str] = frozenset()
    base_url: str = ""
    """Where the grant is valid, for platforms of many instances; the manifest's where empty."""
    keep: Mapping[str, SecretStr] = {}
    """What else belongs to it, such as the key of a proof of possession."""


class AccountInfo(Secretive):
    """An account as the platform names it."""

    external_id: str
    name: str
    data: Json = {}
    """What the connector wants to find again in ``Account.data``."""
    grant: Grant | None = None
    """Only where the account has a token of its own."""
    missing_scopes: frozenset[str] = frozenset()


class Account(Model):
    """One connected page, bot, mailbox or profile."""

    id: str
    tenant: str
    external_id: str = ""
    name: str = ""
    data: Json = {}
    settings: Any = None
    """An instance of the manifest's ``account_settings``."""


class App(Model):
    """The developer app at the platform in whose name calls are made."""

    id: str
    settings: Any = None
    """An instance of the manifest's ``app_settings``."""
    accounts: Annotated[AbstractSet[str], SkipValidation] = frozenset()
    """``external_id`` of the accounts connected through it now: a live view, for connections that serve them all."""


class Consent(Secretive):
    """Where a person consents."""

    url: str
    """The platform's page, to which the person's browser is sent."""
    keep: Mapping[str, SecretStr] = {}
    """Handed back to ``exchange``; encrypted at rest."""


class Callback(Secretive):
    """What came back from the platform's page of consent; its state has been compared by the host."""

    params: Mapping[str, str]
    """Of the query, such as ``code``; never ``error``, which the host tells of itself."""
    verifier: SecretStr
    """Of the challenge that ``authorize`` was given (PKCE, RFC 7636, S256)."""
    redirect_uri: str
    """The same one that ``authorize`` was given."""
    keep: Mapping[str, SecretStr] = {}
    """Of the ``Consent``."""
