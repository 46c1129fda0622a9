"""Rules are written through the API, act on what comes in, and say why."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.architecture.checkout import ROOT
from tests.support.api import Api, a_note, an_api

RULES = "/rule-engine/v1/rules"
REFUND: dict[str, Any] = {
    "name": "Refunds",
    "conditions": {
        "all": [
            {"field": "message.text", "op": "words", "value": ["refund"]},
            {"none": [{"field": "ticket.tags", "op": "has", "value": "refund"}]},
        ]
    },
    "actions": [
        {"type": "reply", "text": "Hello {{author.name|there}}, we look into it."},
        {"type": "add_tags", "tags": ["refund"]},
        {"type": "assign", "agent_id": "bob"},
    ],
}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system without tickets."""
    async with an_api(tmp_path) as api:
        yield api


async def added(http: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    """Add the rule, with some of it changed."""
    answer = await http.post(RULES, json={**REFUND, **changes})
    assert answer.status_code == 201, answer.text
    rule: dict[str, Any] = answer.json()
    return rule


async def test_a_message_gets_one_reply_and_a_tagged_assigned_ticket(api: Api) -> None:
    """The reply stands on the platform, the ticket is as the rule wants it, and the execution says why."""
    http = api.agent("supervisor")
    rule = await added(http)
    await api.hook(a_note("n1", "ada", "I want a REFUND"))
    await api.hook(a_note("n1", "ada", "I want a REFUND"))

    assert [answer["text"] for answer in api.platform.answers] == ["Hello Ada, we look into it."]
    (ticket,) = (await http.get("/message/v1/tickets")).json()["items"]
    assert (ticket["tags"], ticket["assignee_id"], ticket["status"]) == (["refund"], "bob", "open")
    said = (await http.get(f"/message/v1/tickets/{ticket['id']}/messages")).json()["items"]
    assert [(m["direction"], m["status"], m["automatic"]) for m in said] == [
        ("inbound", "received", False),
        ("outbound", "sent", True),
    ]
    (execution,) = (await http.get(f"/rule-engine/v1/executions?rule_id={rule['id']}")).json()["items"]
    text, tags = execution["conditions"]["all"]
    assert (text["met"], text["holds"]) == ("i want a refund", True)
    assert tags == {
        "none": [{"field": "ticket.tags", "op": "has", "value": "refund", "met": [], "holds": False}],
        "holds": True,
    }
    assert [(o["action"], o["result"]) for o in execution["outcomes"]] == [
        ("reply", "asked"), ("add_tags", "asked"), ("assign", "asked"),
    ]  # fmt: skip
    assert (await http.get(f"/rule-engine/v1/executions/{execution['id']}")).json() == execution
    told = (await http.get(f"/log/v1/logs?ticket_id={ticket['id']}&what=ticket_changed")).json()["items"]
    assert [(entry["actor_kind"], entry["actor_id"], entry["depth"]) for entry in told] == [("rule", rule["id"], 1)]


async def test_a_rule_is_read_changed_ordered_and_removed(api: Api) -> None:
    """Each change makes a version; an older one is refused; the history tells."""
    http = api.agent("supervisor")
    first, second = await added(http), await added(http, name="Second")
    url = f"{RULES}/{first['id']}"
    tag = (await http.get(url)).headers["ETag"]
    changed = await http.patch(url, json={"enabled": False}, headers={"If-Match": tag})
    assert (changed.status_code, changed.json()["version"], changed.json()["enabled"]) == (200, 2, False)
    assert changed.headers["ETag"] == '"2"'
    assert (await http.patch(url, json={"name": "x"}, headers={"If-Match": tag})).status_code == 412
    assert (await http.patch(url, json={"enabled": False})).json()["version"] == 2

    assert (await http.put(f"{RULES}/order", json={"rule_ids": [second["id"]]})).status_code == 422
    await http.put(f"{RULES}/order", json={"rule_ids": [second["id"], first["id"]]})
    page = (await http.get(f"{RULES}?limit=1")).json()
    assert [(rule["name"], rule["order"]) for rule in page["items"]] == [("Second", 1)]
    rest = (await http.get(f"{RULES}?limit=1&cursor={page['next']}")).json()
    assert ([rule["name"] for rule in rest["items"]], rest["next"]) == (["Refunds"], None)

    assert (await http.delete(f"{RULES}/{second['id']}")).status_code == 204
    assert (await http.get(f"{RULES}/{second['id']}")).status_code == 404
    await api.settle()
    told = (await api.agent().get("/log/v1/logs?what=rule_added&what=rule_changed&what=rule_removed")).json()["items"]
    assert sorted(entry["what"] for entry in told) == ["rule_added", "rule_added", "rule_changed", "rule_removed"]


async def test_a_disabled_rule_does_nothing_and_an_enabled_one_does_at_once(api: Api) -> None:
    """What changes counts from the next message on."""
    http = api.agent("supervisor")
    rule = await added(http, enabled=False)
    await api.hook(a_note("n1", "ada", "refund"))
    assert api.platform.answers == []

    await http.patch(f"{RULES}/{rule['id']}", json={"enabled": True})
    await api.hook(a_note("n2", "ada", "refund please"))
    assert [answer["note"] for answer in api.platform.answers] == ["n2"]

    await http.delete(f"{RULES}/{rule['id']}")
    await api.hook(a_note("n3", "bob", "refund"))
    assert len(api.platform.answers) == 1


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"conditions": {"field": "mesage.text", "op": "empty"}}, "/body/conditions/field", "did you mean"),
        (
            {"conditions": {"all": [{"any": [{"field": "ticket.status", "op": "eq", "value": "closed"}]}]}},
            "/body/conditions/all/0/any/0/value",
            "one of open, waiting, resolved",
        ),
        ({"conditions": {"all": [{"field": "message.text"}]}}, "/body/conditions/all/0/op", "required"),
        ({"conditions": {"all": [{"x": 1}]}}, "/body/conditions/all/0/field", "required"),
        ({"conditions": {"field": "time.hour@Nowhere", "op": "gt", "value": 1}}, "/body/conditions/field", "time zone"),
        ({"actions": [{"type": "reply", "text": "{{author.age}}"}]}, "/body/actions/0/reply/text", "no variable"),
        ({"actions": [{"type": "snooze", "span": "PT1S"}]}, "/body/actions/0/snooze/span", "from a minute"),
        ({"actions": [{"type": "dance"}]}, "/body/actions/0", "dance"),
        ({"actions": []}, "/body/actions", "at least 1"),
        ({"conditions": {"field": "time.hour@localtime", "op": "gt", "value": 1}}, "/body/conditions/field", "zone"),
        (
            {"conditions": {"field": "message.text", "op": "regex", "value": "("}},
            "/body/conditions/value",
            "cannot be used: missing ): (",
        ),
        (
            {"actions": [{"type": "emit_event", "name": "x", "data": {"a": "x" * 16_384}}]},
            "/body/actions/0/emit_event/data",
            "at most 16,384 bytes",
        ),
        ({"events": ["ticket_opened"]}, "/body/events/0", "message_received"),
    ],
)
async def test_what_cannot_be_used_is_refused_by_the_name_of_its_place(
    api: Api, changes: dict[str, Any], field: str, says: str
) -> None:
    """A rule is stored only if it can be judged and carried out."""
    refused = await api.agent("supervisor").post(RULES, json={**REFUND, **changes})

    assert refused.status_code == 422, refused.text
    (error,) = [each for each in refused.json()["errors"] if each["field"] == field] or [refused.json()]
    assert says in error["message"], refused.text
    assert (await api.agent("supervisor").get(RULES)).json()["items"] == []


