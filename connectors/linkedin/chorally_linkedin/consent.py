"""Consent by a member who administers pages (OAuth 2), its renewal, and the pages that it opens.

LinkedIn documents no PKCE for web apps. A token lives 60 days; only approved partners get a refresh token, which
lives a year from the consent on, whatever is renewed. Without one the consent ends with its token.
"""

from collections.abc import AsyncIterator, Sequence

import httpx

import chorally_sdk as sdk
from chorally_linkedin.api import Api
from chorally_linkedin.config import AppSettings
from chorally_linkedin.names import digits_of
from chorally_linkedin.shapes import Acl, Introspected, Listing, Organization, read
from chorally_sdk import oauth


def client(connector: sdk.Connector, app: AppSettings) -> oauth.Client:
    """Return the app as an OAuth client."""
    return oauth.Client(
        connector,
        app.client_id,
        app.client_secret,
        token_url=app.token_url("accessToken"),
        authorize_url=app.consent_url,
        scopes=app.scopes,
        pkce=False,
    )


async def exchanged(connector: sdk.Connector, app: AppSettings, callback: sdk.Callback) -> sdk.Grant:
    """Turn the code into a grant."""
    return ending(await client(connector, app).exchange(callback))


async def renewed(connector: sdk.Connector, app: AppSettings, grant: sdk.Grant | None) -> sdk.Grant:
    """Use the refresh token, whose end a renewal does not put off.

    Raises:
        Reauthorize: There is none, as for most apps; or LinkedIn refuses it.
    """
    return ending(await client(connector, app).refresh(grant))


def ending(grant: sdk.Grant) -> sdk.Grant:
    """Return a grant whose consent ends with its token, where nothing can renew it."""
    return grant if grant.refresh else grant.model_copy(update={"refresh_expires_at": grant.expires_at})


async def pages(api: Api) -> Sequence[sdk.AccountInfo]:
    """List the pages on which the member has one of the roles that the settings name."""
    found: dict[str, str] = {}
    async for acl in roles(api):
        found.setdefault(acl.organization, acl.assignee)
    return [
        sdk.AccountInfo(external_id=urn, name=(await organization(api, urn))[0].name or urn, data={"member": member})
        for urn, member in found.items()
    ]


async def roles(api: Api) -> AsyncIterator[Acl]:
    """Yield the member's approved roles on pages, of those that the settings name."""
    async for acl in api.all(Listing[Acl], "/rest/organizationAcls?q=roleAssignee&state=APPROVED", method="FINDER"):
        if acl.role in api.app.roles and acl.state == "APPROVED" and acl.organization:
            yield acl


async def organization(api: Api, urn: str) -> tuple[Organization, httpx.Response]:
    """Return a page, and the answer in which LinkedIn named it."""
    answer = await api.get(f"/rest/organizations/{digits_of(urn)}")
    return read(Organization, answer.content, "a page"), answer


async def token_scopes(connector: sdk.Connector, app: AppSettings) -> frozenset[str]:
    """Ask LinkedIn for the scopes of a token that somebody pasted; empty where it does not say.

    Raises:
        Reauthorize: The token lives no more.
        Rejected: The app's settings are wrong.
    """
    fields = {
        "token": (await connector.token()).get_secret_value(),
        "client_id": app.client_id,
        "client_secret": app.client_secret.get_secret_value(),
    }
    try:
        answer = await connector.http.post(app.token_url("introspectToken"), data=fields, auth=None)
    except sdk.Reauthorize as error:  # of the app: it is refused before its question is read
        raise sdk.Rejected("LinkedIn does not know the app; check its client id and secret") from error
    told = read(Introspected, answer.content, "what LinkedIn says of the token")
    if not told.active:
        raise sdk.Reauthorize("the token lives no more; connect the page again")
    return frozenset(told.scope.replace(",", " ").split())
