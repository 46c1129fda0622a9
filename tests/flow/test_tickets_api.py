"""Agents work on tickets through the API."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.api import Api, a_note, an_api


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system with one ticket of Ada's."""
    async with an_api(tmp_path) as api:
        await api.hook(a_note("n1", "ada", "Where is my parcel?"))
        yield api


async def _ticket(http: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await http.get("/message/v1/tickets")).json()["items"][0]
    return found


async def test_the_reply_flow_over_the_api(api: Api) -> None:
    """An answer is taken with 201, goes out, and comes back as sent with its external id."""
    http = api.agent("agent")
    ticket = await _ticket(http)
    answer = await http.post(f"/message/v1/tickets/{ticket['id']}/messages", json={"body": "On its way"})
    assert answer.status_code == 201
    assert answer.json()["status"] == "queued"
    await api.settle()

    message = (await http.get(answer.headers["Location"])).json()
    assert (message["status"], message["external_id"], message["sender_id"]) == ("sent", "a1", "operator")
    after = (await http.get(f"/message/v1/tickets/{ticket['id']}")).json()
    assert (after["status"], after["message_count"]) == ("waiting", 2)
    listed = (await http.get(f"/message/v1/tickets/{ticket['id']}/messages")).json()["items"]
    assert [m["direction"] for m in listed] == ["inbound", "outbound"]


async def test_the_same_key_answers_once(api: Api) -> None:
    """A repeated POST gives the same message; another text under the key is refused."""
    http = api.agent("agent")
    ticket = await _ticket(http)
    url = f"/message/v1/tickets/{ticket['id']}/messages"
    answers = [await http.post(url, json={"body": "hi"}, headers={"Idempotency-Key": "k1"}) for _ in range(3)]
    assert {a.json()["id"] for a in answers} == {answers[0].json()["id"]}
    assert [a.headers.get("Idempotent-Replayed") for a in answers] == [None, "true", "true"]
    other = await http.post(url, json={"body": "other"}, headers={"Idempotency-Key": "k1"})
    assert (other.status_code, other.headers["content-type"]) == (422, "application/problem+json")
    await api.settle()
    assert [a["text"] for a in api.platform.answers] == ["hi"]


async def test_a_note_is_seen_by_agents_and_by_no_platform(api: Api) -> None:
    """An internal message stays here and changes neither status nor who waits."""
    http = api.agent("agent")
    ticket = await _ticket(http)
    note = await http.post(
        f"/message/v1/tickets/{ticket['id']}/messages", json={"body": "call her", "visibility": "internal"}
    )
    assert note.json()["direction"] == "internal"
    await api.settle()
    assert api.platform.answers == []
    after = await _ticket(http)
    assert (after["status"], after["waiting_since"]) == ("open", ticket["waiting_since"])


async def test_a_ticket_is_assigned_tagged_and_found_by_it(api: Api) -> None:
    """What is changed can be asked for; every filter finds it or does not."""
    http = api.agent("agent")
    ticket = await _ticket(http)
    url = f"/message/v1/tickets/{ticket['id']}"
    change = {"assignee_id": "operator", "tags": ["vip", "parcel"], "priority": "high", "team_id": "t1"}
    changed = await http.patch(url, json=change, headers={"If-Match": (await http.get(url)).headers["ETag"]})
    assert changed.status_code == 200
    assert {k: changed.json()[k] for k in change} == change

    for query, count in (
        ("assignee=me", 1), ("assignee=none", 0), ("assignee=bob", 0), ("tag=vip", 1), ("tag=x", 0), ("status=open", 1),
        ("status=resolved", 0), ("channel=wall_note", 1), ("channel=x", 0), ("account=account-wall", 1),
        ("text=PARCEL", 1), ("text=nothing", 0), ("snoozed=false", 1), ("snoozed=true", 0),
    ):  # fmt: skip
        found = (await http.get(f"/message/v1/tickets?{query}")).json()["items"]
        assert len(found) == count, query


