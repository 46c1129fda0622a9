"""Connecting, changing, checking and disconnecting accounts over the API."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from chorally_core.events import LogAdd, topics
from chorally_core.ports.documents import Query
from chorally_core.services.io.model import Account, StreamState

import chorally_sdk as sdk


async def facts(ledger: Any) -> list[str]:
    """What the log is told, in order."""
    batch = await ledger.bus.consumer("test", [topics.LOGS]).poll(1000)
    return [d.event.data.kind for d in batch.delivered if isinstance(d.event.data, LogAdd)]


async def test_an_account_is_checked_and_connected(
    app: Any, speak: Any, badge: Any, an_account: Any, ledger: Any, service: Any
) -> None:
    """The answer names what the platform calls it, where it is found, and its version; it is pulled at once."""
    answer = await speak(app, badge()).post("/accounts", json=an_account | {"silence_hours": 2, "ticket_per": "thread"})
    shown = answer.json()

    assert answer.status_code == 201
    assert answer.headers["location"] == f"/accounts/{shown['id']}"
    assert answer.headers["etag"] == '"1"'
    assert (shown["external_id"], shown["external_name"], shown["state"]) == ("w1", "Wall one", "connected")
    assert (shown["ticket_per"], shown["silence_hours"], shown["backfill_since"]) == ("thread", 2, None)
    assert shown["settings"] == {"colour": "red"}
    assert await facts(ledger) == ["account_connected"]
    assert shown["id"] in service.pulling._tasks


async def test_the_depth_of_the_back_fill_is_chosen_when_connecting(
    app: Any, speak: Any, badge: Any, an_account: Any, clock: Any
) -> None:
    """So many days of history are imported, counted from now."""
    answer = await speak(app, badge()).post("/accounts", json=an_account | {"backfill_days": 30})

    since = clock() - timedelta(days=30)
    assert answer.json()["backfill_since"] == since.isoformat().replace("+00:00", "Z")


async def test_a_repeat_under_the_same_key_connects_nothing_twice(
    app: Any, speak: Any, badge: Any, an_account: Any, platform: Any, ledger: Any
) -> None:
    """The second answer is the first one, and the platform is not asked again."""
    client = speak(app, badge())
    first = await client.post("/accounts", json=an_account, headers={"Idempotency-Key": "k"})
    again = await client.post("/accounts", json=an_account, headers={"Idempotency-Key": "k"})

    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert await ledger.documents.count(Query(Account, "acme")) == 1
    assert platform.asked.count("/wall") == 1


async def test_the_same_place_cannot_be_connected_twice(app: Any, speak: Any, badge: Any, an_account: Any) -> None:
    """Two accounts of one tenant for one wall would keep everything twice."""
    client = speak(app, badge())
    await client.post("/accounts", json=an_account)
    again = await client.post("/accounts", json=an_account)

    assert again.status_code == 422
    assert again.json()["errors"][0]["field"] == "/body/credentials"


async def test_two_tenants_may_connect_the_same_place(app: Any, speak: Any, badge: Any, an_account: Any) -> None:
    """Each gets an account of its own."""
    one = await speak(app, badge("acme")).post("/accounts", json=an_account)
    two = await speak(app, badge("umbrella")).post("/accounts", json=an_account)

    assert (one.status_code, two.status_code) == (201, 201)
    assert one.json()["id"] != two.json()["id"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"connector": "nowhere"}, "/body/connector"),
        ({"connector": "broken"}, "/body/connector"),
        ({"app_id": "nobody's"}, "/body/app_id"),
        ({"settings": {"colour": "RED"}}, "/body/settings/colour"),
        ({"settings": {"password": "canary-6f1d-in-the-wrong-place"}}, "/body/settings/password"),
        ({"credentials": {"pass": "canary-6f1d-misspelt"}}, "/body/credentials/pass"),
        ({"credentials": {}}, "/body/settings/password"),
        ({"backfill_days": -1}, "/body/backfill_days"),
        ({"surprise": 1}, "/body/surprise"),
    ],
)
async def test_what_does_not_fit_is_named(
    app: Any, speak: Any, badge: Any, an_account: Any, canary: Any, change: Any, field: Any
) -> None:
    """Each mistake has its field, and no answer repeats a secret."""
    answer = await speak(app, badge()).post("/accounts", json=an_account | change)

    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert canary not in answer.text


@pytest.mark.parametrize(
    ("status", "headers", "expected", "code", "wait"),
    [
        (401, {}, 422, "reauthorization-required", None),
        (403, {}, 422, "platform-refused", None),
        (429, {"retry-after": "17"}, 503, "platform-rate-limited", "17"),
        (503, {}, 503, "platform-unavailable", "10"),
    ],
)
async def test_what_the_platform_refuses_is_told(
    app: Any,
    speak: Any,
    badge: Any,
    an_account: Any,
    platform: Any,
    ledger: Any,
    status: Any,
    headers: Any,
    expected: Any,
    code: Any,
    wait: Any,
) -> None:
    """Each error of the connector is one problem, and nothing is stored."""
    platform.fails = httpx.Response(status, headers=headers, json={})
    answer = await speak(app, badge()).post("/accounts", json=an_account)

    assert (answer.status_code, answer.json()["type"]) == (expected, f"urn:chorally:problem:{code}")
    assert answer.headers.get("retry-after") == wait
    assert await ledger.documents.count(Query(Account, None)) == 0


async def test_a_refused_connection_can_be_corrected_under_the_same_key(
    app: Any, speak: Any, badge: Any, an_account: Any
) -> None:
    """A wrong password under a key does not use the key up."""
    client = speak(app, badge())
    wrong = an_account | {"credentials": {"password": "canary-6f1d-wrong"}}
    refused = await client.post("/accounts", json=wrong, headers={"Idempotency-Key": "k"})
    mended = await client.post("/accounts", json=an_account, headers={"Idempotency-Key": "k"})

    assert (refused.status_code, mended.status_code) == (422, 201)


async def test_health_and_progress_are_shown(
    app: Any, speak: Any, badge: Any, an_account: Any, service: Any, clock: Any, ledger: Any
) -> None:
    """Last message, last error, silence, token expiry, and how far each stream has come."""
    client = speak(app, badge())
    expiring = an_account["credentials"] | {"expires_at": "2027-01-01T00:00:00Z"}
    made = await client.post("/accounts", json=an_account | {"silence_hours": 1, "credentials": expiring})
    account = service.directory.accounts[made.json()["id"]]
    await service.pulling.stop()
    await service.pulling.run(account, sdk.Stream(name="notes"), "live")
    service.health.came(account, 3)
    first_at = clock()
    clock.pass_(hours=2)
    service.health.erred(account, "notes: no answer")
    shown = (await client.get(made.headers["location"])).json()

    health = shown["health"]
    assert health["last_message_at"] == first_at.isoformat().replace("+00:00", "Z")
    assert (health["last_error"], health["silent"], health["messages"]) == ("notes: no answer", True, 3)
    assert health["token_expires_at"] == "2027-01-01T00:00:00Z"
    [stream] = shown["streams"]
    assert (stream["stream"], stream["lane"], stream["expected"], stream["error"]) == ("notes", "live", 7, "")
    assert stream["pages"] > 0
    assert await ledger.documents.count(Query(StreamState, "acme")) == 1


async def test_a_change_needs_the_version_that_was_seen(app: Any, speak: Any, badge: Any, an_account: Any) -> None:
    """With If-Match of an older version the change is refused; without it, it is made."""
    client = speak(app, badge())
    made = await client.post("/accounts", json=an_account)
    place, seen = made.headers["location"], made.headers["etag"]
    first = await client.patch(place, json={"name": "New"}, headers={"If-Match": seen})
    late = await client.patch(place, json={"name": "Late"}, headers={"If-Match": seen})

    assert (first.status_code, first.json()["name"], first.headers["etag"]) == (200, "New", '"2"')
    assert late.status_code == 412
    assert (await client.get(place)).json()["name"] == "New"


async def test_new_credentials_are_checked_first(app: Any, speak: Any, badge: Any, an_account: Any) -> None:
    """Those of another wall are refused, and the old ones stay."""
    client = speak(app, badge())
    made = await client.post("/accounts", json=an_account)
    place = made.headers["location"]
    refused = await client.patch(place, json={"credentials": {"password": "canary-6f1d-other"}})

    assert (refused.status_code, refused.json()["type"]) == (422, "urn:chorally:problem:reauthorization-required")
    assert (await client.get(place)).headers["etag"] == '"1"'


async def test_disconnecting_stops_the_pull_forgets_the_secrets_and_may_be_repeated(
    app: Any, speak: Any, badge: Any, an_account: Any, service: Any, ledger: Any
) -> None:
    """The record stays with its history; doing it again changes nothing."""
    client = speak(app, badge())
    made = await client.post("/accounts", json=an_account)
    place = made.headers["location"]
    first = await client.delete(place)
    again = await client.delete(place)
    shown = (await client.get(place)).json()

    assert (first.status_code, again.status_code) == (204, 204)
    assert (shown["state"], shown["version"], shown["webhook_path"]) == ("disconnected", 2, None)
    assert service.pulling._tasks == {}
    assert (await ledger.documents.get(Account, shown["id"])).sealed == ""
    assert (await client.post(f"{place}/check")).status_code == 409
    assert (await client.patch(place, json={"settings": {"colour": "blue"}})).status_code == 409


async def test_a_disconnected_account_is_connected_again_with_new_credentials(
    app: Any, speak: Any, badge: Any, an_account: Any, service: Any
) -> None:
    """Its id stays, so its tickets go on."""
    client = speak(app, badge())
    made = await client.post("/accounts", json=an_account)
    await client.delete(made.headers["location"])
    answer = await client.patch(made.headers["location"], json={"credentials": an_account["credentials"]})

    assert (answer.status_code, answer.json()["state"]) == (200, "connected")
    assert made.json()["id"] in service.pulling._tasks


async def test_a_check_stores_what_follows(
    app: Any, speak: Any, badge: Any, an_account: Any, platform: Any, service: Any
) -> None:
    """A refused token needs a person; a missing permission degrades; all well connects again."""
    client = speak(app, badge())
    place = (await client.post("/accounts", json=an_account)).headers["location"]

    platform.fails = httpx.Response(401, json={})
    refused = await client.post(f"{place}/check")
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:chorally:problem:reauthorization-required")
    assert (await client.get(place)).json()["state"] == "reauthorization_required"
    assert service.pulling._tasks == {}

    platform.fails = None
    platform.walls["one"]["missing"] = ["write"]
    degraded = (await client.post(f"{place}/check")).json()
    assert (degraded["state"], degraded["reason"]) == ("degraded", "missing scopes: write")

    del platform.walls["one"]["missing"]
    assert (await client.post(f"{place}/check")).json()["state"] == "connected"


async def test_accounts_are_listed_by_page_and_state(
    app: Any, speak: Any, badge: Any, platform: Any, an_account: Any
) -> None:
    """Every account comes once, and a filter leaves out the others."""
    client = speak(app, badge())
    for name in ("one", "two", "three"):
        platform.walls[name] = {"id": name, "title": name}
        await client.post("/accounts", json=an_account | {"credentials": {"password": f"canary-6f1d-{name}"}})
    first = (await client.get("/accounts?limit=2")).json()
    rest = (await client.get(f"/accounts?limit=2&cursor={first['next']}")).json()
    await client.delete(f"/accounts/{first['items'][0]['id']}")

    found = [account["external_id"] for account in (*first["items"], *rest["items"])]
    assert (sorted(found), rest["next"]) == (["one", "three", "two"], None)
    assert len((await client.get("/accounts?state=disconnected")).json()["items"]) == 1
    assert len((await client.get("/accounts?state=connected&connector=wall")).json()["items"]) == 2
    assert (await client.get("/accounts?connector=other")).json()["items"] == []


async def test_where_webhooks_go_is_told_to_who_may_change_accounts(
    app: Any, speak: Any, badge: Any, an_account: Any, an_app: Any
) -> None:
    """An app's own URL is unguessable, and a viewer need not know it."""
    client = speak(app, badge())
    made_app = (await client.post("/apps", json=an_app)).json()
    made = await client.post("/accounts", json=an_account)

    assert made.json()["webhook_path"] == made_app["webhook_path"]
    seen = (await speak(app, badge("acme", "eve", "viewer")).get(made.headers["location"])).json()
    assert seen["webhook_path"] is None
