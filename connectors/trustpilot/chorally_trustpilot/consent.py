"""How the account is connected: a person's consent, or the API key and secret alone (Authentication, read 2026-11-23).

Access tokens live 100 hours and refresh tokens 30 days, of which only the first is told; ``expires_in`` is a text.
Trustpilot documents neither PKCE nor scopes. It wants tokens to be renewed only when they have ended or soon will.
"""

from datetime import timedelta
from typing import Any

import chorally_sdk as sdk
from chorally_sdk import oauth
from chorally_trustpilot import faults
from chorally_trustpilot.config import AppSettings

PAGE = "https://authenticate.trustpilot.com"
_OAUTH = "/v1/oauth/oauth-business-users-for-applications"
REFRESH_LIFE = timedelta(days=30)


def client(connector: sdk.Connector, step: str = "accesstoken") -> oauth.Client:
    """Return the application as an OAuth client, for one of the endpoints ``accesstoken``, ``refresh``, ``revoke``."""
    app = app_of(connector)
    return oauth.Client(
        connector,
        app.client_id,
        app.client_secret,
        token_url=f"{_OAUTH}/{step}",
        authorize_url=PAGE,
        revocation_url=f"{_OAUTH}/revoke",
        proves="client_secret_basic",
        pkce=False,
        fault=faults.of_token,
    )


async def exchanged(connector: sdk.Connector, callback: sdk.Callback) -> sdk.Grant:
    """Turn a person's code into a grant."""
    return _lasting(connector, None, await client(connector).exchange(callback))


async def renewed(connector: sdk.Connector, grant: sdk.Grant | None) -> sdk.Grant:
    """Issue a grant anew: by its refresh token, or without one by the application itself, where it may.

    Raises:
        Reauthorize: There is no refresh token, and the application may not act by itself.
    """
    if grant is not None and grant.refresh is not None:
        return _lasting(connector, grant, await client(connector, "refresh").refresh(grant))
    if not app_of(connector).client_credentials:
        raise sdk.Reauthorize("the grant has no refresh token; connect the account again")
    return oauth.carried(grant, await client(connector).credentials())


def _lasting(connector: sdk.Connector, before: sdk.Grant | None, grant: sdk.Grant) -> sdk.Grant:
    """A grant with the end of its refresh token; one that goes on ends when it would have."""
    is_new = before is None or before.refresh != grant.refresh
    if grant.refresh is None or grant.refresh_expires_at is not None or not is_new:
        return grant
    return grant.model_copy(update={"refresh_expires_at": connector.now() + REFRESH_LIFE})


def app_of(connector: sdk.Connector) -> AppSettings:
    """Return the application's settings."""
    known: Any = connector.app.settings
    return known if isinstance(known, AppSettings) else AppSettings()
