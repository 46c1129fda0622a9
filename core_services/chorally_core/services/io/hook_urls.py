"""Where platforms send webhooks."""

import chorally_sdk as sdk
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.model import Account

SET_IT = "set CHORALLY_PUBLIC_URL, such as https://chorally.example"
"""What is to be done where the address is not known."""


class NoAddress(sdk.Rejected):
    """Nobody has said under which address platforms reach this system."""


def webhook_path(directory: Directory, account: Account) -> str | None:
    """Return where the platform sends an account's webhooks; None where its connector takes none."""
    connector = directory.connectors.get(account.platform)
    hooks: sdk.Hooks | None = connector.manifest.hooks if connector else None
    if hooks is None or account.state == "disconnected":
        return None
    path = f"/{account.platform}/v1/webhook"
    if hooks.scope == "account":
        return f"{path}/{account.hook_token}"
    app = directory.app_for(account)
    return f"{path}/{app.hook_token}" if app is not None and app.tenant == account.tenant else path


def callback_url(directory: Directory, account: Account, public_url: str) -> str:
    """Return the URL that is given to the platform.

    Where webhooks come to the URL of an app, a person may have told it to the platform: without an address it is the
    path alone, which a platform that does want it refuses.

    Raises:
        NoAddress: The system's own address is not known.
        Rejected: There is no app whose URL it could be.
    """
    hooks = directory.connectors[account.platform].manifest.hooks
    is_of_app = hooks is not None and hooks.scope == "app"
    if is_of_app and directory.app_for(account) is None:
        raise sdk.Rejected(f"there is no app of {account.platform}; add one with POST /io/v1/apps")
    if not public_url and not is_of_app:
        raise NoAddress(f"{account.platform} must be told this system's public address; {SET_IT}")
    return f"{public_url.rstrip('/')}{webhook_path(directory, account) or ''}"
