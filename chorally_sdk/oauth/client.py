"""An OAuth 2 client in a few lines of a connector, over the connector's own HTTP client.

authlib writes the requests and proves the client; what answers mean is said here, in the SDK's errors::

    def oauth(self) -> oauth.Client:
        app = self.app.settings
        return oauth.Client(self, app.client_id, app.client_secret, token_url="/oauth/token", authorize_url=DIALOG)

    async def authorize(self, state, challenge, redirect_uri, hint):
        return self.oauth().consent(state, challenge, redirect_uri)

    async def exchange(self, callback):
        return await self.oauth().exchange(callback)

    async def renew(self, grant):
        return await self.oauth().refresh(grant)
"""

import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol
from urllib.parse import parse_qsl

import httpx
from authlib.common.urls import add_params_to_qs, add_params_to_uri
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from pydantic import SecretStr

from chorally_sdk.errors import ConnectorError, Reauthorize, Rejected, Unsupported
from chorally_sdk.http.client import Http
from chorally_sdk.http.faults import Usage
from chorally_sdk.model.accounts import Callback, Consent, Grant
from chorally_sdk.model.manifest import Manifest
from chorally_sdk.oauth import faults
from chorally_sdk.oauth.answers import carried, grant_of
from chorally_sdk.oauth.assertions import signed_assertion

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
_GONE = ("invalid_token",)
"""What some platforms say of a token that was given back before, where RFC 7009 wants a success."""
Method = Literal["client_secret_post", "client_secret_basic", "none"]


class Speaks(Protocol):
    """What of a connector a client needs."""

    http: Http
    now: Callable[[], datetime]

    @property
    def manifest(self) -> Manifest:
        """Names the scopes that are asked for."""


