"""Consents: Instagram Login, and Facebook Login for accounts that belong to pages.

Sources: "Business Login for Instagram", "Refresh Access Token" (read 2026-11-23). With Instagram Login one consent is
one account: the code becomes a token of an hour, that becomes one of 60 days, and that is renewed while it lives, once
it is 24 hours old. Meta documents GET only, with tokens in the query; a lost answer is not asked for again.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from authlib.common.urls import add_params_to_qs
from chorally_meta import consent
from chorally_meta.consent import OwnPage
from chorally_meta.listing import Reader
from chorally_meta.settings import GRAPH, MetaApp
from chorally_meta.shapes import Listing

import chorally_sdk as sdk
from chorally_instagram.shapes import Business
from chorally_sdk import oauth

DIALOG = "https://www.instagram.com/oauth/authorize"
CODES = "https://api.instagram.com/oauth/access_token"
LENGTHENS = "https://graph.instagram.com/access_token"
RENEWS = "https://graph.instagram.com/refresh_access_token"
LIFE = timedelta(days=60)
"""Of a long-lived token; Meta's example is eight hundred seconds short of it."""
YOUNGEST = timedelta(hours=24)
"""Age at which a token can be renewed."""
SCOPES = (
    *("instagram_business_basic", "instagram_business_content_publish"),
    *("instagram_business_manage_messages", "instagram_business_manage_comments"),
)
BY_FACEBOOK = replace(
    consent.FACEBOOK,
    tokens=f"{GRAPH}/oauth/access_token",
    scopes=(
        *("instagram_basic", "instagram_content_publish", "instagram_manage_comments", "instagram_manage_messages"),
        *("pages_show_list", "pages_read_engagement", "pages_manage_metadata"),
    ),
)
TASKS = ("MODERATE", "MESSAGING", "CREATE_CONTENT")
"""What a person must be allowed to do on the page that the account belongs to."""


class PageWithAccount(OwnPage):
    """A page, and the Instagram account that belongs to it."""

    instagram_business_account: Business | None = None

    def account(self) -> sdk.AccountInfo | None:
        """Return the account with the page's token; None where the page has none."""
        business = self.instagram_business_account
        if business is None:
            return None
        info = self.info(*TASKS)
        data = {"username": business.username, "page_id": self.id}
        return info.model_copy(update={"external_id": business.id, "name": business.username, "data": data})


def page(connector: sdk.Connector, state: str, challenge: str, redirect_uri: str) -> sdk.Consent:
    """Return Instagram's page of consent; Meta documents no PKCE for it."""
    return _client(connector, CODES).consent(state, challenge, redirect_uri)


async def exchanged(connector: sdk.Connector, callback: sdk.Callback) -> sdk.Grant:
    """Turn the code of a call-back into a token of an hour, and that into one of 60 days.

    Raises:
        Rejected: There is no code, or it is refused.
    """
    code = callback.params.get("code", "").removesuffix("#_")  # Meta appends it to the URL it leads back to
    if not code:
        raise sdk.Rejected("nobody's consent came back: there is no code; start again")
    sent = {"code": code, "redirect_uri": callback.redirect_uri}
    try:
        short = _granted(await _client(connector, CODES).step("authorization_code", sent))
    except sdk.Reauthorize as error:
        raise sdk.Rejected("Instagram refuses the code: it was used, or came too late; start again") from error
    lengthening = _client(connector, LENGTHENS, proves=_by_secret_alone, scopes=short.scopes)
    return await _exchanged(lengthening, "ig_exchange_token", short)


async def renewed(connector: sdk.Connector, grant: sdk.Grant | None) -> sdk.Grant:
    """Exchange a token of 60 days for another one; one that is too young for that, and works, stays.

    Raises:
        Reauthorize: There is none, it has ended, or Instagram knows it no longer.
    """
    if grant is None:
        raise sdk.Reauthorize("nobody has consented yet")
    now = connector.now()
    if grant.expires_at is not None and grant.expires_at <= now:
        raise sdk.Reauthorize("the access token has ended, and only a living one is renewed; connect the account again")
    if grant.expires_at is not None and grant.expires_at - now > LIFE - YOUNGEST:
        await connector.http.get("/me", params={"fields": "user_id"}, auth=connector.auth(grant))
        return grant
    renewing = _client(connector, RENEWS, proves=_by_nothing, scopes=grant.scopes)
    return await _exchanged(renewing, "ig_refresh_token", grant)


async def accounts_of_pages(http: sdk.Http) -> Sequence[sdk.AccountInfo]:
    """Return the accounts that belong to a person's pages, each with its page's token."""
    query = {"fields": "id,name,access_token,tasks,instagram_business_account{id,username}", "limit": "100"}
    found = Reader(http).all(Listing[PageWithAccount], f"{GRAPH}/me/accounts", query)
    return [info async for each in found if (info := each.account()) is not None]


async def _exchanged(client: oauth.Client, grant_type: str, grant: sdk.Grant) -> sdk.Grant:
    sent = {"access_token": grant.access.get_secret_value()}
    try:
        with sdk.visible_call():  # asked once: a token is not asked for behind a lost one
            return _granted(await client.step(grant_type, sent, before=grant, method="GET"))
    except sdk.OutcomeUnknown as error:
        raise sdk.RetryLater(str(error)) from error


def _granted(grant: sdk.Grant) -> sdk.Grant:
    """A grant whose scopes are what Instagram calls permissions, where it names them."""
    told = grant.keep.get("permissions")
    kept = {name: value for name, value in grant.keep.items() if name != "permissions"}
    scopes = frozenset(told.get_secret_value().replace(",", " ").split()) if told else grant.scopes
    return grant.model_copy(update={"keep": kept, "scopes": scopes or grant.scopes})


def _client(
    connector: sdk.Connector, url: str, *, proves: Any = "client_secret_post", scopes: frozenset[str] | None = None
) -> oauth.Client:
    app = connector.app.settings
    if not isinstance(app, MetaApp) or not app.client_id:
        why = "the app's settings have no app id; an operator must add it"
        raise sdk.Rejected(why, reason=sdk.Reason.PERMISSION)
    return oauth.Client(
        connector, app.client_id, app.app_secret, token_url=url, authorize_url=DIALOG, separator=",", pkce=False,
        proves=proves, fault=connector.fault, within="data", keeps=("permissions",), scopes=scopes,
    )  # fmt: skip


def _by_secret_alone(client: Any, method: str, uri: str, headers: Any, body: str) -> tuple[str, Any, str]:
    """Prove the app as the exchange of a short-lived token wants it: by its secret, without its id."""
    return uri, headers, add_params_to_qs(body, [("client_secret", client.client_secret)])


def _by_nothing(client: Any, method: str, uri: str, headers: Any, body: str) -> tuple[str, Any, str]:
    """Prove nothing: whoever has the token may renew it."""
    return uri, headers, body
