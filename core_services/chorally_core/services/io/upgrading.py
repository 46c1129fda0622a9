"""Brings settings that an older connector left in the store to what today's declares, one version at a time.

It is done in memory, at each reading: what is stored stays as it was until something about it is changed. So a process
with the older connector goes on beside one with today's while an installation is brought up to date.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

import chorally_sdk as sdk
from chorally_core.ports.secrets import Vault
from chorally_core.services.io.fitting import secret_fields
from chorally_core.services.io.model import Account, App


def account_of_today(account: Account, connector: type[sdk.Connector], vault: Vault) -> Account:
    """Return an account with its settings as today's connector declares them.

    Raises:
        Unsupported: They are of a newer connector than the one installed.
    """
    manifest = connector.manifest
    if account.settings_version == manifest.settings_version:
        return account
    opened = vault.open(account.sealed) if account.sealed else {}
    known = {**account.settings, **opened.get("settings", {})}
    settings = sdk.settings_of_today(connector, known, account.settings_version)
    plain, secret = _apart(settings, secret_fields(manifest.account_settings))
    return msgspec.structs.replace(
        account, settings=plain, sealed=vault.seal({**opened, "settings": secret}) if opened or secret else "",
        settings_version=manifest.settings_version,
    )  # fmt: skip


def app_of_today(app: App, connector: type[sdk.Connector], vault: Vault) -> App:
    """Return an app with its settings as today's connector declares them.

    Raises:
        Unsupported: They are of a newer connector than the one installed.
    """
    manifest = connector.manifest
    if app.settings_version == manifest.settings_version:
        return app
    opened = vault.open(app.sealed) if app.sealed else {}
    settings = sdk.settings_of_today(connector, {**app.settings, **opened}, app.settings_version, of_app=True)
    plain, secret = _apart(settings, secret_fields(manifest.app_settings))
    sealed = vault.seal(secret) if secret else ""
    return msgspec.structs.replace(app, settings=plain, sealed=sealed, settings_version=manifest.settings_version)


def _apart(settings: Mapping[str, Any], hidden: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    plain = {name: value for name, value in settings.items() if name not in hidden}
    return plain, {name: value for name, value in settings.items() if name in hidden}
