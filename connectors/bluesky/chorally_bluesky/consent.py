"""Consents by OAuth: pushed requests, PKCE, and tokens bound to a key ("OAuth", atproto.com/specs/oauth).

From a handle to the page of consent: handle, DID, server, its authorization server, its description, the pushed
request. After the consent the way is gone once more from the DID that the token speaks for, so that no server gives
out tokens for accounts that are not its own.
"""

import json
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_bluesky.config import AppSettings
from chorally_bluesky.identity import Home, home_of
from chorally_bluesky.shapes import Authority, Pushed, Resource, read
from chorally_sdk import oauth

KEY, ISSUER, DID = "dpop_key", "issuer", "sub"  # names in Grant.keep
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LIFE_S = 60  # of an assertion; it is used at once


def metadata(app: AppSettings, redirect_uri: str, *, name: str, scopes: tuple[str, ...]) -> dict[str, Any]:
    """Return the client metadata document, to be published under the URL that is the client id."""
    document: dict[str, Any] = {
        "client_id": app.client_id,
        "client_name": name,
        "application_type": "web",
        "redirect_uris": [redirect_uri],
        "scope": " ".join(scopes),
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "dpop_bound_access_tokens": True,
        "token_endpoint_auth_method": "none",
    }
    if app.client_key is None:
        return document
    public = _imported(app.client_key).as_dict(private=False)
    proven = {"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256"}
    return {**document, **proven, "jwks": {"keys": [public]}}


async def asked(
    connector: sdk.Connector, app: AppSettings, state: str, challenge: str, redirect_uri: str, hint: str
) -> sdk.Consent:
    """Push the request of consent, and return the page that names it.

    Args:
        connector: Whose client and clock are used.
        app: The client.
        state: Comes back.
        challenge: Of PKCE.
        redirect_uri: Where the person comes back to.
        hint: A handle, a DID, or the URL of a server; empty for the manifest's own.
    """
    _check(app)
    http = connector.http
    home = None if not hint or "://" in hint else await home_of(http, app, hint)
    server = home.server if home else hint.strip().rstrip("/") or connector.manifest.base_url
    if not hint:
        server = ""  # the base URL, whatever it was replaced by
    authority = await _authority(http, server)
    key = sdk.DPoP.new_key()
    form = {
        "client_id": app.client_id,
        "response_type": "code",
        "redirect_uri": redirect_uri,
        "scope": " ".join(connector.manifest.scopes),
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **({"login_hint": home.handle or home.did} if home else {}),
        **_proof(connector, app, authority.issuer),
    }
    answer = await http.post(authority.push, data=form, auth=sdk.DPoP(key, now=connector.now))
    pushed = read(Pushed, answer.content, "the answer to a pushed request")
    query = urlencode({"client_id": app.client_id, "request_uri": pushed.request_uri})
    keep = {KEY: key, ISSUER: SecretStr(authority.issuer)}
    if home:
        keep[DID] = SecretStr(home.did)
    return sdk.Consent(url=f"{authority.authorize}?{query}", keep=keep)


async def exchanged(connector: sdk.Connector, app: AppSettings, callback: sdk.Callback) -> sdk.Grant:
    """Turn the code into a grant, for the account that consented and at the server where it lives.

    Raises:
        Rejected: The code is refused, or what comes back is not what was asked for; the person starts again.
        ConnectorError: A server could not be reached.
    """
    _check(app)
    wanted = callback.keep.get(DID)
    issuer = callback.keep[ISSUER].get_secret_value()
    authority = await _described(connector.http, issuer)
    client = _client(connector, app, authority, callback.keep[KEY])
    grant = await client.exchange(callback, **_proof(connector, app, issuer))
    did = grant.keep[DID].get_secret_value() if DID in grant.keep else ""
    if not did or (wanted is not None and wanted.get_secret_value() != did):
        raise sdk.Rejected("another account consented than was asked; start again, signed in as that account")
    if missing := frozenset(connector.manifest.scopes) - grant.scopes:
        raise sdk.Rejected(f"not granted: {', '.join(sorted(missing))}; start again", reason=sdk.Reason.PERMISSION)
    home = await _proven_home(connector, app, did, issuer)
    return grant.model_copy(update={"base_url": home.server})


