"""A Keycloak in memory: realms with keys, people, sessions and clients, and tokens in the shape that it gives them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import NAMESPACE_URL, uuid5

import httpx
from joserfc import jwt
from joserfc.jwk import RSAKey

SERVER = "https://sign-in.example"
CLIENT, SECRET = "chorally-api", "canary-keycloak-client-secret"
_KEYS: dict[str, RSAKey] = {}


def key_of(name: str) -> RSAKey:
    """Return the key of that name; making one takes long, so all tests share them."""
    if name not in _KEYS:
        _KEYS[name] = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
    return _KEYS[name]


@dataclass
class Keycloak:
    """Answers what is asked of key sets and of tokens; counts how often."""

    clock: Callable[[], datetime]
    realms: tuple[str, ...] = ("acme", "globex")
    ended: set[str] = field(default_factory=set)
    """Ids of tokens whose session has ended."""
    disabled: set[str] = field(default_factory=set)
    """People who may not sign in any more."""
    off: set[str] = field(default_factory=set)
    """Realms that are disabled."""
    away: bool = False
    asked: list[str] = field(default_factory=list)

    def transport(self) -> httpx.AsyncBaseTransport:
        """Return what carries requests to it."""
        return httpx.MockTransport(self._answer)

    def claims(self, person: str = "ada", realm: str = "acme", *roles: str, **more: Any) -> dict[str, Any]:
        """Return the claims of an access token; what is given as None is left out."""
        now = int(self.clock().timestamp())
        issuer = f"{SERVER}/realms/{realm}"
        claims: dict[str, Any] = {
            "exp": now + 300, "iat": now, "jti": f"onrtac:{person}-{now}", "iss": issuer,
            "aud": ["chorally-api", "account"], "sub": str(uuid5(NAMESPACE_URL, f"{realm}/{person}")), "typ": "Bearer",
            "azp": "inbox", "sid": f"session-{person}", "scope": "openid email profile",
            "realm_access": {"roles": ["default-roles-acme", "offline_access", *(roles or ("agent",))]},
            "email_verified": True, "name": person.title(), "preferred_username": person,
            "email": f"{person}@{realm}.example",
        }  # fmt: skip
        claims |= more
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, person: str = "ada", realm: str = "acme", *roles: str, **more: Any) -> str:
        """Return an access token of a person."""
        return self.signed(self.claims(person, realm, *roles, **more), realm)

    def signed(self, claims: Mapping[str, Any], realm: str = "acme", header: Mapping[str, Any] | None = None) -> str:
        """Return any claims, signed with a realm's key."""
        key = key_of(realm)
        return jwt.encode({"alg": "RS256", "typ": "JWT", "kid": key.kid, **(header or {})}, dict(claims), key)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if self.away:
            raise httpx.ConnectError("refused", request=request)
        _, _, realm, *rest = request.url.path.split("/")
        if realm not in self.realms:
            return httpx.Response(404, json={"error": "Realm does not exist"})
        if rest[-1] == "certs":
            return httpx.Response(200, json={"keys": [key_of(realm).as_dict(private=False)]})
        if request.headers["Authorization"] != httpx.BasicAuth(CLIENT, SECRET)._auth_header:
            return httpx.Response(401, json={"error": "invalid_request", "error_description": "Authentication failed."})
        if realm in self.off:
            told = {"error": "access_denied", "error_description": "Realm not enabled"}
            return httpx.Response(403, json=told)
        form = dict(parse_qsl(request.content.decode()))
        claims = jwt.decode(form["token"], key_of(realm)).claims
        active = claims["jti"] not in self.ended and claims["preferred_username"] not in self.disabled
        return httpx.Response(200, json={"active": active, **(claims if active else {})})
