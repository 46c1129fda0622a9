"""Realms of a real Keycloak, made and asked over its own administration API."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

CLIENT, SECRET, PASSWORD = "chorally-api", "canary-client-secret-of-a-realm", "canary-password-1"
INBOX = "inbox"
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "keycloak" / "realm.json"


@dataclass(frozen=True)
class Server:
    """Where it is, and who administers it."""

    url: str
    admin: str
    password: str


def server() -> Server:
    """Return the server of the environment; without one the test is skipped, and fails in CI."""
    names = ("CHORALLY_KEYCLOAK_URL", "CHORALLY_KEYCLOAK_ADMIN", "CHORALLY_KEYCLOAK_ADMIN_PASSWORD")
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        pytest.skip(f"no Keycloak: {', '.join(missing)} not set")
    return Server(*(os.environ[name] for name in names))


class Realm:
    """One realm, with our clients and roles in it."""

    def __init__(self, server: Server, name: str, http: httpx.Client) -> None:
        self.server = server
        self.name = name
        self.http = http
        self.url = f"{server.url}/realms/{name}"
        self._ids: dict[str, str] = {}

    def _admin(self, method: str, path: str, body: Any = None) -> httpx.Response:
        token = self.http.post(
            f"{self.server.url}/realms/master/protocol/openid-connect/token",
            data={
                "grant_type": "password", "client_id": "admin-cli", "username": self.server.admin,
                "password": self.server.password,
            },
        ).json()["access_token"]  # fmt: skip
        answer = self.http.request(
            method, f"{self.server.url}/admin/realms{path}", json=body, headers={"Authorization": f"Bearer {token}"}
        )
        answer.raise_for_status()
        return answer

    def make(self) -> None:
        """Make the realm of the documentation, with its name and secret, and a client whose tokens are not for us.

        Tests sign in by a password instead of a browser.
        """
        realm = json.loads(EXAMPLE.read_text("utf-8")) | {"realm": self.name, "accessTokenLifespan": 3600}
        ours, inbox = realm["clients"]
        ours["secret"] = SECRET
        inbox["directAccessGrantsEnabled"] = True
        realm["clients"].append({"clientId": "another", "publicClient": True, "directAccessGrantsEnabled": True})
        self._admin("POST", "", realm)

    def add(self, person: str, *roles: str) -> None:
        """Add a person with roles."""
        given = {
            "username": person, "enabled": True, "email": f"{person}@{self.name}.example", "emailVerified": True,
            "firstName": person.title(), "lastName": "Example",
            "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
        }  # fmt: skip
        made = self._admin("POST", f"/{self.name}/users", given)
        self._ids[person] = made.headers["Location"].rpartition("/")[2]
        self._give(self._ids[person], roles)

    def _give(self, user_id: str, roles: tuple[str, ...]) -> None:
        known = [self._admin("GET", f"/{self.name}/roles/{role}").json() for role in roles]
        self._admin("POST", f"/{self.name}/users/{user_id}/role-mappings/realm", known)

    def sign_in(self, person: str, *, client: str = INBOX, url: str = "") -> dict[str, Any]:
        """Return what a person gets by their password."""
        form = {
            "grant_type": "password", "client_id": client, "username": person, "password": PASSWORD,
            "scope": "openid profile email",
        }  # fmt: skip
        answer = self.http.post(f"{url or self.url}/protocol/openid-connect/token", data=form)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def service_account(self, *roles: str) -> str:
        """Return a token that our client got by its own secret, with roles."""
        [client] = self._admin("GET", f"/{self.name}/clients?clientId={CLIENT}").json()
        user = self._admin("GET", f"/{self.name}/clients/{client['id']}/service-account-user").json()
        self._give(user["id"], roles)
        form = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": SECRET}
        answer = self.http.post(f"{self.url}/protocol/openid-connect/token", data=form)
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def sign_out(self, signed_in: dict[str, Any]) -> None:
        """End a session, as the person does it."""
        form = {"client_id": INBOX, "refresh_token": signed_in["refresh_token"]}
        self.http.post(f"{self.url}/protocol/openid-connect/logout", data=form).raise_for_status()

    def disable(self, person: str) -> None:
        """Shut a person out."""
        self._admin("PUT", f"/{self.name}/users/{self._ids[person]}", {"enabled": False})

    def end(self, how: str) -> None:
        """Have the whole realm ``disabled`` or ``deleted``."""
        if how == "disabled":
            self._admin("PUT", f"/{self.name}", {"enabled": False})
        else:
            self._admin("DELETE", f"/{self.name}")

    def roll_keys(self) -> None:
        """Have new tokens signed with a new key; the old one goes on to verify."""
        [realm] = [self._admin("GET", f"/{self.name}").json()]
        provider = {
            "name": f"rolled-{uuid4().hex[:6]}", "providerId": "rsa-generated", "parentId": realm["id"],
            "providerType": "org.keycloak.keys.KeyProvider",
            "config": {"priority": ["200"], "enabled": ["true"], "active": ["true"], "algorithm": ["RS256"]},
        }  # fmt: skip
        self._admin("POST", f"/{self.name}/components", provider)

    def public_key(self) -> str:
        """Return the key that tokens are signed with, as its issuer shows it."""
        return str(self.http.get(self.url).json()["public_key"])

    def remove(self) -> None:
        """Remove the realm."""
        self._admin("DELETE", f"/{self.name}")