class Client:
    """The developer app as an OAuth 2 client of its platform."""

    def __init__(
        self,
        connector: Speaks,
        client_id: str,
        client_secret: SecretStr | None = None,
        *,
        token_url: str,
        authorize_url: str = "",
        revocation_url: str = "",
        scopes: Collection[str] | None = None,
        proves: Method | Callable[..., Any] = "client_secret_post",
        separator: str = " ",
        pkce: bool = True,
        issuer: str = "",
        refused: Collection[str] = (),
        fault: faults.Fault | None = None,
        within: str = "",
        auth: httpx.Auth | None = None,
        keeps: Collection[str] = (),
    ) -> None:
        """Prepare a client; nothing is called yet.

        Args:
            connector: Whose HTTP client and clock are used; its manifest's hosts must name the token endpoint's.
            client_id: The app's id at the platform.
            client_secret: The app's secret; None for a public client.
            token_url: The token endpoint, absolute or relative to the connector's base URL.
            authorize_url: The page of consent.
            revocation_url: Where tokens are given back (RFC 7009); empty where the platform has no such place.
            scopes: What is asked for; the manifest's where None.
            proves: How the client proves itself (RFC 6749, section 2.3), or one of authlib's own ways.
            separator: Between scopes on the page of consent; some platforms want a comma.
            pkce: Whether the code is bound to the verifier (RFC 7636); off only where a platform refuses it.
            issuer: Compared with the call-back's ``iss`` where it has one (RFC 9207).
            refused: Error codes of this platform's own by which it refuses a grant.
            fault: Asked about errors that are not OAuth's; often the connector's own ``fault``.
            within: The field of the endpoint's answers that holds the tokens, such as ``data``; their own where empty.
            auth: Goes with each request of a token besides, such as the proof of a key (``DPoP``).
            keeps: Texts of the token endpoint's answer that belong to the grant, such as ``sub``: its ``keep``.
        """
        self._connector = connector
        self._client_id = client_id
        self._client_secret = client_secret
        self._token_url = token_url
        self._authorize_url = authorize_url
        self._revocation_url = revocation_url
        self._scopes = tuple(connector.manifest.scopes if scopes is None else scopes)
        self._proves = proves if client_secret is not None or callable(proves) else "none"
        self._separator = separator
        self._pkce = pkce
        self._issuer = issuer
        self._refused = refused
        self._fault = fault
        self._within = within
        self._auth = auth
        self._keeps = keeps

    def consent(
        self, state: str, challenge: str, redirect_uri: str, *, keep: Mapping[str, SecretStr] | None = None, **more: str
    ) -> Consent:
        """Return the page of consent; ``more`` are parameters of the platform's own, such as ``access_type``."""
        proof = {"code_challenge": challenge, "code_challenge_method": "S256"} if self._pkce else {}
        scope = self._separator.join(self._scopes)
        url = prepare_grant_uri(
            self._authorize_url, self._client_id, "code", redirect_uri, scope, state, **proof, **more
        )
        return Consent(url=url, keep=keep or {})

    async def exchange(self, callback: Callback, **more: str) -> Grant:
        """Turn the code of a call-back into a grant.

        Raises:
            Rejected: The code is refused, is missing, or came from another server; the person starts again.
            ConnectorError: The token endpoint was not reached, or refuses the app.
        """
        code = callback.params.get("code", "")
        if not code:
            raise Rejected("the platform sent nobody's consent back: there is no code; start again")
        if self._issuer and callback.params.get("iss", self._issuer) != self._issuer:
            raise Rejected("the consent came back from another server than it was asked of; start again")
        sent = {"code": code, "redirect_uri": callback.redirect_uri, **more}
        if self._pkce:
            sent["code_verifier"] = callback.verifier.get_secret_value()
        try:
            grant = await self._token("authorization_code", sent, secrets=(code, sent.get("code_verifier", "")))
        except Reauthorize as error:
            raise Rejected("the platform refuses the code: it was used, or came too late; start again") from error
        return grant.model_copy(update={"keep": {**callback.keep, **grant.keep}})

    async def refresh(self, grant: Grant | None, **more: str) -> Grant:
        """Renew a grant by its refresh token; a rotated one takes its place, else the old one stays.

        Raises:
            Reauthorize: The platform refuses it, or there is no refresh token.
            ConnectorError: The token endpoint was not reached, asks for a pause, or refuses the app.
        """
        if grant is None or grant.refresh is None:
            raise Reauthorize("the grant has no refresh token; connect the account again")
        secret = grant.refresh.get_secret_value()
        renewed = await self._token(
            "refresh_token", {"refresh_token": secret, **more}, secrets=(secret, grant.access.get_secret_value())
        )
        return carried(grant, renewed)

    async def credentials(self, **more: str | Sequence[str]) -> Grant:
        """Return a grant of the app's own (client credentials, RFC 6749, section 4.4).

        Args:
            more: Further parameters; of several values one each, as of ``resource`` and ``audience`` (RFC 8707, 8693).
        """
        return await self._token("client_credentials", {"scope": " ".join(self._scopes), **more})

    async def assertion(
        self,
        key: SecretStr,
        *,
        issuer: str,
        audience: str | Sequence[str],
        subject: str = "",
        algorithm: str = "RS256",
        claims: Mapping[str, Any] | None = None,
        **more: str,
    ) -> Grant:
        """Return a grant for a signed assertion (JWT bearer, RFC 7523), as service accounts use.

        Args:
            key: The private key, as PEM or as a JSON Web Key.
            issuer: Who signs: often the client's id or the service account.
            audience: The token endpoint's own name, or several.
            subject: For whom, where that is another one.
            algorithm: Of the signature.
            claims: What the platform wants besides, such as ``scope``.
            more: Further parameters of the request.

        Raises:
            Rejected: The key cannot be used; whoever set the app up must correct it.
            ConnectorError: The token endpoint was not reached, asks for a pause, or refuses.
        """
        signed = signed_assertion(
            key, issuer=issuer, audience=audience, subject=subject, algorithm=algorithm, now=self._connector.now(),
            claims=claims or {},
        )  # fmt: skip
        sent = {"assertion": signed, "scope": " ".join(self._scopes), **more}
        return await self._token(JWT_BEARER, sent, secrets=(signed, key.get_secret_value()))

    async def step(
        self,
        grant_type: str,
        sent: Mapping[str, str],
        *,
        before: Grant | None = None,
        method: Literal["GET", "POST"] = "POST",
        token_url: str = "",
    ) -> Grant:
        """Return what one step of a chain gives, such as a short-lived token exchanged for a long-lived one.

        Args:
            grant_type: The step's name, such as ``fb_exchange_token``; empty where the platform wants none.
            sent: Its parameters.
            before: The grant of the step before; what the answer leaves out is kept of it.
            method: GET only where the same step may be repeated: a lost answer is asked for again at once.
            token_url: Another endpoint than the client's.
        """
        known = (before.access.get_secret_value(),) if before else ()
        made = await self._token(grant_type, dict(sent), secrets=(*known, *sent.values()), method=method, url=token_url)
        return carried(before, made)

    async def revoke(self, grant: Grant) -> None:
        """Give a grant back (RFC 7009): its refresh token, and with it what was issued by it, else its access token.

        One that the platform does not know any more is given back already.

        Raises:
            Unsupported: There is no ``revocation_url``.
            ConnectorError: The endpoint was not reached, asks for a pause, or refuses the app.
        """
        if not self._revocation_url:
            raise Unsupported("the platform takes no tokens back; the person ends the consent there")
        kind, token = ("refresh_token", grant.refresh) if grant.refresh else ("access_token", grant.access)
        secret = token.get_secret_value()
        body = add_params_to_qs("", [("token", secret), ("token_type_hint", kind)])
        with contextlib.suppress(Reauthorize):
            await self._call("POST", self._revocation_url, body, (secret,), refused=_GONE)

    async def _token(
        self,
        grant_type: str,
        sent: Mapping[str, str | Sequence[str]],
        *,
        secrets: Iterable[str] = (),
        method: Literal["GET", "POST"] = "POST",
        url: str = "",
    ) -> Grant:
        began = self._connector.now()
        single = {name: value for name, value in sent.items() if isinstance(value, str)}
        several = [(name, each) for name, value in sent.items() if not isinstance(value, str) for each in value]
        body = prepare_token_request(grant_type, **single) if grant_type else add_params_to_qs("", [*single.items()])
        if several:
            body = add_params_to_qs(body, several)
        said = faults.body_of(await self._call(method, url or self._token_url, body, secrets), self._within)
        kept = {name: SecretStr(said[name]) for name in self._keeps if isinstance(said.get(name), str)}
        return grant_of(said, began, asked=self._scopes).model_copy(update={"keep": kept})

    async def _call(
        self,
        method: Literal["GET", "POST"],
        url: str,
        body: str,
        secrets: Iterable[str],
        *,
        refused: Collection[str] = (),
    ) -> httpx.Response:
        """Call an endpoint as the client that the app is."""
        secret = self._client_secret.get_secret_value() if self._client_secret else ""
        proof = ClientAuth(self._client_id, secret, self._proves)
        uri, headers, body = proof.prepare(method, url, dict(_FORM), body)
        if method == "GET":
            uri, body = add_params_to_uri(uri, parse_qsl(body, keep_blank_values=True)), ""
            headers.pop("Content-Type", None)
        hidden = tuple(each for each in (secret, *secrets) if each)
        told = (*self._refused, *refused)
        dialect = _TokenEndpoint(self._connector.now, told, self._fault, hidden, self._within)
        endpoint = self._connector.http.bound(dialect)
        return await endpoint.request(method, uri, auth=self._auth, headers=headers, content=body or None)


class _TokenEndpoint:
    """The dialect of a token endpoint."""

    def __init__(
        self,
        now: Callable[[], datetime],
        refused: Collection[str],
        fault: faults.Fault | None,
        secrets: tuple[str, ...],
        within: str,
    ) -> None:
        self._within = within
        self._now = now
        self._refused = refused
        self._fault = fault
        self._secrets = secrets

    def auth(self, grant: Grant) -> httpx.Auth:
        """Return nothing that carries the grant: the client proves itself."""
        return httpx.Auth()

    def fault(self, answer: httpx.Response) -> ConnectorError | None:
        """Classify the answer."""
        return faults.refusal(
            answer,
            now=self._now(),
            refused=self._refused,
            fault=self._fault,
            secrets=self._secrets,
            within=self._within,
        )

    def usage(self, answer: httpx.Response) -> Iterable[Usage]:
        """Say nothing of quotas."""
        return ()
