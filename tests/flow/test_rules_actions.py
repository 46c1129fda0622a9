"""Actions of rules as they are set up through the API, and what becomes of them: seen, recorded, explained."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.ports.documents import Query
from chorally_core.services.rule_engine.later.model import Deferred
from chorally_core.services.rule_engine.model import Execution
from pydantic import BaseModel

import chorally_sdk as sdk
from chorally_sdk.rule_plugins import Broken, RuleActions
from chorally_sdk.rules import Happened, RuleAction
from docs.examples.greeter import chorally_greeter
from tests.support.api import Api, a_note, an_api
from tests.support.wall import Wall

RULES = "/rule-engine/v1/rules"
(_channel,) = Wall.manifest.channels
_limits = _channel.actions["reply"].model_copy(update={"options": {"private": "True answers in private."}})


class Discreet(Wall):
    """A wall that can be answered in private."""

    manifest = Wall.manifest.model_copy(
        update={"channels": (_channel.model_copy(update={"actions": {"reply": _limits}}),)}
    )

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Answer, and tell the wall whether in private."""
        body = {"note": message.in_reply_to, "text": message.body, "private": message.options.get("private", False)}
        return sdk.Receipt(external_id=(await self.http.post("/answers", json=body)).json()["id"])


class Nothing(BaseModel):
    """Takes nothing."""


def _fails(parameters: Nothing, happened: Happened) -> Any:
    raise RuntimeError("out of ideas")


def _odd(parameters: Nothing, happened: Happened) -> Any:
    return [{"type": "dance"}]


def _calls(parameters: Nothing, happened: Happened) -> Any:
    return [{"type": "call_webhook", "webhook_id": "one-of-the-plugins"}]


ODD = [
    RuleAction(type=f"odd.{name}", title=name, description=name, parameters=Nothing, ask=ask)
    for name, ask in (("fails", _fails), ("odd", _odd), ("calls", _calls))
]
ADDED = RuleActions(
    {action.type: action for action in [*chorally_greeter.chorally_rule_actions(), *ODD]},
    [Broken("bad", "chorally-bad", "ImportError: no")],
)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system with a wall that can be answered in private, and with plugins."""
    async with an_api(tmp_path, connector=Discreet, rule_actions=ADDED) as api:
        yield api


async def add(http: httpx.AsyncClient, *actions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Add a rule."""
    answer = await http.post(RULES, json={"name": "Rule", "actions": list(actions), **more})
    assert answer.status_code == 201, answer.text
    rule: dict[str, Any] = answer.json()
    return rule


async def outcomes(http: httpx.AsyncClient) -> list[tuple[str, str, str]]:
    """Return what became of the actions of the last execution."""
    (execution, *_) = (await http.get("/rule-engine/v1/executions")).json()["items"]
    return [(o["action"], o["result"], o["detail"]) for o in execution["outcomes"]]


async def test_a_private_answer_goes_out_in_private(api: Api) -> None:
    """Where the channel has that; it takes the message's one automatic answer."""
    await add(api.agent(), {"type": "private_reply", "text": "psst {{author.name}}"}, {"type": "reply", "text": "no"})
    await api.hook(a_note("n1", "ada"))

    assert [(a["text"], a["private"]) for a in api.platform.answers] == [("psst Ada", True)]
    assert [result for _, result, _ in await outcomes(api.agent())] == ["asked", "skipped"]


async def test_a_private_answer_where_there_is_none_is_recorded_as_failed(tmp_path: Path) -> None:
    """With why; nothing goes out in public instead."""
    async with an_api(tmp_path) as api:
        await add(api.agent(), {"type": "private_reply", "text": "psst"})
        await api.hook(a_note("n1", "ada"))

        assert api.platform.answers == []
        ((action, result, detail),) = await outcomes(api.agent())
        assert (action, result) == ("private_reply", "failed")
        assert "takes no answer in private" in detail


async def test_a_canned_reply_is_sent_in_the_nearest_language(api: Api) -> None:
    """As it is then; one that is not there is refused, and one that has gone is recorded."""
    http = api.agent()
    canned = {"name": "Thanks", "shortcut": "thanks", "language": "en", "audience": "shared",
              "texts": {"en": "Thank you {{author.name|dear}}", "it": "Grazie {{author.name}}"}}  # fmt: skip
    made = await http.post("/metadata/v1/canned-replies", json=canned)
    assert made.status_code == 201, made.text
    url = f"/metadata/v1/canned-replies/{made.json()['id']}"
    await add(http, {"type": "canned_reply", "canned_id": made.json()["id"]})
    await api.hook(a_note("n1", "ada"))
    await http.patch(url, json={"texts": {"en": "Thanks a lot"}})
    await api.hook(a_note("n2", "bob"))
    assert [answer["text"] for answer in api.platform.answers] == ["Thank you Ada", "Thanks a lot"]

    await http.delete(url)
    await api.hook(a_note("n3", "eve"))
    assert await outcomes(http) == [("canned_reply", "failed", "the canned reply is not there any more")]
    refused = await http.post(RULES, json={"name": "x", "actions": [{"type": "canned_reply", "canned_id": "gone"}]})
    assert refused.json()["errors"] == [
        {"field": "/body/actions/0/canned_reply/canned_id", "message": "there is no such canned reply"}
    ]