async def test_a_rule_is_tried_on_what_happened_without_doing_anything(api: Api) -> None:
    """A stored rule and a draft tell how often they would have fired, and on what."""
    http = api.agent("supervisor")
    await api.hook(a_note("n1", "ada", "refund"), a_note("n2", "bob", "hello"), a_note("n3", "eve", "a refund"))
    rule = await added(http)
    run = (await http.post(f"{RULES}/{rule['id']}/dry-run", json={})).json()
    assert (run["judged"], run["matched"]) == (3, 2)
    assert run["actions"] == {"reply": 2, "add_tags": 2, "assign": 2}
    assert sorted(match["text"] for match in run["matches"]) == ["a refund", "refund"]

    draft = {**REFUND, "conditions": {"field": "author.name", "op": "eq", "value": "Bob"}}
    run = (await http.post(f"{RULES}/dry-run", json={"rule": draft, "events": 2, "shown": 0})).json()
    assert (run["judged"], run["matched"], run["matches"]) == (2, 1, [])
    wrong = await http.post(f"{RULES}/dry-run", json={"rule": {**REFUND, "conditions": {"field": "x", "op": "y"}}})
    assert wrong.json()["errors"][0]["field"] == "/body/rule/conditions/field"
    await api.settle()
    assert api.platform.answers == []
    assert (await http.get("/rule-engine/v1/executions")).json()["items"] == []


async def test_the_schema_tells_what_rules_are_made_of(api: Api) -> None:
    """Fields with their types, the operators of each type, and actions with parameters; all have titles."""
    schema = (await api.agent("supervisor").get("/rule-engine/v1/schema")).json()

    fields = {field["name"]: field for field in schema["fields"]}
    assert fields["ticket.priority"]["values"] == ["low", "normal", "high", "urgent"]
    operators = {operator["name"]: operator for operator in schema["operators"]}
    assert "text" in operators["words"]["types"]
    actions = {action["type"]: action["parameters"]["properties"] for action in schema["actions"]}
    assert actions["reply"]["text"]["title"] == "Text"
    assert all(each["title"] for each in [*fields.values(), *operators.values()])