async def renewed(connector: sdk.Connector, app: AppSettings, grant: sdk.Grant) -> sdk.Grant:
    """Use the refresh token, which is spent by it.

    Raises:
        Reauthorize: It is refused.
        ConnectorError: The server could not be reached, or refuses the client.
    """
    _check(app)
    issuer = grant.keep[ISSUER].get_secret_value()
    client = _client(connector, app, await _described(connector.http, issuer), grant.keep[KEY])
    return await client.refresh(grant, **_proof(connector, app, issuer))


async def revoked(connector: sdk.Connector, app: AppSettings, grant: sdk.Grant) -> None:
    """Give a grant back, if its server takes it.

    Raises:
        ConnectorError: The server could not be reached, or refuses the client.
    """
    _check(app)
    authority = await _described(connector.http, grant.keep[ISSUER].get_secret_value())
    if authority.revoke:
        await _client(connector, app, authority, grant.keep[KEY]).revoke(grant)


async def _proven_home(connector: sdk.Connector, app: AppSettings, did: str, issuer: str) -> Home:
    home = await home_of(connector.http, app, did)
    if (await _authority(connector.http, home.server)).issuer != issuer:
        raise sdk.Rejected(f"{issuer} gives tokens for {did}, which lives elsewhere; nothing is connected")
    return home


async def _authority(http: sdk.Http, server: str) -> Authority:
    """The authorization server of a server of accounts; an entryway is its own."""
    try:
        answer = await http.get(f"{server}/.well-known/oauth-protected-resource", auth=None)
    except sdk.Rejected as error:
        if error.reason is not sdk.Reason.GONE:
            raise
        return await _described(http, server)
    named = read(Resource, answer.content, "the description of a server").servers
    if len(named) != 1:
        raise sdk.Rejected(f"the server names {len(named)} authorization servers, and must name one")
    return await _described(http, named[0])


async def _described(http: sdk.Http, issuer: str) -> Authority:
    answer = await http.get(f"{issuer.rstrip('/')}/.well-known/oauth-authorization-server", auth=None)
    authority = read(Authority, answer.content, "the description of an authorization server")
    if issuer and authority.issuer != issuer.rstrip("/"):
        raise sdk.Rejected(f"the authorization server {issuer} describes another one, {authority.issuer}")
    return authority


def _client(connector: sdk.Connector, app: AppSettings, authority: Authority, key: SecretStr) -> oauth.Client:
    return oauth.Client(
        connector, app.client_id, token_url=authority.token, issuer=authority.issuer, fault=connector.fault,
        auth=sdk.DPoP(key, now=connector.now), keeps=(DID,), revocation_url=authority.revoke,
    )  # fmt: skip


def _proof(connector: sdk.Connector, app: AppSettings, issuer: str) -> Mapping[str, str]:
    """What proves a confidential client; nothing for a public one."""
    if app.client_key is None:
        return {}
    from joserfc import jwt  # takes long to import, and most calls need none

    key, at = _imported(app.client_key), int(connector.now().timestamp())
    claims = {"iss": app.client_id, "sub": app.client_id, "aud": issuer, "iat": at, "exp": at + _LIFE_S}
    head = {"alg": "ES256", "kid": key.kid}
    signed = jwt.encode(head, {**claims, "jti": secrets.token_urlsafe(16)}, key, algorithms=["ES256"])
    return {"client_assertion_type": _ASSERTION, "client_assertion": signed}


def _imported(key: SecretStr) -> Any:
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey

    try:
        made = ECKey.import_key(json.loads(key.get_secret_value()))
        if made.curve_name != "P-256" or not made.is_private or not made.kid:
            raise ValueError("another key")
    except (JoseError, ValueError, TypeError, KeyError):
        raise sdk.Rejected("the client key is no private key on P-256 with a kid, as a JSON Web Key") from None
    return made


def _check(app: AppSettings) -> None:
    if not app.client_id:
        raise sdk.Rejected(
            "the app's settings have no client id; add it, or connect with an app password",
            reason=sdk.Reason.PERMISSION,
        )


def auth_of(grant: sdk.Grant, connector: sdk.Connector) -> httpx.Auth:
    """Return how calls carry a grant of a consent."""
    return sdk.DPoP(grant.keep[KEY], grant.access, now=connector.now)
