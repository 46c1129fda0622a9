"""The identity API over a real store: signing in, users, teams, and what each caller may."""

import json
from collections.abc import AsyncIterator
from typing import Any, get_args

import pytest
from chorally_core.api.guarded import open_routes, unguarded
from chorally_core.api.identity import create_app
from chorally_core.api.identity_views import Role
from chorally_core.ports.identity import Unauthenticated
from chorally_core.ports.permissions import ROLES, permissions_of
from structlog.testing import capture_logs

PASSWORD = "canary-password-1"
SERVICE = {"Authorization": "Token canary-secret-of-billing.acme"}
NEW_USER = {"email": "Bob@acme.example", "name": "Bob", "password": "canary-password-2", "roles": ["agent"]}


@pytest.fixture
async def admin(installed: Any) -> dict[str, str]:
    """Return the headers of an administrator of acme."""
    await installed.add("root@acme.example", "admin")
    return dict(await installed.sign_in("root@acme.example"))


def _is_problem(answer: Any, status: int, code: str = "") -> bool:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    document = answer.json()
    assert "canary" not in answer.text
    assert (answer.status_code, document["status"]) == (status, status), answer.text
    return bool(document["type"].endswith(code))


async def test_every_route_is_guarded_or_said_to_be_open(installed: Any) -> None:
    """Only signing in and the public keys need no caller."""
    assert unguarded(installed.app) == []
    assert set(open_routes(installed.app)) == {"/token", "/jwks"}


async def test_no_route_answers_without_a_caller(installed: Any) -> None:
    """Each guarded route is 401 without proof, with a challenge, whatever the rest of the request is."""
    paths = installed.app.openapi()["paths"].items()
    tried = 0
    for path, operations in [(path, operations) for path, operations in paths if path not in ("/token", "/jwks")]:
        for method in operations:
            answer = await installed.http.request(method, path.format(user_id="x", team_id="y"))
            assert _is_problem(answer, 401, "not-authenticated")
            assert answer.headers["www-authenticate"].startswith("Bearer ")
            tried += 1
    assert tried == 12


async def test_a_user_signs_in_and_is_known(installed: Any) -> None:
    """The token says who the user is and what they may do."""
    user = await installed.add("ada@acme.example", "viewer")
    answer = await installed.http.post(
        "/token", json={"tenant": "acme", "email": "ada@acme.example", "password": PASSWORD}
    )
    token = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 3600)

    me = (await installed.http.get("/me", headers={"Authorization": f"Bearer {token['access_token']}"})).json()

    assert (me["tenant"], me["subject"], me["kind"], me["roles"]) == ("acme", user.id, "user", ["viewer"])
    assert me["permissions"] == sorted(permissions_of(["viewer"]))
    assert me["user"]["email"] == "ada@acme.example"


async def test_a_form_of_the_password_grant_signs_in_too(installed: Any) -> None:
    """As OAuth clients send it, with the tenant beside."""
    await installed.add("ada@acme.example", "viewer")
    form = {"grant_type": "password", "tenant": "acme", "username": "ada@acme.example", "password": PASSWORD}
    assert (await installed.http.post("/token", data=form)).status_code == 200
    assert _is_problem(
        await installed.http.post("/token", data={**form, "grant_type": "x"}), 400, "unsupported-grant-type"
    )


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", "application/json", 422),
        (b"[]", "application/json", 422),
        (b'{"tenant": "acme", "email": "a", "password": ["canary"]}', "application/json", 422),
        (b'{"tenant": "acme", "email": "a", "password": "canary", "canary": 1}', "application/json", 422),
        (b'{"tenant": "acme", "email": "a", "password": "canary\xff"}', "application/json", 422),
        (b'{"tenant": "acme", "email": "a", "password": ""}', "application/json", 422),
        (b"grant_type=password&password=canary", "application/x-www-form-urlencoded", 422),
        (b"grant_type=password&password=\xff", "application/x-www-form-urlencoded", 400),
        (b"&".join([b"a=canary"] * 20), "application/x-www-form-urlencoded", 400),
        (b"canary", "text/plain", 415),
    ],
)
async def test_what_cannot_be_read_is_refused_without_quoting_it(
    content: bytes, kind: str, status: int, installed: Any
) -> None:
    """A request that went wrong may hold a password anywhere."""
    answer = await installed.http.post("/token", content=content, headers={"Content-Type": kind})
    if status == 422 and b'"canary":' in content:
        assert answer.json()["errors"][0]["message"] == "Extra inputs are not permitted"
    else:
        assert _is_problem(answer, status)


