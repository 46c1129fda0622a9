"""Who a connector acts for: grants, apps and accounts."""

from collections.abc import Mapping
from typing import Any

from pydantic import AwareDatetime, SecretStr

from chorally_sdk.model.base import Json, Model, Secretive


class Grant(Secretive):
    """What a consent gave. Encrypted at rest; a connector sees it only where it authorises or renews."""

    access: SecretStr
    refresh: SecretStr | None = None
    expires_at: AwareDatetime | None = None
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
    accounts: frozenset[str] = frozenset()
    """``external_id`` of the accounts connected through it now."""
