"""Who changed what, from what to what: every administrative change is told, and never a secret."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from chorally_core.events import LogAdd
from chorally_core.ports.audit import HIDDEN, audited

from tests.support.api import Api, an_api

AUDIT = "/log/v1/audit"
OPEN = {"mon": [{"opens": "09:00", "closes": "18:00"}]}
CALENDAR = {"name": "one", "time_zone": "Europe/Rome", "weekly": OPEN}
REPLY = {"name": "one", "condition": "always", "language": "en", "texts": {"en": "hello"}}
CANARY = "canary-of-the-audit"


class Kind(NamedTuple):
    """Something that administrators add, change and remove."""

    name: str
    path: str
    body: dict[str, Any]
    change: dict[str, Any]
    was: dict[str, Any]
    changes: dict[str, Any]
    added: str
    changed: str
    removed: str = ""


KINDS = (
    Kind("user", "/identity/v1/users",
         {"email": "bob@acme.example", "name": "Bob", "password": f"{CANARY}-1", "roles": ["agent"]},
         {"roles": ["supervisor"], "password": f"{CANARY}-2"},
         {"roles": ["agent"], "password": HIDDEN}, {"roles": ["supervisor"], "password": HIDDEN},
         "user_created", "user_changed"),
    Kind("team", "/identity/v1/teams", {"name": "one"}, {"name": "two"}, {"name": "one"}, {"name": "two"},
         "team_created", "team_changed", "team_deleted"),
    Kind("app", "/io/v1/apps", {"connector": "wall", "name": "one", "settings": {"secret": f"{CANARY}-3"}},
         {"name": "two", "settings": {"secret": f"{CANARY}-4"}},
         {"name": "one", "settings.secret": HIDDEN}, {"name": "two", "settings.secret": HIDDEN},
         "app_added", "app_changed", "app_removed"),
    Kind("account", "/io/v1/accounts",
         {"connector": "wall", "name": "one", "credentials": {"access_token": f"{CANARY}-5"}},
         {"name": "two"}, {"name": "one"}, {"name": "two"}, "account_connected", "account_changed",
         "account_disconnected"),
    Kind("rule", "/rule-engine/v1/rules",
         {"name": "one", "conditions": {"all": []}, "actions": [{"type": "add_tags", "tags": ["x"]}]},
         {"enabled": False}, {"enabled": True}, {"enabled": False}, "rule_added", "rule_changed", "rule_removed"),
    Kind("calendar", "/rule/v1/calendars", CALENDAR, {"name": "two"}, {"name": "one"}, {"name": "two"},
         "calendar_added", "calendar_changed", "calendar_removed"),
    Kind("calendar_reply", "/rule/v1/replies", REPLY, {"texts": {"en": "good day"}},
         {"texts": {"en": "hello"}}, {"texts": {"en": "good day"}},
         "calendar_reply_added", "calendar_reply_changed", "calendar_reply_removed"),
    Kind("tag", "/metadata/v1/tags", {"name": "one"}, {"group": "g"}, {"group": ""}, {"group": "g"},
         "tag_added", "tag_changed"),
    Kind("custom_field", "/metadata/v1/fields", {"key": "f", "of": "ticket", "title": "F", "type": "text"},
         {"title": "G"}, {"title": "F"}, {"title": "G"}, "field_added", "field_changed"),
    Kind("canned_reply", "/metadata/v1/canned-replies",
         {"name": "one", "shortcut": "one", "language": "en", "texts": {"en": "hello"}, "audience": "shared"},
         {"name": "two"}, {"name": "one"}, {"name": "two"},
         "canned_reply_added", "canned_reply_changed", "canned_reply_removed"),
    Kind("saved_view", "/metadata/v1/views", {"name": "one", "audience": "shared"}, {"name": "two"},
         {"name": "one"}, {"name": "two"}, "saved_view_added", "saved_view_changed", "saved_view_removed"),
    Kind("macro", "/metadata/v1/macros", {"name": "one", "actions": [{"type": "add_tags", "tags": ["x"]}]},
         {"description": "d"}, {"description": ""}, {"description": "d"},
         "macro_added", "macro_changed", "macro_removed"),
    Kind("webhook", "/log/v1/webhooks", {"url": f"https://93.184.216.34/{CANARY}", "events": ["ticket_*"]},
         {"url": f"https://93.184.216.34/{CANARY}-6", "events": ["message_*"]},
         {"events": ["ticket_*"], "url": HIDDEN}, {"events": ["message_*"], "url": HIDDEN},
         "webhook_created", "webhook_changed", "webhook_removed"),
)  # fmt: skip


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system with the wall connected."""
    async with an_api(tmp_path) as made:
        yield made


async def audit(api: Api, **wanted: Any) -> list[dict[str, Any]]:
    """Return the entries that fit, the oldest first."""
    await api.settle()
    found = await api.agent().get(AUDIT, params=wanted)
    assert found.status_code == 200, found.text
    return list(reversed(found.json()["items"]))


