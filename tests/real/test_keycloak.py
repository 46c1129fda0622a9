"""The whole system where people sign in at a real Keycloak: every endpoint with every credential, and its life."""

import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.real.keycloak_server import SECRET, Realm, Server, server
from tests.support.api import Api, an_api
from tests.support.credentials import (
    EVERYTHING,
    OF_THE_INSTALLATION,
    UNBOUNDED,
    Credential,
    broken,
    matrix,
    service_tokens,
    unsigned,
    with_shared_secret,
)

pytestmark = pytest.mark.real


class Clock:
    """The real time, moved."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        """Tell it."""
        return datetime.now(UTC) + self.ahead


@pytest.fixture(scope="module")
def keycloak() -> Server:
    """The server."""
    return server()


@pytest.fixture(scope="module")
def realms(keycloak: Server) -> Iterator[tuple[Realm, Realm]]:
    """Two realms: of acme, whose services' tokens are in the settings, and of another tenant."""
    with httpx.Client(timeout=30, trust_env=False) as http:
        made = Realm(keycloak, "acme", http), Realm(keycloak, f"t{uuid4().hex[:8]}", http)
        for realm in made:
            realm.make()
            for person, roles in {"ada": ("admin",), "visitor": (), "gone": ("admin",), "out": ("admin",)}.items():
                realm.add(person, *roles)
        yield made
        for realm in made:
            realm.remove()


@pytest.fixture
def clock() -> Clock:
    """A clock that can be moved."""
    return Clock()


@pytest.fixture
async def api(tmp_path: Path, keycloak: Server, clock: Clock) -> AsyncIterator[Api]:
    """A system that trusts the server."""
    async with an_api(
        tmp_path, clock=clock, keycloak=keycloak.url, keycloak_secrets=SECRET, keycloak_check_s=5,
        service_tokens=EVERYTHING, **UNBOUNDED,
    ) as api:  # fmt: skip
        yield api


def claims_of(token: str) -> dict[str, Any]:
    """Return what a token says."""
    body = token.split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


def head_of(token: str) -> dict[str, Any]:
    """Return its header."""
    head = token.split(".")[0]
    header: dict[str, Any] = json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    return header


async def test_every_endpoint_takes_who_may_and_refuses_everybody_else(
    api: Api, realms: tuple[Realm, Realm], keycloak: Server
) -> None:
    """The same as at the built-in issuer, with tokens that a Keycloak made."""
    acme, other = realms
    ada = acme.sign_in("ada")
    good, claims = ada["access_token"], claims_of(ada["access_token"])
    pem = f"-----BEGIN PUBLIC KEY-----\n{acme.public_key()}\n-----END PUBLIC KEY-----\n".encode()
    kid = head_of(good)["kid"]
    by_another_name = acme.url.replace("127.0.0.1", "localhost")
    gone, out = acme.sign_in("gone"), acme.sign_in("out")
    acme.disable("gone")
    acme.sign_out(out)
    head, body, _ = good.split(".")
    credentials = [
        *service_tokens(),
        Credential("good token", f"Bearer {good}", "in", OF_THE_INSTALLATION),
        Credential("service account", f"Bearer {acme.service_account('admin')}", "in", OF_THE_INSTALLATION),
        Credential("bad signature", f"Bearer {broken(good)}", "401"),
        Credential("wrong algorithm", f"Bearer {with_shared_secret(claims, pem, kid)}", "401"),
        Credential("none", f"Bearer {unsigned(claims)}", "401"),
        Credential("no signature", f"Bearer {head}.{body}.", "401"),
        Credential("wrong audience", f"Bearer {acme.sign_in('ada', client='another')['access_token']}", "401"),
        Credential("wrong issuer", f"Bearer {acme.sign_in('ada', url=by_another_name)['access_token']}", "401"),
        Credential("refresh token", f"Bearer {ada['refresh_token']}", "401"),
        Credential("ID token", f"Bearer {ada['id_token']}", "401"),
        Credential("missing role", f"Bearer {acme.sign_in('visitor')['access_token']}", "403"),
        Credential("disabled user", f"Bearer {gone['access_token']}", "401"),
        Credential("signed out", f"Bearer {out['access_token']}", "401"),
    ]
    wrong = [
        f"{c.endpoint} with {c.credential.name}: {c.status}" for c in await matrix(api, credentials) if not c.is_right
    ]
    assert wrong == []
    assert (await api.client(other.sign_in("ada")["access_token"]).get("/identity/v1/me")).json()[
        "tenant"
    ] == other.name


@pytest.mark.parametrize("ahead", [timedelta(hours=1, minutes=1), timedelta(minutes=-2)], ids=["expired", "too early"])
async def test_a_token_counts_at_its_time_only(
    api: Api, realms: tuple[Realm, Realm], clock: Clock, ahead: timedelta
) -> None:
    """Everywhere."""
    token = realms[0].sign_in("ada")["access_token"]
    assert (await api.client(token).get("/identity/v1/me")).status_code == 200
    clock.ahead = ahead
    cells = await matrix(
        api, [Credential("at another time", f"Bearer {realms[0].sign_in('ada')['access_token']}", "401")]
    )
    assert [str(cell.endpoint) for cell in cells if not cell.is_right] == []


async def test_sign_outs_and_disabled_users_count_within_the_stated_time(
    api: Api, realms: tuple[Realm, Realm], clock: Clock
) -> None:
    """A token that was good ends with its session, and all of a user's with the user."""
    realm = realms[1]
    session, account = realm.sign_in("out"), realm.sign_in("gone")
    first, second = api.client(session["access_token"]), api.client(account["access_token"])
    assert {(await one.get("/identity/v1/me")).status_code for one in (first, second)} == {200}
    realm.sign_out(session)
    realm.disable("gone")
    clock.ahead += timedelta(seconds=5)
    assert {(await one.get("/identity/v1/me")).status_code for one in (first, second)} == {401}


@pytest.mark.parametrize("change", ["disabled", "deleted"])
async def test_tokens_end_with_their_realm(api: Api, clock: Clock, change: str) -> None:
    """Within the stated time, whether somebody disables it or removes it."""
    with httpx.Client(timeout=30) as http:
        realm = Realm(server(), f"ends-{uuid4().hex[:8]}", http)
        realm.make()
        realm.add("ada", "agent")
        client = api.client(realm.sign_in("ada")["access_token"])
        assert (await client.get("/identity/v1/me")).status_code == 200
        realm.end(change)
        clock.ahead += timedelta(seconds=5)
        assert (await client.get("/identity/v1/me")).status_code == 401


async def test_a_new_key_is_taken_up_and_the_old_ones_go_on(
    api: Api, realms: tuple[Realm, Realm], clock: Clock
) -> None:
    """A realm that rolls its keys locks nobody out."""
    realm = realms[1]
    before = realm.sign_in("ada")["access_token"]
    assert (await api.client(before).get("/identity/v1/me")).status_code == 200
    realm.roll_keys()
    after = realm.sign_in("ada")["access_token"]
    assert head_of(after)["kid"] != head_of(before)["kid"]
    clock.ahead += timedelta(minutes=1)
    assert (await api.client(after).get("/identity/v1/me")).status_code == 200
    assert (await api.client(before).get("/identity/v1/me")).status_code == 200