async def test_a_body_that_is_too_long_is_refused(installed: Any) -> None:
    """Said beforehand or not."""

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b"x" * 1000

    headers = {"Content-Type": "application/json"}
    assert (await installed.http.post("/token", content=b"x" * 70_000, headers=headers)).status_code == 413
    assert _is_problem(await installed.http.post("/token", content=parts(), headers=headers), 413)


async def test_a_wrong_password_says_nothing_and_then_waits(installed: Any) -> None:
    """401 with the same words whoever it is for, then 429 with the seconds to wait."""
    await installed.add("ada@acme.example", "viewer")
    texts = set()
    for email in ["ada@acme.example"] * 5 + ["nobody@acme.example"]:
        answer = await installed.http.post("/token", json={"tenant": "acme", "email": email, "password": "canary-x"})
        assert _is_problem(answer, 401, "wrong-credentials")
        texts.add(answer.text)
    assert len(texts) == 1
    answer = await installed.http.post(
        "/token", json={"tenant": "acme", "email": "ada@acme.example", "password": PASSWORD}
    )
    assert _is_problem(answer, 429, "throttled")
    assert answer.headers["retry-after"] == "1"


async def test_an_administrator_adds_changes_and_finds_users(installed: Any, admin: dict[str, str]) -> None:
    """Each answer carries the record, its tag, and never a hash; each change is told once."""
    http = installed.http
    await installed.told()
    team = (await http.post("/teams", json={"name": "Reviews"}, headers=admin)).json()

    added = await http.post("/users", json={**NEW_USER, "team_ids": [team["id"], team["id"]]}, headers=admin)

    assert added.status_code == 201, added.text
    bob = added.json()
    assert bob["email"] == "bob@acme.example"
    assert (bob["team_ids"], bob["version"], added.headers["etag"]) == ([team["id"]], 1, '"1"')
    assert added.headers["location"] == f"/users/{bob['id']}"
    assert (await http.get(added.headers["location"], headers=admin)).json() == bob
    changed = await http.patch(f"/users/{bob['id']}", json={"name": "Robert", "language": "it"}, headers=admin)
    assert (changed.json()["name"], changed.headers["etag"]) == ("Robert", '"2"')
    again = await http.patch(f"/users/{bob['id']}", json={"name": "Robert"}, headers=admin)
    assert again.headers["etag"] == '"2"'
    listed = await http.get("/users", params={"team_id": team["id"]}, headers=admin)
    assert [user["id"] for user in listed.json()["items"]] == [bob["id"]]
    facts = await installed.told()
    assert [fact.data.kind for fact in facts] == ["team_created", "user_created", "user_changed"]
    assert "canary" not in repr(facts)
    assert "argon2" not in repr(facts) + added.text + changed.text + listed.text


