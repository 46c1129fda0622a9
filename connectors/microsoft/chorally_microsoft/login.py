"""Tokens: a person's by consent (OAuth 2.0 of the Microsoft identity platform, v2.0), and the bot's by its secret."""

from typing import Any

import chorally_sdk as sdk
from chorally_microsoft.config import AppSettings
from chorally_sdk import oauth

SCOPES = ("offline_access", "User.Read", "Mail.ReadWrite", "Mail.Send")
OF_SHARED = ("User.ReadBasic.All", "Mail.ReadWrite.Shared", "Mail.Send.Shared")
"""Asked for besides where shared mailboxes are set."""
BOT_SCOPE = "https://api.botframework.com/.default"


def app_of(settings: Any) -> AppSettings:
    """Return the app's settings.

    Raises:
        Rejected: There are none.
    """
    if not isinstance(settings, AppSettings):
        raise sdk.Rejected("there is no app registration; add the app's client id and secret")
    return settings


def scopes_of(app: AppSettings) -> tuple[str, ...]:
    """Return what a person is asked for."""
    return (*SCOPES, *(OF_SHARED if app.shared_mailboxes else ()))


def person(connector: sdk.Connector, app: AppSettings) -> oauth.Client:
    """Return the client by which people consent."""
    base = f"{app.login_url}/{app.tenant}/oauth2/v2.0"
    return oauth.Client(
        connector,
        app.client_id,
        app.client_secret,
        token_url=f"{base}/token",
        authorize_url=f"{base}/authorize",
        scopes=scopes_of(app),
    )


async def renewed(connector: sdk.Connector, app: AppSettings, grant: sdk.Grant | None) -> sdk.Grant:
    """Renew a person's grant by its refresh token, which is rotated; issue the bot's anew.

    Raises:
        Reauthorize: The person's consent is over.
    """
    if grant is not None and BOT_SCOPE not in grant.scopes:
        return await person(connector, app).refresh(grant)
    client = oauth.Client(
        connector,
        app.client_id,
        app.client_secret,
        token_url=f"{app.login_url}/{app.bot_tenant}/oauth2/v2.0/token",
        scopes=(BOT_SCOPE,),
    )
    issued = await client.credentials()
    marked = issued.model_copy(update={"scopes": issued.scopes | {BOT_SCOPE}})  # by which it is known as the bot's
    return oauth.carried(grant, marked)


def missing(granted: frozenset[str], app: object, *, has_refresh: bool) -> frozenset[str]:
    """Return the scopes that a person did not give; none where the grant does not name its scopes.

    ``offline_access`` shows in the refresh token only: answers of the token endpoint leave it out.
    """
    if not granted:
        return frozenset()
    given = {each.rpartition("/")[2].lower() for each in granted} | ({"offline_access"} if has_refresh else set())
    wanted = scopes_of(app) if isinstance(app, AppSettings) else SCOPES
    return frozenset(each for each in wanted if each.lower() not in given)