async def test_a_change_over_a_newer_version_is_refused(api: Api) -> None:
    """Of two agents who saw the same ticket, the second is told (412)."""
    http = api.agent("agent")
    url = f"/message/v1/tickets/{(await _ticket(http))['id']}"
    tag = (await http.get(url)).headers["ETag"]
    assert (await http.patch(url, json={"priority": "high"}, headers={"If-Match": tag})).status_code == 200
    second = await http.patch(url, json={"priority": "low"}, headers={"If-Match": tag})
    assert second.status_code == 412
    assert (await http.get(url)).json()["priority"] == "high"


async def test_resolving_lets_the_next_message_open_a_new_ticket(api: Api) -> None:
    """At most one is unresolved: reopening the old one is refused while the new one is open."""
    http = api.agent("agent")
    first = await _ticket(http)
    await http.patch(f"/message/v1/tickets/{first['id']}", json={"status": "resolved"})
    refused = await http.post(f"/message/v1/tickets/{first['id']}/messages", json={"body": "hi"})
    assert refused.status_code == 409
    await api.hook(a_note("n2", "ada", "again"))
    tickets = (await http.get("/message/v1/tickets?sort=created")).json()["items"]
    assert [(t["number"], t["status"]) for t in tickets] == [(1, "resolved"), (2, "open")]

    reopened = await http.patch(f"/message/v1/tickets/{first['id']}", json={"status": "open"})
    assert (reopened.status_code, reopened.json()["type"]) == (409, "urn:chorally:problem:conversation-has-a-ticket")
    await http.patch(f"/message/v1/tickets/{tickets[1]['id']}", json={"status": "resolved"})
    again = await http.patch(f"/message/v1/tickets/{first['id']}", json={"status": "open"})
    assert (again.json()["status"], again.json()["reopened_count"]) == ("open", 1)


async def test_a_snoozed_ticket_wakes_by_time_or_by_its_author(api: Api) -> None:
    """Snoozing hides a ticket until then, or until the author writes."""
    from chorally_core.services.message.waking import wake_due

    http = api.agent("agent")
    url = f"/message/v1/tickets/{(await _ticket(http))['id']}"
    past = await http.patch(url, json={"snoozed_until": "2020-01-01T00:00:00Z"})
    assert (past.status_code, past.json()["errors"][0]["field"]) == (422, "/body/snoozed_until")
    await http.patch(url, json={"snoozed_until": "2026-11-23T12:00:00Z"})
    assert (await http.get(url)).json()["snoozed_until"] is not None

    system = api.system
    assert await wake_due(system.ledger.documents, system.actions, system.now) == 0
    api.clock.forward(hours=4)
    assert await wake_due(system.ledger.documents, system.actions, system.now) == 1
    http = api.agent("agent")
    assert (await http.get(url)).json()["snoozed_until"] is None

    await http.patch(url, json={"snoozed_until": "2026-11-24T12:00:00Z"})
    await api.hook(a_note("n2", "ada", "hello?"))
    assert (await http.get(url)).json()["snoozed_until"] is None


async def test_agents_see_who_else_is_at_a_ticket(api: Api) -> None:
    """Who views or answers is shown to the others, until they leave."""
    ada, crm = api.agent("agent"), api.client("a-long-service-secret-1.acme", scheme="Token")
    url = f"/message/v1/tickets/{(await _ticket(ada))['id']}"
    assert (await ada.put(f"{url}/presence", json={"state": "answering"})).json() == []
    seen = (await crm.put(f"{url}/presence", json={"state": "viewing"})).json()
    assert [(p["agent_id"], p["state"]) for p in seen] == [("operator", "answering")]
    assert len((await crm.get(url)).json()["viewers"]) == 2
    await ada.put(f"{url}/presence", json={"state": "gone"})
    assert [p["agent_id"] for p in (await crm.get(url)).json()["viewers"]] == ["crm"]


async def test_unread_messages_are_counted_until_they_are_read(api: Api) -> None:
    """Two messages, two unread; reading sets it to none."""
    http = api.agent("agent")
    await api.hook(a_note("n2", "ada", "hello?"))
    ticket = await _ticket(http)
    assert ticket["unread_count"] == 2
    assert (await http.post(f"/message/v1/tickets/{ticket['id']}/read")).status_code == 204
    assert (await _ticket(http))["unread_count"] == 0


