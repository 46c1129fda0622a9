"""Webhooks over the API: a secret that is seen once, changes that others are not overwritten by, what was told."""

from datetime import timedelta
from typing import Any

from chorally_core.ports.documents import Query
from chorally_core.ports.erasure import Erasure
from chorally_core.ports.outside import Answer
from chorally_core.ports.webhooks import Webhook
from chorally_core.services.log.model import LogEntry
from chorally_core.services.log.webhooks import commands
from chorally_core.services.log.webhooks.erasure import EraseWebhookAnswers
from chorally_core.services.log.webhooks.model import WebhookDelivery
from chorally_core.services.log.webhooks.signing import Secret, signed

from .conftest import As
from .receiver import Place

ONE = "https://one.example/in"
A_WEBHOOK = {"url": ONE, "events": ["ticket_*"], "description": "our own"}


async def added(caller: As, **more: Any) -> dict[str, Any]:
    """Return a webhook that was just added."""
    answer = await caller().post("/webhooks", json={**A_WEBHOOK, **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_secret_is_seen_once(alone: Place, caller: As) -> None:
    """Also by a repeat of the same request, and never in the store."""
    client, key = caller(), {"Idempotency-Key": "k1"}
    first = await client.post("/webhooks", json=A_WEBHOOK, headers=key)
    again = await client.post("/webhooks", json=A_WEBHOOK, headers=key)
    secret = first.json()["secret"]
    assert secret.startswith("whsec_")
    assert {**first.json(), "secret": None} == again.json()
    shown = await client.get(first.headers["location"].removeprefix("/log/v1"))
    assert (shown.status_code, "secret" in shown.json(), shown.headers["etag"]) == (200, False, '"1"')
    assert len((await client.get("/webhooks")).json()["items"]) == 1
    stored = b"".join(path.read_bytes() for path in alone.databases[0].path.parent.glob("documents.db*"))
    assert secret.encode() not in stored


async def test_what_is_told_is_verified_by_the_secret_that_was_shown(alone: Place, caller: As) -> None:
    """Deliveries show what became of it, with the beginning of the answer."""
    made = await added(caller)
    alone.net.says[ONE] = Answer(200, {}, b"thank you")
    await alone.happens("t1")
    await alone.round()
    (call,) = alone.net.calls
    listed = (await caller().get(f"/webhooks/{made['id']}/deliveries")).json()["items"]
    (delivery,) = listed
    assert (delivery["state"], delivery["what"], delivery["tries"][0]["excerpt"]) == (
        "delivered", "ticket_changed", "thank you",
    )  # fmt: skip
    expected = signed([Secret(made["secret"])], delivery["id"], alone.clock(), call.body)
    assert call.headers["webhook-signature"] == expected["webhook-signature"]
    shown = await caller().get(f"/webhooks/{made['id']}/deliveries/{delivery['id']}")
    assert shown.json() == delivery


async def test_deliveries_come_in_pages_and_by_state(alone: Place, caller: As) -> None:
    """The newest first."""
    made = await added(caller)
    await alone.happens(*(f"t{number}" for number in range(5)))
    await alone.round()
    alone.net.says[ONE] = 500
    await alone.happens("t5")
    await alone.round()
    place, seen, cursor = f"/webhooks/{made['id']}/deliveries", [], None
    while True:
        page = (await caller().get(place, params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        seen += [one["log_id"] for one in page["items"]]
        if not (cursor := page["next"]):
            break
    assert seen == [one.log_id for one in reversed(await alone.deliveries(made["id"]))]
    waiting = (await caller().get(place, params={"state": "waiting"})).json()["items"]
    assert [one["tries"][0]["status"] for one in waiting] == [500]


async def test_a_change_does_not_overwrite_another(caller: As) -> None:
    """Whoever has seen an older version is told so."""
    made = await added(caller)
    place, seen = f"/webhooks/{made['id']}", {"If-Match": '"1"'}
    changed = await caller().patch(place, json={"enabled": False}, headers=seen)
    assert (changed.json()["enabled"], changed.headers["etag"]) == (False, '"2"')
    assert (await caller().patch(place, json={"enabled": True}, headers=seen)).status_code == 412
    assert (await caller().delete(place, headers=seen)).status_code == 412
    assert (await caller().delete(place)).status_code == 204
    assert (await caller().get(place)).status_code == 404


async def test_urls_that_may_not_be_called_are_refused(caller: As) -> None:
    """With the field that is wrong, when added and when changed."""
    wrong = await caller().post("/webhooks", json={**A_WEBHOOK, "url": "http://one.example"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "/body/url")
    made = await added(caller)
    assert (await caller().patch(f"/webhooks/{made['id']}", json={"url": "ftp://x"})).status_code == 422
    assert (await caller().post("/webhooks", json={**A_WEBHOOK, "events": ["*x"]})).status_code == 422


async def test_a_ping_says_at_once_what_came_of_it(alone: Place, caller: As) -> None:
    """Also while it is disabled."""
    made = await added(caller, enabled=False)
    alone.net.says[ONE] = Answer(302, {"location": "https://elsewhere.example"}, b"")
    tried = (await caller().post(f"/webhooks/{made['id']}/ping")).json()
    assert tried["status"] == 302
    assert "redirects are not followed" in tried["error"]
    (call,) = alone.net.calls
    assert call.entry["what"] == "webhook_pinged"
    assert call.headers["webhook-signature"].startswith("v1,")


async def test_a_secret_is_rotated(alone: Place, caller: As) -> None:
    """Both sign until the overlap is over, and a third one ends the first."""
    made = await added(caller)
    place = f"/webhooks/{made['id']}/rotate"
    answer = await caller().post(place, json={"overlap_hours": 2})
    assert answer.json()["secret"].startswith("whsec_")
    await alone.happens("a")
    await alone.round()
    alone.clock.forward(hours=3)
    await alone.happens("b")
    await alone.round()
    assert [len(call.headers["webhook-signature"].split()) for call in alone.net.calls] == [2, 1]


async def test_a_delivery_and_a_span_are_told_again(alone: Place, caller: As) -> None:
    """A span one at a time."""
    await alone.happens("before")
    began = alone.clock()
    made = await added(caller)
    await alone.happens("a", "b")
    await alone.round()
    place = f"/webhooks/{made['id']}"
    (last, _) = (await caller().get(f"{place}/deliveries")).json()["items"]
    assert (await caller().post(f"{place}/deliveries/{last['id']}/replay")).status_code == 202
    alone.clock.forward(seconds=6)
    await alone.round()
    assert alone.net.told() == ["a", "b", "b"]

    wanted = {"since": began.isoformat()}
    replay = await caller().post(f"{place}/replays", json=wanted)
    assert (replay.status_code, replay.json()["done"]) == (202, False)
    assert (await caller().post(f"{place}/replays", json=wanted)).json()["type"].endswith("replay-under-way")
    alone.clock.forward(seconds=6)
    await alone.round()
    shown = await caller().get(replay.headers["location"].removeprefix("/log/v1"))
    assert (shown.json()["done"], shown.json()["count"]) == (True, 3)
    assert alone.net.told()[3:] == ["before", "a", "b"]
    late = await caller().post(f"{place}/replays", json={"since": "2030-01-01T00:00:00Z"})
    assert late.status_code == 422


async def test_another_tenants_webhook_is_not_there(alone: Place, caller: As) -> None:
    """Whatever is asked of it."""
    made = await added(caller)
    await alone.happens("a")
    await alone.round()
    (delivery,) = await alone.deliveries(made["id"])
    other, place = caller("other"), f"/webhooks/{made['id']}"
    asked = [
        ("GET", place, None), ("PATCH", place, {"enabled": False}), ("DELETE", place, None),
        ("POST", f"{place}/rotate", {}), ("POST", f"{place}/ping", None), ("GET", f"{place}/deliveries", None),
        ("GET", f"{place}/deliveries/{delivery.id}", None), ("POST", f"{place}/deliveries/{delivery.id}/replay", None),
        ("POST", f"{place}/replays", {"since": "2026-11-23T00:00:00Z"}), ("GET", f"{place}/replays/x", None),
    ]  # fmt: skip
    for method, path, body in asked:
        assert (await other.request(method, path, json=body)).status_code == 404, path
    assert (await other.get("/webhooks")).json()["items"] == []
    own = (await added(caller))["id"]
    assert (await caller().get(f"/webhooks/{own}/deliveries/{delivery.id}")).status_code == 404


async def test_permissions_are_asked_for(caller: As) -> None:
    """Readers read; agents see nothing of it."""
    made = await added(caller)
    reader, place = caller("acme", "webhooks:read"), f"/webhooks/{made['id']}"
    assert (await reader.get(place)).status_code == 200
    assert (await reader.post(f"{place}/ping")).status_code == 403
    assert (await caller("acme", "supervisor").get("/webhooks")).status_code == 403


async def test_a_tenant_has_no_more_than_a_few(caller: As) -> None:
    """Who needs more lets one take more events."""
    for _ in range(commands.MOST):
        await added(caller)
    assert (await caller().post("/webhooks", json=A_WEBHOOK)).json()["type"].endswith("too-many-webhooks")


async def test_every_change_is_told_without_what_a_url_may_hide(alone: Place, caller: As) -> None:
    """Facts name the host only."""
    made = await added(caller, url="https://one.example/in?key=canary")
    place = f"/webhooks/{made['id']}"
    await caller().patch(place, json={"enabled": False})
    await caller().post(f"{place}/rotate", json={})
    await caller().delete(place)
    consumer = alone.ledger.bus.consumer("test", ["logs"])
    events = [found.event for found in (await consumer.poll(100)).delivered]
    assert [event.data.kind for event in events] == [  # type: ignore[union-attr]
        "webhook_created", "webhook_changed", "webhook_secret_rotated", "webhook_removed",
    ]  # fmt: skip
    assert "canary" not in repr(events)
    assert events[0].data.snapshot["host"] == "one.example"  # type: ignore[union-attr]


async def test_an_erased_person_is_in_no_answer_of_a_receiver(alone: Place, caller: As) -> None:
    """Nor in what is sent from then on: that is read from the history."""
    await added(caller)
    alone.net.says[ONE] = Answer(500, {}, b"canary-ada")
    await alone.happens("a", author_id="ada", ticket_id="t1", snapshot={"body": "canary-ada"})
    await alone.happens("b", ticket_id="t1")
    await alone.round()
    alone.clock.forward(seconds=6)
    await alone.round()
    erasure = Erasure(
        id="ada", tenant="acme", platform="wall", since=alone.clock() - timedelta(days=1), at=alone.clock(),
        next_at=alone.clock(),
    )  # fmt: skip
    assert await EraseWebhookAnswers(alone.ledger).step(erasure, "") is None
    assert "canary" not in repr(await alone.documents.find(Query(WebhookDelivery, None)))
    assert await alone.documents.count(Query(LogEntry, None)) == 2
    assert await alone.documents.count(Query(Webhook, None)) == 1