async def test_users_are_listed_in_pages(installed: Any, admin: dict[str, str]) -> None:
    """By address, each once, with a cursor that holds no tenant; the last page has none."""
    for name in "dbca":
        await installed.add(f"{name}@acme.example", "viewer")
        await installed.add(f"{name}@globex.example", "viewer", tenant="globex")
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while True:
        page = (await installed.http.get("/users", params=params, headers=admin)).json()
        seen += [user["email"][0] for user in page["items"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert seen == ["a", "b", "c", "d", "r"]
    for bad in ({"limit": 0}, {"limit": 201}):
        assert _is_problem(await installed.http.get("/users", params=bad, headers=admin), 422)
    for cursor in ("x", "!!!", "kgEC", "a" * 3000):
        answer = await installed.http.get("/users", params={"cursor": cursor}, headers=admin)
        assert answer.status_code in (400, 422)


async def test_a_stale_change_is_refused(installed: Any, admin: dict[str, str]) -> None:
    """With the tag of an older version nothing is changed."""
    bob = await installed.add("bob@acme.example", "viewer")
    path = f"/users/{bob.id}"
    first = await installed.http.patch(path, json={"name": "B"}, headers={**admin, "If-Match": '"1"'})
    assert first.status_code == 200
    stale = await installed.http.patch(path, json={"name": "C"}, headers={**admin, "If-Match": '"1"'})
    assert _is_problem(stale, 412, "changed-meanwhile")
    assert (await installed.http.get(path, headers=admin)).json()["name"] == "B"


@pytest.mark.parametrize(
    "change", [{"disabled": True}, {"roles": ["viewer"]}, {"password": "canary-password-3"}, {"roles": []}]
)
async def test_a_users_tokens_end_with_the_change(
    change: dict[str, Any], installed: Any, admin: dict[str, str]
) -> None:
    """Already at the next request, though the token was verified and remembered before."""
    bob = await installed.add("bob@acme.example", "agent")
    headers = await installed.sign_in("bob@acme.example")
    assert (await installed.http.get("/me", headers=headers)).status_code == 200

    changed = await installed.http.patch(f"/users/{bob.id}", json=change, headers=admin)

    assert changed.status_code == 200, changed.text
    assert _is_problem(await installed.http.get("/me", headers=headers), 401)
    answer = await installed.http.post(
        "/token",
        json={"tenant": "acme", "email": bob.email, "password": change.get("password", PASSWORD)},
    )
    assert answer.status_code == (401 if "disabled" in change else 200)


async def test_a_token_ends_with_its_life(installed: Any, admin: dict[str, str]) -> None:
    """An hour after it was made."""
    installed.clock.advance(minutes=59)
    assert (await installed.http.get("/me", headers=admin)).status_code == 200
    installed.clock.advance(minutes=2)
    assert _is_problem(await installed.http.get("/me", headers=admin), 401, "not-authenticated")


async def test_users_change_their_own_password(installed: Any) -> None:
    """With the current one, which is guessed no faster here; all tokens end."""
    await installed.add("ada@acme.example", "viewer")
    headers = await installed.sign_in("ada@acme.example")
    post = installed.http.post
    body = {"current": PASSWORD, "new": "canary-password-9"}
    assert _is_problem(await post("/me/password", json={**body, "current": "no"}, headers=headers), 401)
    assert _is_problem(await post("/me/password", json={**body, "new": "canary"}, headers=headers), 422, "invalid")
    assert _is_problem(await post("/me/password", json=body, headers=SERVICE), 404)

    assert (await post("/me/password", json=body, headers=headers)).status_code == 204

    assert _is_problem(await installed.http.get("/me", headers=headers), 401)
    await installed.sign_in("ada@acme.example", password="canary-password-9")
    for _ in range(5):
        await post("/token", json={"tenant": "acme", "email": "ada@acme.example", "password": "x"})
    assert _is_problem(await post("/me/password", json=body, headers=headers), 401)


async def test_without_the_permission_nothing_is_changed(installed: Any) -> None:
    """403 names what is missing; an agent sees users, a viewer does not."""
    bob = await installed.add("bob@acme.example", "agent")
    await installed.add("vera@acme.example", "viewer")
    agent, viewer = await installed.sign_in("bob@acme.example"), await installed.sign_in("vera@acme.example")
    http = installed.http
    assert (await http.get("/users", headers=agent)).status_code == 200
    for answer in (
        await http.post("/users", json=NEW_USER, headers=agent),
        await http.patch(f"/users/{bob.id}", json={"roles": ["admin"]}, headers=agent),
        await http.post("/teams", json={"name": "x"}, headers=agent),
        await http.delete("/teams/x", headers=agent),
    ):
        assert _is_problem(answer, 403, "permission-missing")
        assert "users:write" in answer.json()["detail"]
        assert 'scope="users:write"' in answer.headers["www-authenticate"]
    assert "users:read" in (await http.get("/users", headers=viewer)).json()["detail"]


async def test_a_service_acts_within_its_permissions(installed: Any) -> None:
    """It may keep users, but make none that may more than it; the log names it."""
    me = (await installed.http.get("/me", headers=SERVICE)).json()
    assert (me["kind"], me["subject"], me["permissions"], me["user"]) == ("service", "billing", ["users:write"], None)
    answer = await installed.http.post("/users", json=NEW_USER, headers=SERVICE)
    assert _is_problem(answer, 403, "beyond-own-permissions")
    assert answer.json()["errors"][0]["field"] == "/body/roles"
    added = await installed.http.post("/users", json={**NEW_USER, "roles": []}, headers=SERVICE)
    assert added.status_code == 201
    (fact,) = await installed.told()
    assert (fact.data.actor_kind, fact.data.actor_id) == ("service", "billing")
    assert _is_problem(await installed.http.get("/users", headers=SERVICE), 403)
    other = {"Authorization": "Token canary-secret-of-billing.globex"}
    assert _is_problem(await installed.http.get("/me", headers=other), 401)


async def test_a_tenant_does_not_see_another(installed: Any, admin: dict[str, str]) -> None:
    """Whatever names a record of another tenant is answered as if there were none."""
    stranger = await installed.add("zoe@globex.example", "admin", tenant="globex")
    globex = await installed.sign_in("zoe@globex.example", tenant="globex")
    team = (await installed.http.post("/teams", json={"name": "Reviews"}, headers=globex)).json()
    http = installed.http
    for answer in (
        await http.get(f"/users/{stranger.id}", headers=admin),
        await http.patch(f"/users/{stranger.id}", json={"password": "canary-password-x"}, headers=admin),
        await http.get(f"/teams/{team['id']}", headers=admin),
        await http.patch(f"/teams/{team['id']}", json={"name": "x"}, headers=admin),
        await http.delete(f"/teams/{team['id']}", headers=admin),
    ):
        assert _is_problem(answer, 404)
    assert (await http.get("/teams", headers=admin)).json()["items"] == []
    added = await http.post("/users", json={**NEW_USER, "team_ids": [team["id"]]}, headers=admin)
    assert _is_problem(added, 422, "no-such-team")
    same = await http.post("/users", json={**NEW_USER, "email": "zoe@globex.example"}, headers=admin)
    assert same.status_code == 201
    assert (await http.post("/teams", json={"name": "Reviews"}, headers=admin)).status_code == 201


async def test_two_of_the_same_are_refused(installed: Any, admin: dict[str, str]) -> None:
    """Addresses and team names, whatever their case; 409 with the field."""
    http = installed.http
    assert (await http.post("/users", json=NEW_USER, headers=admin)).status_code == 201
    again = await http.post("/users", json={**NEW_USER, "email": "BOB@acme.example "}, headers=admin)
    assert _is_problem(again, 409, "email-taken")
    assert (await http.post("/teams", json={"name": "Reviews"}, headers=admin)).status_code == 201
    assert _is_problem(await http.post("/teams", json={"name": "REVIEWS"}, headers=admin), 409, "name-taken")


async def test_a_team_is_deleted_once_nobody_is_in_it(installed: Any, admin: dict[str, str]) -> None:
    """409 while it has members; afterwards it is gone, and its name is free."""
    http = installed.http
    path = f"/teams/{(await http.post('/teams', json={'name': 'Reviews'}, headers=admin)).json()['id']}"
    team_id = path.rpartition("/")[2]
    bob = (await http.post("/users", json={**NEW_USER, "team_ids": [team_id]}, headers=admin)).json()
    assert _is_problem(await http.delete(path, headers=admin), 409, "team-has-members")
    await http.patch(f"/users/{bob['id']}", json={"team_ids": []}, headers=admin)
    renamed = await http.patch(path, json={"name": "Mail"}, headers={**admin, "If-Match": '"1"'})
    assert renamed.json()["name"] == "Mail"
    assert (await http.delete(path, headers={**admin, "If-Match": '"1"'})).status_code == 412
    assert (await http.delete(path, headers=admin)).status_code == 204
    assert _is_problem(await http.get(path, headers=admin), 404, "no-such-team")
    assert (await http.post("/teams", json={"name": "Mail"}, headers=admin)).status_code == 201


async def test_teams_are_listed_in_pages(installed: Any, admin: dict[str, str]) -> None:
    """By name without regard to case."""
    for name in ("mail", "Apps", "Zoo"):
        await installed.http.post("/teams", json={"name": name}, headers=admin)
    first = (await installed.http.get("/teams", params={"limit": 2}, headers=admin)).json()
    rest = (await installed.http.get("/teams", params={"cursor": first["next"]}, headers=admin)).json()
    assert [team["name"] for team in first["items"] + rest["items"]] == ["Apps", "mail", "Zoo"]
    assert rest["next"] is None


async def test_roles_are_listed_with_what_they_allow(installed: Any, admin: dict[str, str]) -> None:
    """From the one that may least."""
    items = (await installed.http.get("/roles", headers=admin)).json()["items"]
    assert [item["name"] for item in items] == list(get_args(Role)) == list(ROLES)
    assert [item["permissions"] for item in items] == [sorted(permissions_of([role])) for role in ROLES]


async def test_the_key_set_is_public_and_verifies(installed: Any) -> None:
    """Other programs verify our tokens with it; it may be cached for minutes, and holds no private half."""
    answer = await installed.http.get("/jwks")
    (key,) = answer.json()["keys"]
    assert {"kty", "n", "e", "kid", "use", "alg"} <= set(key)
    assert not {"d", "p", "q", "dp", "dq", "qi"} & set(key)
    assert answer.headers["cache-control"] == "public, max-age=300"


class Nobody:
    """An identity that knows nobody."""

    async def authenticate(self, authorization: str) -> Any:
        raise Unauthenticated("nobody is known")


def test_with_an_outside_issuer_only_the_caller_and_the_roles_are_served() -> None:
    """Users, sign-in and keys are the issuer's."""
    app = create_app(Nobody())
    assert set(app.openapi()["paths"]) == {"/me", "/roles"}
    assert unguarded(app) == []


async def test_the_api_is_described_well_enough_to_generate_a_client(installed: Any) -> None:
    """Each operation has a name, a summary, its problems and its permission; each field a title and a description."""
    document = installed.app.openapi()
    assert "canary" not in json.dumps(document)
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names)) == 14
    schemas = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert operation.get("description"), (method, path)
            if path not in ("/token", "/jwks"):
                assert [list(way) for way in operation["security"]] == [["Bearer"], ["ServiceToken"]]
                assert "401" in operation["responses"], (method, path)
    assert document["paths"]["/users"]["post"]["security"][0] == {"Bearer": ["users:write"]}
    referred = set(json.dumps(document).split("#/components/schemas/")[1:])
    assert {name.partition('"')[0] for name in referred} <= set(schemas)
    assert "HTTPValidationError" not in json.dumps(document["paths"])
    for name, schema in schemas.items():
        if name in ("HTTPValidationError", "ValidationError"):
            continue
        for field, described in schema.get("properties", {}).items():
            assert described.get("title"), (name, field)
            assert described.get("description"), (name, field)


async def test_no_secret_is_ever_logged(installed: Any, admin: dict[str, str], caplog: Any) -> None:
    """Through a sign-in, a failure, a new user and a service's request no line holds a canary."""
    with capture_logs() as logs, caplog.at_level(0):
        await installed.http.post("/users", json=NEW_USER, headers=admin)
        await installed.http.post("/users", json={**NEW_USER, "password": "canary"}, headers=admin)
        await installed.http.post("/token", json={"tenant": "acme", "email": "x", "password": "canary-wrong"})
        await installed.http.get("/me", headers=SERVICE)
    assert "canary" not in repr(logs) + caplog.text
    assert "canary" not in repr(installed.local) + repr(vars(installed.app.state.identity))