async def test_a_conversation_is_handed_to_a_bot_and_people_are_notified(api: Api) -> None:
    """Both are facts that whoever follows the history gets; no rule answers what a bot has."""
    http = api.agent()
    await add(
        http, {"type": "hand_to_bot", "bot_id": "b1"}, {"type": "reply", "text": "no"},
        {"type": "notify", "users": ["u1"], "teams": ["t1"], "text": "#{{ticket.number}} needs you"},
    )  # fmt: skip
    await api.hook(a_note("n1", "ada"))

    assert [result for _, result, _ in await outcomes(http)] == ["asked", "skipped", "asked"]
    told = (await http.get("/log/v1/logs?what=handed_to_bot&what=notification_wanted")).json()["items"]
    by_kind = {entry["what"]: entry["snapshot"] for entry in told}
    assert by_kind["handed_to_bot"]["bot"] == "b1"
    assert by_kind["notification_wanted"] == {"users": ["u1"], "teams": ["t1"], "text": "#1 needs you"}
    assert api.platform.answers == []


async def test_a_plugin_adds_an_action(api: Api) -> None:
    """What it asks for is done, each part bounded and recorded; what it takes is checked by its place."""
    http = api.agent()
    await add(http, {"type": "greeter.hint", "parameters": {"tag": "hi"}})
    await api.hook(a_note("n1", "ada"))

    (ticket,) = (await http.get("/message/v1/tickets")).json()["items"]
    assert ticket["tags"] == ["hi"]
    said = (await http.get(f"/message/v1/tickets/{ticket['id']}/messages")).json()["items"]
    assert [m["body"] for m in said if m["direction"] == "internal"] == ["Greet with: Hello, Ada"]
    assert await outcomes(http) == [("greeter.hint", "asked", "note asked; add_tags asked")]

    for action, field in (
        ({"type": "greeter.hint", "parameters": {"tag": 1}}, "/body/actions/0/parameters/tag"),
        ({"type": "nobody.does"}, "/body/actions/0/type"),
    ):
        refused = await http.post(RULES, json={"name": "x", "actions": [action]})
        assert [error["field"] for error in refused.json()["errors"]] == [field], refused.text


async def test_a_plugin_that_fails_leaves_the_others(api: Api) -> None:
    """Its failure is recorded with the reason, and the schema lists packages that cannot be used."""
    http = api.agent()
    tag = {"type": "add_tags", "tags": ["x"]}
    await add(http, {"type": "odd.fails", "parameters": {}}, {"type": "odd.odd", "parameters": {}}, tag)
    await api.hook(a_note("n1", "ada"))

    first, second, third = await outcomes(http)
    assert first == ("odd.fails", "failed", "RuntimeError: out of ideas")
    assert (second[1], "asks for what there is not" in second[2], third[1]) == ("failed", True, "asked")
    schema = (await http.get("/rule-engine/v1/schema")).json()
    offered = {action["type"]: action for action in schema["actions"]}
    assert offered["greeter.hint"]["plugged"]
    assert offered["greeter.hint"]["parameters"]["properties"]["tag"]["title"] == "Tag"
    assert schema["broken"] == [{"name": "bad", "package": "chorally-bad", "reason": "ImportError: no"}]


async def test_a_plugin_has_a_webhook_called_that_no_rule_names(api: Api) -> None:
    """Which one, only the plugin knows; the history has the call."""
    http = api.agent()
    await add(http, {"type": "odd.calls", "parameters": {}})
    await api.hook(a_note("n1", "ada"))
    ((action, result, detail),) = await outcomes(http)
    assert (action, result) == ("odd.calls", "asked")
    assert detail.startswith("call_webhook asked: webhook one-of-the-plugins, delivery ")
    (called,) = (await http.get("/log/v1/logs", params={"what": "webhook_called"})).json()["items"]
    assert called["subject_id"] == "one-of-the-plugins"


