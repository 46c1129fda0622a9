"""Every endpoint with every kind of credential: what is asked, what must come of it, and a table of it.

``python -m tests.support.credentials`` prints the table.
"""

import asyncio
import base64
import hmac
import json
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from chorally_core.api.auth import OPEN
from chorally_core.api.guarded import routes
from chorally_core.ports.permissions import Permission
from joserfc import jwt

import chorally_sdk as sdk
from tests.support.api import Api, an_api
from tests.support.keycloak import SECRET, SERVER, Keycloak

LIVE = ("first-live-secret-of-crm", "second-live-secret-of-crm")
REVOKED = "a-secret-that-crm-had-once"
OF_THE_INSTALLATION = frozenset({Permission.INSTALLATION_WRITE.value})
"""What no role of a tenant allows."""
EVERYTHING = json.dumps(
    [{"sender": "crm", "secrets": list(LIVE), "tenants": ["acme"], "permissions": [p.value for p in Permission]},
     {"sender": "bare", "secrets": ["a-secret-that-allows-little"], "tenants": ["acme"],
      "permissions": ["tickets:read"]}]
)  # fmt: skip


UNBOUNDED = dict.fromkeys(("token_rate", "tenant_rate", "address_rate", "refused_rate"), 1_000_000)
"""Settings by which nothing is refused for its number."""


class Endpoint(NamedTuple):
    """One method of one path."""

    method: str
    path: str
    permission: str | None
    """None where any caller will do."""
    is_stream: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Credential(NamedTuple):
    """A value of the ``Authorization`` header, and what must come of it."""

    name: str
    value: str
    must: str
    """``401``, ``403`` or ``in``: let in, whatever the endpoint then says."""
    lacks: frozenset[str] = frozenset()
    """Permissions for which it is 403 after all."""


def endpoints(api: Api) -> Iterator[Endpoint]:
    """Return every guarded endpoint of all services."""
    for name, service in api.system.services.items():
        for path, route in routes(service):
            endpoint = getattr(route, "endpoint", None)
            if not getattr(route, "methods", None) or hasattr(endpoint, OPEN) or path.endswith(_DOCUMENTS):
                continue
            for method in sorted(route.methods - {"HEAD", "OPTIONS"}):
                given = route.responses.get(200, {}).get("content", {})
                yield Endpoint(method, f"/{name}/v1{path}", _permission(route.dependant), "text/event-stream" in given)


_DOCUMENTS = ("/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc")


def _permission(dependant: Any) -> str | None:
    for inner in dependant.dependencies:
        found = getattr(inner.call, "permission", None) or _permission(inner)
        if found is not None:
            return str(getattr(found, "value", found))
    return None