async def test_a_blocked_author_opens_no_ticket(api: Api) -> None:
    """What they write is kept and opens nothing, until they are unblocked."""
    http = api.agent("agent")
    ticket = await _ticket(http)
    url = f"/message/v1/tickets/{ticket['id']}"
    assert (await http.put(f"{url}/block", json={"reason": "spam"})).status_code == 204
    assert (await http.get(url)).json()["blocked"] is True
    await http.patch(url, json={"status": "resolved"})
    await api.hook(a_note("n2", "ada", "buy now"))
    assert len((await http.get("/message/v1/tickets")).json()["items"]) == 1

    assert (await http.delete(f"{url}/block")).status_code == 204
    await api.hook(a_note("n3", "ada", "sorry"))
    assert len((await http.get("/message/v1/tickets")).json()["items"]) == 2


async def test_pages_of_tickets_follow_each_other(api: Api) -> None:
    """Page by page every ticket comes once; a cursor of another order is refused."""
    http = api.agent("agent")
    await api.hook(*[a_note(f"m{i}", f"person{i}", "hi") for i in range(6)])
    found: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        asked: dict[str, Any] = {"limit": 2, "sort": "created"} | ({"cursor": cursor} if cursor else {})
        page = (await http.get("/message/v1/tickets", params=asked)).json()
        found += [t["number"] for t in page["items"]]
        cursor = page["next"]
        if cursor:
            wrong = await http.get("/message/v1/tickets", params={"sort": "-created", "cursor": cursor})
            assert wrong.status_code == 400
    assert found == [1, 2, 3, 4, 5, 6, 7]


async def test_another_tenant_sees_nothing(api: Api) -> None:
    """Ids of another tenant do not exist (G7)."""
    ticket = await _ticket(api.agent())
    other = api.agent(tenant="other")
    assert (await other.get("/message/v1/tickets")).json()["items"] == []
    for method, path, body in (
        ("GET", "", None), ("PATCH", "", {"priority": "low"}), ("POST", "/read", None), ("GET", "/messages", None),
        ("POST", "/messages", {"body": "hi"}), ("PUT", "/presence", {"state": "viewing"}), ("PUT", "/block", {}),
        ("DELETE", "/block", None),
    ):  # fmt: skip
        answer = await other.request(method, f"/message/v1/tickets/{ticket['id']}{path}", json=body)
        assert answer.status_code == 404, (method, path)


@pytest.mark.parametrize(
    ("method", "body", "status"),
    [
        ("PATCH", {"status": "closed"}, 422),
        ("PATCH", {"number": 7}, 422),
        ("PATCH", {"tags": [""]}, 422),
        ("PATCH", "{not json", 422),
        ("POST", {"body": ""}, 422),
        ("POST", {"body": "x" * 201}, 422),
        ("POST", {"body": "hi", "in_reply_to": "unknown"}, 409),
        ("POST", {"body": "x" * 2_000_000}, 413),
    ],
)
async def test_bad_input_gets_a_problem_that_says_what_to_do(api: Api, method: str, body: Any, status: int) -> None:
    """No mistake of a caller is a 500, and each is explained."""
    http = api.agent("agent")
    url = f"/message/v1/tickets/{(await _ticket(http))['id']}"
    options: dict[str, Any] = {"content": body} if isinstance(body, str) else {"json": body}
    answer = await http.request(
        method, url if method == "PATCH" else f"{url}/messages", headers={"Content-Type": "application/json"}, **options
    )
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


async def test_a_viewer_may_look_and_not_write(api: Api) -> None:
    """The role decides: a viewer's answer is refused with the permission that is missing."""
    http = api.agent("viewer")
    ticket = await _ticket(http)
    refused = await http.post(f"/message/v1/tickets/{ticket['id']}/messages", json={"body": "hi"})
    assert refused.status_code == 403
    assert "tickets:write" in refused.json()["detail"]