def ok(answer: httpx.Response) -> httpx.Response:
    """Return an answer that is good."""
    assert answer.is_success, answer.text
    return answer


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_every_change_is_told_with_before_and_after_and_no_secret(api: Api, kind: Kind) -> None:
    """It is added, changed and removed: by whom, from what to what; its secrets are only said to have changed."""
    http = api.agent()
    me = ok(await http.get("/identity/v1/me")).json()
    if kind.name in ("app", "account"):
        ok(await http.delete("/io/v1/accounts/account-wall"))
    name = ok(await http.post(kind.path, json=kind.body)).json()["id"]
    ok(await http.patch(f"{kind.path}/{name}", json=kind.change))
    expected = [kind.added, kind.changed]
    if kind.removed:
        ok(await http.delete(f"{kind.path}/{name}"))
        expected.append(kind.removed)
    entries = await audit(api, subject_id=name)
    assert [entry["what"] for entry in entries] == expected
    assert {(entry["actor_kind"], entry["subject_type"]) for entry in entries} == {("agent", kind.name)}
    assert {entry["actor_id"] for entry in entries} == {me["subject"]}
    assert all(entry["address"] == "127.0.0.1" and entry["token_id"] for entry in entries)
    assert entries[0]["was"] == {}
    assert entries[0]["changes"]
    assert (entries[1]["was"], entries[1]["changes"]) == (kind.was, kind.changes)
    assert CANARY not in json.dumps(await audit(api))
    if kind.removed and kind.name != "account":  # an account that is disconnected is kept
        assert (bool(entries[2]["was"]), entries[2]["changes"]) == (True, {})


@pytest.mark.parametrize(
    ("path", "body", "what", "was", "changes"),
    [
        ("/publishing/v1/settings", {"time_zone": "Europe/Rome"}, "publishing_settings_changed",
         {"time_zone": "UTC"}, {"time_zone": "Europe/Rome"}),
        ("/outbound/v1/settings", {"consent_required": True, "per_minute": 7}, "outbound_settings_changed",
         None, None),
        ("/metadata/v1/tags/policy", {"free": False}, "tag_policy_changed", {"free": True}, {"free": False}),
        ("/metadata/v1/fields/policy", {"free": False}, "field_policy_changed", {"free": True}, {"free": False}),
        ("/rule/v1/settings", {"order": ["rule", "rule-engine", "chatbot"]}, "answering_order_changed", None, None),
    ],
)  # fmt: skip
async def test_settings_of_a_tenant_are_told_too(
    api: Api, path: str, body: dict[str, Any], what: str, was: Any, changes: Any
) -> None:
    """What is replaced as a whole is told by what differs."""
    ok(await api.agent().put(path, json=body))
    [entry] = await audit(api, what=what)
    assert entry["was"] != entry["changes"]
    assert was is None or (entry["was"], entry["changes"]) == (was, changes)


async def test_the_audit_is_filtered_and_paged_and_its_own_permission(api: Api) -> None:
    """By actor, kind and time, page by page, the newest first; agents and other tenants see nothing."""
    http = api.agent()
    for number in range(5):
        ok(await http.post("/identity/v1/teams", json={"name": f"team {number}"}))
        api.clock.forward(seconds=10)
    everything = await audit(api, subject_type="team")
    assert [entry["subject_name"] for entry in everything] == [f"team {number}" for number in range(5)]
    since, until = everything[1]["at"], everything[3]["at"]
    between = await audit(api, subject_type="team", since=since, until=until)
    assert [entry["subject_name"] for entry in between] == ["team 1", "team 2"]
    assert await audit(api, actor_id="nobody") == []
    assert await audit(api, subject_type="rule") == []
    seen, cursor = [], None
    while True:
        more: dict[str, Any] = {"cursor": cursor} if cursor else {}
        page = ok(await http.get(AUDIT, params={"limit": 2, "subject_type": "team", **more})).json()
        seen += [entry["subject_name"] for entry in page["items"]]
        if not (cursor := page["next"]):
            break
    assert seen == [f"team {number}" for number in (4, 3, 2, 1, 0)]
    assert (await api.agent("supervisor").get(AUDIT)).status_code == 403
    assert ok(await api.agent(tenant="globex").get(AUDIT)).json()["items"] == []


async def test_what_platforms_and_people_do_is_no_part_of_the_audit(api: Api) -> None:
    """Messages, answers and tickets are the history's, not the administrators'."""
    from tests.support.api import a_note

    await api.hook(a_note("n1"))
    assert {entry["subject_type"] for entry in await audit(api)} <= {"app"}


def test_a_huge_value_is_cut_and_what_is_the_same_is_not_told() -> None:
    """An entry is bounded, whatever was changed."""
    fact = LogAdd(kind="x_changed", subject_type="x", subject_id="1")
    told = audited(fact, {"a": 1, "b": "x" * 10_000, "c": "same"}, {"a": 2, "b": "", "c": "same"}, secrets=["key"])
    assert told.changes == {"a": 2, "b": "", "key": HIDDEN}
    assert told.was["a"] == 1
    assert len(told.was["b"]) == 4001