async def asked(app: sdk.ASGIApp, endpoint: Endpoint, value: str) -> int:
    """Return the status of one request, with ids that belong to nothing; without a client, as there are thousands."""
    path = re.sub(r"\{[^}]+\}", "00000000000000000000000000000000", endpoint.path)
    content = b"{}" if endpoint.method in ("POST", "PUT", "PATCH") else b""
    headers = [(b"host", b"chorally.test"), (b"content-type", b"application/json")]
    headers += [(b"content-length", str(len(content)).encode())]
    headers += [(b"authorization", value.encode())] if value else []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": endpoint.method, "path": path,
        "raw_path": path.encode(), "root_path": "", "query_string": b"", "scheme": "http", "headers": headers,
        "server": ("chorally.test", 80), "client": ("192.0.2.1", 40000),
    }  # fmt: skip
    sent: list[dict[str, Any]] = []
    received = iter([{"type": "http.request", "body": content, "more_body": False}])

    async def receive() -> Any:
        return next(received, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        sent.append(message)

    async with asyncio.timeout(20):
        await app(scope, receive, send)
    return int(sent[0]["status"])


def _joined(*parts: Mapping[str, Any]) -> str:
    return ".".join(_coded(json.dumps(part).encode()) for part in parts)


def _coded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def unsigned(claims: Mapping[str, Any]) -> str:
    """Return claims as a token of the algorithm ``none``."""
    return _joined({"alg": "none", "typ": "JWT", "kid": "x"}, claims) + "."


def with_shared_secret(claims: Mapping[str, Any], public_pem: bytes, kid: str) -> str:
    """Return claims signed by HS256 with the public key as if it were a secret; by hand, as no library would."""
    signed = _joined({"alg": "HS256", "typ": "JWT", "kid": kid}, claims)
    return f"{signed}.{_coded(hmac.digest(public_pem, signed.encode(), 'sha256'))}"


def broken(token: str) -> str:
    """Return a token whose signature is another's."""
    head, body, signature = token.split(".")
    return f"{head}.{body}.{('A' if signature[0] != 'A' else 'B') + signature[1:]}"


@dataclass(frozen=True)
class Kind:
    """One kind of issuer."""

    name: str
    api: Callable[[Path], Any]
    """Gives the system with it, as a context."""
    credentials: Callable[[Api], Awaitable[list[Credential]]]


def service_tokens() -> list[Credential]:
    """Return the service tokens, right and wrong."""
    return [
        Credential("no token", "", "401"),
        Credential("another scheme", "Basic Y3JtOmNybQ==", "401"),
        Credential("first live secret", f"Token {LIVE[0]}.acme", "in"),
        Credential("second live secret", f"Token {LIVE[1]}.acme", "in"),
        Credential("revoked secret", f"Token {REVOKED}.acme", "401"),
        Credential("secret for another tenant", f"Token {LIVE[0]}.globex", "401"),
        Credential("secret without the permission", "Token a-secret-that-allows-little.acme", "403"),
    ]


def tokens(claims: Mapping[str, Any], sign: Callable[..., str], public_pem: bytes, kid: str) -> list[Credential]:
    """Return the tokens that can be told apart by their claims and signature.

    Args:
        claims: Of a token that is good and allows everything.
        sign: Signs claims as the issuer does.
        public_pem: The issuer's public key.
        kid: Its id.
    """
    now = claims["iat"]
    return [
        Credential("good token", f"Bearer {sign(claims)}", "in"),
        Credential("bad signature", f"Bearer {broken(sign(claims))}", "401"),
        Credential("wrong algorithm", f"Bearer {with_shared_secret(claims, public_pem, kid)}", "401"),
        Credential("none", f"Bearer {unsigned(claims)}", "401"),
        Credential("expired", f"Bearer {sign({**claims, 'exp': now - 3600})}", "401"),
        Credential("not yet valid", f"Bearer {sign({**claims, 'nbf': now + 3600})}", "401"),
        Credential("wrong audience", f"Bearer {sign({**claims, 'aud': 'another-api'})}", "401"),
        Credential("wrong issuer", f"Bearer {sign({**claims, 'iss': 'https://elsewhere.example'})}", "401"),
        Credential("an ID token", f"Bearer {sign({**claims, 'typ': 'ID'})}", "401"),
    ]


async def of_the_built_in(api: Api) -> list[Credential]:
    """Return credentials at the built-in issuer."""
    keyring = api.system.trust.keyring
    good = api.system.token("acme", "installation-operator")
    key = keyring.signing
    claims = jwt.decode(good, key).claims

    def sign(changed: Mapping[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "kid": key.kid, "typ": "at+jwt"}, dict(changed), key)

    admin, user = (
        api.agent("admin"),
        {"email": "ada@acme.example", "name": "Ada", "password": "a-long-password", "roles": []},
    )
    added = (await admin.post("/identity/v1/users", json={**user, "roles": ["admin"]})).json()
    signed_in = await admin.post(
        "/identity/v1/token", json={"tenant": "acme", "email": user["email"], "password": user["password"]}
    )
    await admin.patch(f"/identity/v1/users/{added['id']}", json={"disabled": True})
    return [
        *service_tokens(),
        *tokens(claims, sign, key.as_pem(private=False), str(key.kid)),
        Credential("missing role", f"Bearer {sign({**claims, 'roles': []})}", "403"),
        Credential("disabled user", f"Bearer {signed_in.json()['access_token']}", "401"),
    ]


async def of_keycloak(api: Api) -> list[Credential]:
    """Return credentials at a Keycloak in memory."""
    from tests.support.keycloak import key_of

    keycloak: Keycloak = api.keycloak  # type: ignore[attr-defined]
    claims = keycloak.claims("ada", "acme", "admin")
    keycloak.disabled.add("mallory")
    keycloak.ended.add("ended")
    key = key_of("acme")
    told = tokens(claims, keycloak.signed, key.as_pem(private=False), str(key.kid))
    return [
        *service_tokens(),
        *(one._replace(lacks=OF_THE_INSTALLATION) if one.must == "in" else one for one in told),
        Credential("another realm's key", f"Bearer {keycloak.signed(claims, 'globex')}", "401"),
        Credential("missing role", f"Bearer {keycloak.token('bob', 'acme', 'visitor')}", "403"),
        Credential("disabled user", f"Bearer {keycloak.token('mallory', 'acme', 'admin')}", "401"),
        Credential("signed out", f"Bearer {keycloak.token('ada', 'acme', 'admin', jti='ended')}", "401"),
    ]


def built_in(folder: Path) -> Any:
    """Give a system on the built-in issuer."""
    return an_api(folder, service_tokens=EVERYTHING, **UNBOUNDED)


def on_keycloak(folder: Path) -> Any:
    """Give a system whose people sign in at a Keycloak in memory."""
    from tests.support.world import Clock

    clock = Clock()
    keycloak = Keycloak(clock)
    made = an_api(
        folder, clock=clock, keycloak_transport=keycloak.transport(), keycloak=SERVER, keycloak_secrets=SECRET,
        service_tokens=EVERYTHING, **UNBOUNDED,
    )  # fmt: skip
    return _With(made, keycloak)


class _With:
    """A system, with its Keycloak beside it."""

    def __init__(self, made: Any, keycloak: Keycloak) -> None:
        self._made = made
        self._keycloak = keycloak

    async def __aenter__(self) -> Api:
        api: Api = await self._made.__aenter__()
        api.keycloak = self._keycloak  # type: ignore[attr-defined]
        return api

    async def __aexit__(self, *error: object) -> None:
        await self._made.__aexit__(*error)


KINDS = (Kind("built-in", built_in, of_the_built_in), Kind("Keycloak", on_keycloak, of_keycloak))


class Cell(NamedTuple):
    """What came of a credential at an endpoint."""

    endpoint: Endpoint
    credential: Credential
    status: int

    @property
    def is_right(self) -> bool:
        """Whether it is what must come of it."""
        must, permission = self.credential.must, self.endpoint.permission
        if permission in self.credential.lacks:
            return self.status == 403
        if must == "in" or (must == "403" and (permission is None or self._has)):
            return self.status not in (401, 403) and self.status < 500
        return self.status == int(must)

    @property
    def _has(self) -> bool:
        return self.credential.name == "secret without the permission" and self.endpoint.permission == "tickets:read"


async def matrix(api: Api, credentials: Iterable[Credential]) -> list[Cell]:
    """Return what comes of each credential at each endpoint; those that stream are only asked where they refuse."""
    cells = list[Cell]()
    credentials = list(credentials)
    for endpoint in sorted(endpoints(api)):
        for credential in credentials:
            if endpoint.is_stream and credential.must != "401":
                continue
            cells.append(Cell(endpoint, credential, await asked(api.system.app, endpoint, credential.value)))
    return cells


def table(cells: Iterable[Cell]) -> str:
    """Return a row for each credential: at how many endpoints, and what came of it."""
    rows: dict[str, list[Cell]] = {}
    for cell in cells:
        rows.setdefault(cell.credential.name, []).append(cell)
    said = ["| credential | endpoints | 401 | 403 | let in | as it should be |", "|---|---|---|---|---|---|"]
    for name, found in rows.items():
        counted = [sum(cell.status == status for cell in found) for status in (401, 403)]
        right = sum(cell.is_right for cell in found)
        said.append(f"| {name} | {len(found)} | {counted[0]} | {counted[1]} | {len(found) - sum(counted)} | {right} |")
    return "\n".join(said)


async def _main() -> None:
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            async with kind.api(Path(folder)) as api:
                cells = await matrix(api, await kind.credentials(api))
                sys.stdout.write(f"## {kind.name}\n\n{table(cells)}\n\n")


if __name__ == "__main__":
    asyncio.run(_main())
