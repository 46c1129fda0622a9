"""Consents at Meta: short-lived to long-lived token, the pages that a person gives, and the proof of the app.

Sources: "Manually Build a Login Flow", "Long-Lived Access Tokens", "Get a Page Access Token" and "Securing Graph API
Calls" (read 2026-11-23). A person's long-lived token ends after about 60 days; the pages' tokens that are taken with it
have no end of their own.
"""

import hashlib
import hmac
from collections.abc import Generator

import httpx
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_facebook.config import AppSettings
from chorally_facebook.shapes import Id, Shape, read
from chorally_sdk import oauth

DIALOG = "https://www.facebook.com/v25.0/dialog/oauth"
TOKENS = "oauth/access_token"
ANSWERS = "MODERATE"
"""The task of a person on a page that answering comments needs."""
_AT_ONCE = 100


class _OwnPage(Shape):
    id: Id
    name: str = ""
    access_token: SecretStr | None = None
    tasks: tuple[str, ...] | None = None


class _Cursors(Shape):
    after: str = ""


class _Paging(Shape):
    cursors: _Cursors = _Cursors()
    next: str = ""


class _OwnPages(Shape):
    data: tuple[_OwnPage, ...]
    paging: _Paging = _Paging()


class GraphAuth(sdk.Bearer):
    """The token in the header, and the proof that the app knows it where the app's secret is known."""

    def __init__(self, token: SecretStr, app_secret: SecretStr | None) -> None:
        super().__init__(token)
        self._proof = proof_of(token, app_secret) if app_secret else ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add header and proof."""
        if self._proof:
            request.url = request.url.copy_set_param("appsecret_proof", self._proof)
        yield from super().auth_flow(request)


def proof_of(token: SecretStr, app_secret: SecretStr) -> str:
    """Return the proof of a token: its HMAC-SHA256 under the app's secret, in hex."""
    key, message = app_secret.get_secret_value().encode(), token.get_secret_value().encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def client(connector: sdk.Connector) -> oauth.Client:
    """Return the app as an OAuth client.

    Raises:
        Rejected: The app's settings do not name it.
    """
    app = connector.app.settings
    if not isinstance(app, AppSettings) or not app.client_id:
        raise sdk.Rejected("the app's settings have no app id; an operator must add it", reason=sdk.Reason.PERMISSION)
    return oauth.Client(
        connector, app.client_id, app.app_secret, token_url=TOKENS, authorize_url=DIALOG, separator=",", pkce=False,
        fault=connector.fault,
    )  # fmt: skip


async def exchanged(connector: sdk.Connector, callback: sdk.Callback) -> sdk.Grant:
    """Turn the code into a short-lived token, and that into a long-lived one."""
    code = callback.params.get("code", "")
    if not code:
        raise sdk.Rejected("nobody's consent came back: there is no code; start again")
    sent = {"code": code, "redirect_uri": callback.redirect_uri}
    try:
        short = await client(connector).step("", sent)
    except sdk.Reauthorize as error:
        raise sdk.Rejected("Facebook refuses the code: it was used, or came too late; start again") from error
    return await lengthened(connector, short)


async def lengthened(connector: sdk.Connector, grant: sdk.Grant | None) -> sdk.Grant:
    """Exchange a token that still lives for a long-lived one.

    Raises:
        Reauthorize: There is none, or it lives no longer.
    """
    if grant is None:
        raise sdk.Reauthorize("nobody has consented yet")
    token = grant.access.get_secret_value()
    return await client(connector).step("fb_exchange_token", {"fb_exchange_token": token}, before=grant)


async def pages(http: sdk.Http) -> list[sdk.AccountInfo]:
    """Return the pages that a person gave, each with its own token."""
    found: list[sdk.AccountInfo] = []
    params = {"fields": "id,name,access_token,tasks", "limit": str(_AT_ONCE)}
    while True:
        answer = await http.get("me/accounts", params=params)
        listed = read(_OwnPages, answer.content, "the list of pages")
        found += [to_info(page) for page in listed.data]
        after = listed.paging.cursors.after
        if not listed.paging.next or not after or params.get("after") == after:
            return found
        params = {**params, "after": after}


def to_info(page: _OwnPage) -> sdk.AccountInfo:
    """Translate a page of the list."""
    missing = frozenset({ANSWERS}) - frozenset(page.tasks) if page.tasks is not None else frozenset[str]()
    grant = sdk.Grant(access=page.access_token) if page.access_token else None
    return sdk.AccountInfo(external_id=page.id, name=page.name, grant=grant, missing_scopes=missing)
