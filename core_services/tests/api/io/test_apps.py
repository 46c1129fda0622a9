"""Developer apps over the API, and the list of connectors."""

from typing import Any


async def test_an_app_is_added_and_its_secrets_are_never_shown(
    app: Any, speak: Any, badge: Any, an_app: Any, canary: Any
) -> None:
    """The answer names the secret settings, not their values, and says where webhooks go."""
    client = speak(app, badge())
    made = await client.post("/apps", json=an_app)
    shown = made.json()

    assert (made.status_code, made.headers["location"]) == (201, f"/apps/{shown['id']}")
    assert (shown["settings"], shown["secrets"]) == ({"client": "c-1"}, ["secret"])
    assert shown["webhook_path"].startswith("/wall/v1/webhook/")
    assert [shown] == (await client.get("/apps")).json()["items"]
    assert shown == (await client.get(made.headers["location"])).json()
    assert canary not in made.text


async def test_two_live_secrets_may_be_given(
    app: Any, speak: Any, badge: Any, an_app: Any, hooks: Any, a_note: Any, canary: Any
) -> None:
    """While a secret is rotated both are accepted."""
    both = an_app | {"settings": {"client": "c-1", "secret": ["new", f"{canary}-app"]}}
    made = (await speak(app, badge()).post("/apps", json=both)).json()

    assert await hooks.send(made, [a_note()])


async def test_settings_of_an_app_that_do_not_fit_are_named(
    app: Any, speak: Any, badge: Any, an_app: Any, canary: Any
) -> None:
    """A missing setting and an unknown connector each have their field."""
    client = speak(app, badge())
    missing = await client.post("/apps", json=an_app | {"settings": {"secret": f"{canary}-x"}})
    unknown = await client.post("/apps", json=an_app | {"connector": "nowhere"})

    assert missing.json()["errors"] == [{"field": "/body/settings/client", "message": "Field required"}]
    assert unknown.json()["errors"][0]["field"] == "/body/connector"
    assert canary not in missing.text


async def test_a_repeat_under_the_same_key_adds_nothing_twice(app: Any, speak: Any, badge: Any, an_app: Any) -> None:
    """There is one app, with one webhook URL."""
    client = speak(app, badge())
    first = await client.post("/apps", json=an_app, headers={"Idempotency-Key": "k"})
    again = await client.post("/apps", json=an_app, headers={"Idempotency-Key": "k"})

    assert first.json() == again.json()
    assert len((await client.get("/apps")).json()["items"]) == 1


async def test_an_app_in_use_is_not_deleted(
    app: Any, speak: Any, badge: Any, an_app: Any, an_account: Any, service: Any
) -> None:
    """Its accounts must be disconnected first; then its URL is no longer answered."""
    client = speak(app, badge())
    made = await client.post("/apps", json=an_app)
    account = await client.post("/accounts", json=an_account | {"app_id": made.json()["id"]})
    refused = await client.delete(made.headers["location"])
    await client.delete(account.headers["location"])
    done = await client.delete(made.headers["location"])

    assert (refused.status_code, refused.json()["type"]) == (409, "urn:chorally:problem:app-in-use")
    assert done.status_code == 204
    assert (await client.get(made.headers["location"])).status_code == 404
    assert service.directory.apps == {}


async def test_connectors_are_listed_with_what_they_can_do(app: Any, speak: Any, badge: Any) -> None:
    """Abilities, channels, limits and the schema of the settings, in which secrets are marked."""
    items = (await speak(app, badge()).get("/connectors")).json()["items"]
    wall: dict[str, Any] = next(item for item in items if item["platform"] == "wall")

    assert (wall["usable"], wall["title"], wall["webhooks"]) == (True, "The Wall", "app")
    assert set(wall["abilities"]) == {"Pulls", "Receives", "Replies"}
    assert wall["channels"][0]["actions"]["reply"]["max_text"] == 100
    fields = wall["account_settings"]["properties"]
    assert (fields["password"]["x-secret"], "x-secret" in fields["colour"]) == (True, False)
    assert wall["app_settings"]["required"] == ["client", "secret"]


async def test_a_connector_that_cannot_be_used_is_listed_with_the_reason(app: Any, speak: Any, badge: Any) -> None:
    """A broken plugin disturbs no other and says what is wrong."""
    items = (await speak(app, badge()).get("/connectors")).json()["items"]
    broken = next(item for item in items if item["platform"] == "broken")

    assert (broken["usable"], broken["abilities"]) == (False, [])
    assert "no_such_module" in broken["error"]
