"""The whole system where people sign in at a Keycloak."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.support.api import Api, an_api
from tests.support.keycloak import SECRET, SERVER, Keycloak
from tests.support.world import Clock


@pytest.fixture
def clock() -> Clock:
    """The only clock there is."""
    return Clock()


@pytest.fixture
def keycloak(clock: Clock) -> Keycloak:
    """A server with two realms."""
    return Keycloak(clock)


@pytest.fixture
async def api(tmp_path: Path, keycloak: Keycloak, clock: Clock) -> AsyncIterator[Api]:
    """A system that trusts it."""
    async with an_api(
        tmp_path, clock=clock, keycloak_transport=keycloak.transport(), keycloak=SERVER, keycloak_secrets=SECRET
    ) as api:
        yield api


def of(api: Api, keycloak: Keycloak, person: str, *roles: str, realm: str = "acme") -> httpx.AsyncClient:
    """Return the client of a person."""
    return api.client(keycloak.token(person, realm, *roles))


async def test_who_comes_is_listed_and_can_be_given_tickets(api: Api, keycloak: Keycloak) -> None:
    """Nobody adds people here; they are known from their first request on, with the roles that they have there."""
    ada = of(api, keycloak, "ada", "agent")
    me = (await ada.get("/identity/v1/me")).json()
    assert (me["tenant"], me["name"], me["roles"]) == ("acme", "Ada", ["agent"])
    boss = of(api, keycloak, "boss", "admin")
    await boss.get("/identity/v1/me")
    listed = (await boss.get("/identity/v1/users")).json()["items"]
    assert [(user["id"], user["email"], user["roles"]) for user in listed if user["name"] == "Ada"] == [
        (me["subject"], "ada@acme.example", ["agent"])
    ]
    promoted = api.client(keycloak.token("ada", "acme", "supervisor", jti="another"))
    assert (await promoted.get("/identity/v1/me")).json()["roles"] == ["supervisor"]
    [user] = [one for one in (await boss.get("/identity/v1/users")).json()["items"] if one["name"] == "Ada"]
    assert user["roles"] == ["supervisor"]


async def test_people_are_changed_where_they_sign_in(api: Api, keycloak: Keycloak) -> None:
    """Here one can put them into teams and shut them out; the rest is refused with where to go."""
    boss = of(api, keycloak, "boss", "admin")
    mine = (await boss.get("/identity/v1/me")).json()["subject"]
    ada = of(api, keycloak, "ada", "agent")
    user = (await ada.get("/identity/v1/me")).json()["subject"]
    added = await boss.post(
        "/identity/v1/users",
        json={"email": "new@acme.example", "name": "New", "password": "a-long-password", "roles": ["agent"]},
    )
    assert (added.status_code, added.json()["type"].endswith("kept-outside")) == (409, True)
    assert f"{SERVER}/realms/acme" in added.json()["detail"]
    signed_in = await api.client().post(
        "/identity/v1/token", json={"tenant": "acme", "email": "ada@acme.example", "password": "a-long-password"}
    )
    assert (signed_in.status_code, signed_in.json()["type"]) == (409, added.json()["type"])
    renamed = await boss.patch(f"/identity/v1/users/{user}", json={"name": "Eve", "roles": ["admin"]})
    assert (renamed.status_code, "name, roles" in renamed.json()["detail"]) == (409, True)
    team = (await boss.post("/identity/v1/teams", json={"name": "Night"})).json()["id"]
    assert (await boss.patch(f"/identity/v1/users/{user}", json={"team_ids": [team]})).status_code == 200
    assert (await ada.get("/message/v1/tickets")).status_code == 200
    assert (await boss.patch(f"/identity/v1/users/{user}", json={"disabled": True})).status_code == 200
    assert (await ada.get("/message/v1/tickets")).status_code == 401
    assert (await boss.patch(f"/identity/v1/users/{mine}", json={"disabled": True})).status_code == 409


async def test_operators_and_programs_of_ours_work_on_beside_it(api: Api, keycloak: Keycloak) -> None:
    """Whoever runs the system needs no realm; a service token stays what it is."""
    keycloak.away = True
    assert (await api.agent("admin").get("/message/v1/tickets")).status_code == 200
    program = api.client("a-long-service-secret-2.acme", scheme="Token")
    assert (await program.get("/message/v1/tickets")).status_code == 200
    waiting = await of(api, keycloak, "ada").get("/message/v1/tickets")
    assert (waiting.status_code, waiting.headers["Retry-After"].isdigit()) == (503, True)


async def test_two_people_with_one_address_are_two(api: Api, keycloak: Keycloak) -> None:
    """A realm may allow it; the second is shown by their id there."""
    first = api.client(keycloak.token("ada", "acme", "admin", email="info@acme.example"))
    second = api.client(keycloak.token("bob", "acme", "admin", email="info@acme.example"))
    assert {(await one.get("/identity/v1/me")).status_code for one in (first, second)} == {200}
    listed = (await first.get("/identity/v1/users")).json()["items"]
    assert len({user["id"] for user in listed}) == len({user["email"] for user in listed}) == 2