async def test_rules_are_their_tenants_and_agents_do_not_change_them(api: Api) -> None:
    """Another tenant sees nothing; who lacks the permission is refused (G7, G8)."""
    rule = await added(api.agent("supervisor"))
    await api.hook(a_note("n1", "ada", "refund"))
    (execution,) = (await api.agent("admin").get("/rule-engine/v1/executions")).json()["items"]
    other = api.agent("admin", "other")
    assert (await other.get(RULES)).json()["items"] == []
    for answer in (
        await other.get(f"{RULES}/{rule['id']}"),
        await other.patch(f"{RULES}/{rule['id']}", json={"name": "x"}),
        await other.delete(f"{RULES}/{rule['id']}"),
        await other.post(f"{RULES}/{rule['id']}/dry-run", json={}),
        await other.get(f"/rule-engine/v1/executions/{execution['id']}"),
    ):
        assert answer.status_code == 404
    assert (await other.get("/rule-engine/v1/executions")).json()["items"] == []
    assert (await api.agent("agent").post(RULES, json=REFUND)).status_code == 403
    assert (await api.agent("agent").get(RULES)).status_code == 403


async def test_a_repeated_request_adds_one_rule(api: Api) -> None:
    """The same key gives the same rule."""
    http = api.agent("supervisor")
    answers = [await http.post(RULES, json=REFUND, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert len((await http.get(RULES)).json()["items"]) == 1


async def test_the_rule_of_the_guide_can_be_used(api: Api) -> None:
    """What the page shows is taken as it is."""
    rule = json.loads((ROOT / "docs/examples/rules/refund.json").read_text("utf-8"))
    made = await api.agent("supervisor").post(RULES, json=rule)
    assert made.status_code == 201, made.text
    await api.hook(a_note("n1", "ada", "Voglio un rimborso"))
    assert api.platform.answers == [], "it is Monday, ten o'clock in Rome"


async def test_the_rule_on_time_of_the_guide_can_be_used(api: Api) -> None:
    """What the page shows is taken as it is."""
    rule = json.loads((ROOT / "docs/examples/rules/idle.json").read_text("utf-8"))
    made = await api.agent("supervisor").post(RULES, json=rule)
    assert made.status_code == 201, made.text
    assert made.json()["after"] == "P1D"


async def test_a_rule_that_names_what_is_gone_is_stopped_and_renamed_but_not_begun(tmp_path: Path) -> None:
    """What it names counts when it begins to be judged, or when conditions or actions change."""
    async with an_api(tmp_path, private_networks=["127.0.0.0/8"]) as api:
        http = api.agent()
        hook = (await http.post("/log/v1/webhooks", json={"url": "https://127.0.0.1:8443/x", "events": []})).json()
        call = {"type": "call_webhook", "webhook_id": hook["id"]}
        rule = await added(http, actions=[call])
        assert (await http.delete(f"/log/v1/webhooks/{hook['id']}")).status_code == 204
        url = f"{RULES}/{rule['id']}"
        for change in ({"name": "Calls"}, {"enabled": False}, {"trace_until": None, "stop": True}):
            answer = await http.patch(url, json=change)
            assert (answer.status_code, {**answer.json(), **change}) == (200, answer.json()), answer.text
        begun = await http.patch(url, json={"enabled": True})
        assert begun.json()["errors"][0]["field"] == "/body/actions/0/call_webhook/webhook_id"
        changed = await http.patch(url, json={"actions": [call, {"type": "stop"}]})
        assert changed.status_code == 422
        untimed = await http.patch(url, json={"after": "PT4H"})
        assert untimed.json()["errors"][0]["field"] == "/body/after"
        mended = await http.patch(url, json={"enabled": True, "actions": [{"type": "stop"}]})
        assert mended.status_code == 200


async def test_a_calendar_that_a_rule_looks_at_stays(api: Api) -> None:
    """Also where the rule is disabled, or looks at it deep in its conditions; another tenant's rules do not count."""
    http = api.agent("supervisor")
    calendar = (await http.post("/rule/v1/calendars", json={"name": "Never", "time_zone": "Europe/Rome"})).json()["id"]
    looks = {"all": [{"none": [{"field": f"calendar.open@{calendar}", "op": "is", "value": True}]}]}
    rule = await added(http, name="At night", enabled=False, conditions=looks)
    place = f"/rule/v1/calendars/{calendar}"
    refused = await http.delete(place)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:chorally:problem:calendar-in-use")
    assert refused.json()["detail"].endswith("change or remove them first: At night")
    await http.patch(f"{RULES}/{rule['id']}", json={"conditions": {"all": []}})
    assert (await http.delete(place)).status_code == 204