async def test_a_traced_rule_says_why_it_did_not_fire(api: Api) -> None:
    """For at most a day, and kept no longer; at most ten rules at a time."""
    http = api.agent()
    until = api.clock() + timedelta(hours=2)
    no = {"field": "message.text", "op": "eq", "value": "no"}
    rule = await add(http, {"type": "stop"}, conditions=no, trace_until=until.isoformat())
    await api.hook(a_note("n1", "ada", "yes"))
    await api.hook(a_note("n2", "ada", "no"))

    why = (await http.get("/rule-engine/v1/executions?fired=false")).json()["items"]
    assert [(each["rule_id"], each["conditions"]["met"], each["outcomes"]) for each in why] == [(rule["id"], "yes", [])]
    assert len((await http.get("/rule-engine/v1/executions?fired=true")).json()["items"]) == 1

    other = await add(http, {"type": "stop"}, conditions=no, trace_until=until.isoformat())
    await http.patch(f"{RULES}/{other['id']}", json={"trace_until": None})
    api.clock.forward(hours=3)
    http, until = api.agent(), until + timedelta(hours=3)
    await api.hook(a_note("n3", "ada", "yes"))
    assert len((await http.get("/rule-engine/v1/executions?fired=false")).json()["items"]) == 1
    late = {"name": "x", "actions": [{"type": "stop"}], "trace_until": (until + timedelta(days=2)).isoformat()}
    assert (await http.post(RULES, json=late)).json()["errors"][0]["field"] == "/body/trace_until"
    for _ in range(10):
        await add(http, {"type": "stop"}, trace_until=until.isoformat())
    one_more = {"name": "x", "actions": [{"type": "stop"}], "trace_until": until.isoformat()}
    assert (await http.post(RULES, json=one_more)).json()["type"].endswith("too-many-traces")

    api.clock.forward(days=1, hours=1)
    await api.system.upkeep.due()
    kept: list[Execution] = await api.system.ledger.documents.find(Query(Execution, None))
    assert {each.fired for each in kept} == {None}


async def test_rules_on_time_are_made_tried_and_fire(api: Api) -> None:
    """The span is checked by its place; a dry run counts what time would have brought; the round brings it."""
    http = api.agent()
    rule = {"name": "Idle", "events": ["ticket_idle"], "actions": [{"type": "add_tags", "tags": ["idle"]}]}
    for more, says in (
        ({}, "say after how long"), ({"after": "PT1S"}, "from a minute"),
        ({"events": ["message_received"], "after": "PT1H"}, "leave it out"),
    ):  # fmt: skip
        refused = await http.post(RULES, json={**rule, **more})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "/body/after")
        assert says in refused.json()["errors"][0]["message"]

    await api.hook(a_note("n1", "ada"), a_note("n2", "bob"))
    api.clock.forward(hours=2)
    http = api.agent()
    await api.hook(a_note("n3", "bob"))
    draft = (await http.post(f"{RULES}/dry-run", json={"rule": {**rule, "after": "PT1H"}})).json()
    assert (draft["judged"], draft["matched"], draft["actions"]) == (2, 2, {"add_tags": 2})

    made = await http.post(RULES, json={**rule, "after": "PT1H"})
    assert made.json()["after"] == "PT1H"
    await api.system.upkeep.due()
    api.clock.forward(minutes=61)
    http = api.agent()
    await api.system.upkeep.due()
    await api.settle()
    tickets = (await http.get("/message/v1/tickets")).json()["items"]
    assert {ticket["author_name"]: ticket["tags"] for ticket in tickets} == {"Ada": [], "Bob": ["idle"]}

    gone = await http.delete(f"{RULES}/{made.json()['id']}")
    assert gone.status_code == 204
    await api.system.upkeep.due()
    assert await api.system.ledger.documents.find(Query(Deferred, None)) == []


async def test_what_rules_wait_for_forgets_who_was_erased(api: Api) -> None:
    """The ticket is waited for all the same; what it says of the person is gone (G13)."""
    http = api.agent()
    await add(http, {"type": "stop"}, events=["ticket_idle"], after="PT1H")
    await api.hook(a_note("n1", "ada", "a secret of Ada"))
    (ada,) = (await http.get("/author/v1/authors")).json()["items"]
    (before,) = await api.system.ledger.documents.find(Query(Deferred, None))
    assert "secret" in str(before.ticket)
    await http.post(f"/author/v1/authors/{ada['id']}/erase")
    await api.settle()
    await api.system.upkeep.due()

    left = await api.system.ledger.documents.find(Query(Deferred, None))
    assert "secret" not in str(left)


async def test_the_users_of_a_team_take_turns(api: Api) -> None:
    """Those who were there before the tenant's first rule are learned, who comes later is told."""
    http = api.agent()
    team = (await http.post("/identity/v1/teams", json={"name": "Support"})).json()["id"]

    async def user(name: str) -> str:
        made = await http.post("/identity/v1/users", json={
            "email": f"{name}@acme.example", "name": name, "password": "a long enough password", "roles": ["agent"],
            "team_ids": [team],
        })  # fmt: skip
        assert made.status_code == 201, made.text
        found: str = made.json()["id"]
        return found

    early = await user("ann")
    await api.settle()
    await add(http, {"type": "share", "how": "round_robin", "team_id": team})
    await api.system.upkeep.due()
    late = await user("bob")
    await api.settle()
    await api.hook(a_note("n1", "ada"), a_note("n2", "bo"), a_note("n3", "cy"))

    tickets = (await http.get("/message/v1/tickets")).json()["items"]
    got = [ticket["assignee_id"] for ticket in tickets]
    assert (set(got), sorted(got.count(each) for each in (early, late))) == ({early, late}, [1, 2])
    assert {ticket["team_id"] for ticket in tickets} == {team}
