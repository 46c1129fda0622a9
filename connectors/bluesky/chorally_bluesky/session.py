"""Sessions: an app password opens one, and its refresh token, used once, the next ("com.atproto.server", lexicons).

A grant that was typed in is ``handle:app-password``. It is never sent as a token: the first call finds that it must
be exchanged, and ``renew`` opens the session with it, at the server where the account lives.
"""

import base64
import binascii
from collections.abc import AsyncGenerator, Generator
from contextlib import suppress
from datetime import UTC, datetime

import httpx
import pydantic_core
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_bluesky.config import AppSettings
from chorally_bluesky.identity import home_of
from chorally_bluesky.shapes import Tokens, read

CREATE = "/xrpc/com.atproto.server.createSession"
REFRESH = "/xrpc/com.atproto.server.refreshSession"
DELETE = "/xrpc/com.atproto.server.deleteSession"
PASSWORD, HANDLE = "password", "handle"  # names in Grant.keep
_NOT_YET = "no session is open yet; one is opened with the app password"


class NotYet(httpx.Auth):
    """Stands for a password that is to be exchanged for a session first: no call is made with it."""

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Refuse; see ``async_auth_flow``."""
        raise sdk.Reauthorize(_NOT_YET)

    def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Refuse.

        Raises:
            Reauthorize: Always; the host renews the grant, and calls again.
        """
        raise sdk.Reauthorize(_NOT_YET)


def is_password(grant: sdk.Grant) -> bool:
    """Whether a grant is as it was typed in."""
    return grant.refresh is None and ":" in grant.access.get_secret_value()


async def opened(http: sdk.Http, app: AppSettings, grant: sdk.Grant) -> sdk.Grant:
    """Open a session with handle and app password, typed in or kept.

    Raises:
        Reauthorize: They are refused.
        ConnectorError: It could not be asked for.
    """
    name, password = _typed(grant)
    try:
        home = await home_of(http, app, name)
    except sdk.Rejected as error:
        raise sdk.Reauthorize(f"the account cannot be found: {error}") from error
    asked = {"identifier": home.did, "password": password}
    answer = await http.post(home.server + CREATE, json=asked, auth=None)
    tokens = read(Tokens, answer.content, "the answer to a sign-in")
    keep = {**grant.keep, HANDLE: SecretStr(name), PASSWORD: SecretStr(password)}
    return _grant(tokens).model_copy(update={"base_url": home.server, "keep": keep})


async def refreshed(http: sdk.Http, app: AppSettings, grant: sdk.Grant) -> sdk.Grant:
    """Turn the refresh token into the next pair; where it is refused, the app password opens a new session.

    Raises:
        Reauthorize: All of them are refused.
        ConnectorError: It could not be asked for.
    """
    if grant.refresh is None:
        raise sdk.Reauthorize("the session cannot be renewed; connect the account again")
    try:
        answer = await http.post(grant.base_url + REFRESH, auth=sdk.Bearer(grant.refresh))
    except sdk.Reauthorize:
        if PASSWORD not in grant.keep:
            raise
        return await opened(http, app, grant)
    renewed = _grant(read(Tokens, answer.content, "the answer to a refresh"))
    return renewed.model_copy(update={"base_url": grant.base_url, "keep": grant.keep, "scopes": grant.scopes})


async def ended(http: sdk.Http, grant: sdk.Grant) -> None:
    """End a session; one that has ended is no error. The app password itself is the owner's to take back.

    Raises:
        ConnectorError: The server could not be reached.
    """
    if grant.refresh is None:
        return
    with suppress(sdk.Reauthorize):
        await http.post(grant.base_url + DELETE, auth=sdk.Bearer(grant.refresh))


def _typed(grant: sdk.Grant) -> tuple[str, str]:
    if PASSWORD in grant.keep and HANDLE in grant.keep:
        return grant.keep[HANDLE].get_secret_value(), grant.keep[PASSWORD].get_secret_value()
    name, _, password = grant.access.get_secret_value().rpartition(":")  # a DID has colons of its own
    if not name or not password:
        raise sdk.Reauthorize("give handle and app password as alice.bsky.social:xxxx-xxxx-xxxx-xxxx")
    return name.strip(), password.strip()


def _grant(tokens: Tokens) -> sdk.Grant:
    return sdk.Grant(
        access=SecretStr(tokens.access), refresh=SecretStr(tokens.refresh), expires_at=_end_of(tokens.access)
    )


def _end_of(token: str) -> datetime | None:
    """When a token ends, as it says itself; None where it does not. Nothing is believed for it but when to renew."""
    try:
        claims = token.split(".")[1]
        said = pydantic_core.from_json(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        return datetime.fromtimestamp(said["exp"], UTC)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, OSError, binascii.Error):
        return None
