"""Posts that ask for approval: who may give it, what it is for, and that nothing else goes out."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.ports.documents import Query
from chorally_core.services.io.model import Delivery
from chorally_core.services.log.model import LogEntry

from tests.support.api import Api, an_api
from tests.support.people import a_person, again, change_person
from tests.support.plaza import POST, Plaza, PlazaPlatform

URL = "/publishing/v1/publications"
SETTINGS = "/publishing/v1/settings"


TOKENS = """[{"sender": "crm", "secrets": ["a-long-service-secret-1"], "tenants": ["acme"],
"permissions": ["publications:read", "publications:draft", "publications:approve"]}]"""


class TwoWalls(PlazaPlatform):
    """A plaza with a second wall."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Serve a request."""
        if request.url.path == "/wall" and "another" in request.headers.get("authorization", ""):
            return httpx.Response(200, json={"id": "wall-2", "title": "Second"})
        return super().answer(request)


@pytest.fixture
def platform() -> PlazaPlatform:
    """A plaza without posts."""
    return TwoWalls()


@pytest.fixture
async def api(tmp_path: Path, platform: PlazaPlatform) -> AsyncIterator[Api]:
    """A system with two accounts on a plaza."""
    async with an_api(tmp_path, platform=platform, connector=Plaza, service_tokens=TOKENS) as api:
        await api.system.io.accounts.connect(
            account_id="account-two", tenant="acme", platform="wall", name="two", settings={},
            credentials={"access_token": "another"}, since=None,
        )  # fmt: skip
        yield api


def a_post(**more: Any) -> dict[str, Any]:
    """A request to publish."""
    return {"account_id": "account-wall", "channel": POST, "body": "hello all", **more}


async def ask(api: Api, *steps: dict[str, Any], **more: Any) -> None:
    """Have posts ask for approval."""
    workflow = {"name": "all", "steps": list(steps), **more}
    answer = await api.agent().put(SETTINGS, json={"time_zone": "Europe/Rome", "workflows": [workflow]})
    assert answer.status_code == 200, answer.text


async def decide(
    http: httpx.AsyncClient, post: dict[str, Any], verdict: str = "approved", **more: Any
) -> httpx.Response:
    """Decide about a post as it was seen."""
    given = {"verdict": verdict, "content_hash": post["content_hash"], **more}
    return await http.post(f"{URL}/{post['id']}/decisions", json=given)


async def test_a_post_goes_out_once_somebody_else_approved_it(api: Api, platform: PlazaPlatform) -> None:
    """Its author cannot, also not by another token, nor by a service's; the log tells who did."""
    await ask(api, {})
    ada, bob = await a_person(api, "ada", "supervisor"), await a_person(api, "bob", "supervisor")
    post = (await ada.post(URL, json=a_post())).json()
    assert (post["state"], post["targets"][0]["state"]) == ("submitted", "submitted")
    for http in (ada, again(api, "ada", "supervisor")):
        refused = await decide(http, post)
        assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (403, "not-yours")
    await api.settle()
    assert platform.posts == []
    approved = await decide(bob, post, comment="fine")
    assert (approved.status_code, approved.json()["state"]) == (200, "publishing")
    await api.settle()
    seen = (await bob.get(f"{URL}/{post['id']}")).json()
    assert (seen["state"], [one["text"] for one in platform.posts]) == ("published", ["hello all"])
    (said,) = seen["approval"]["decisions"]
    assert (said["by"], said["comment"]) == ("bob", "fine")
    told: list[LogEntry] = await api.system.ledger.documents.find(Query(LogEntry, None, order="id"))
    kinds = {(entry.what, entry.actor_id) for entry in told if entry.subject_type == "publication"}
    assert {("publication_submitted", "ada"), ("publication_approved", "bob")} < kinds


@pytest.mark.parametrize(
    "change",
    [
        {"body": "other"}, {"labels": ["x"]}, {"publish_local": "2026-12-24T09:00:00"}, {"waits": True},
        {"targets": [{"account_id": "account-two", "channel": POST}]},
        {"targets": [{"account_id": "account-wall", "channel": POST, "options": {"pinned": True}}]},
    ],
)  # fmt: skip
async def test_an_edit_asks_again(api: Api, platform: PlazaPlatform, change: dict[str, Any]) -> None:
    """Whatever people would see, or when; the approval that was given counts no more, nor does one of what was seen."""
    await ask(api, {"at_least": 2})
    ada, bob = await a_person(api, "ada", "supervisor"), await a_person(api, "bob", "supervisor")
    cat, dan = await a_person(api, "cat", "supervisor"), await a_person(api, "dan", "supervisor")
    post = (await ada.post(URL, json=a_post())).json()
    await decide(bob, post)
    edited = (await ada.patch(f"{URL}/{post['id']}", json=change)).json()
    assert (edited["state"], edited["approval"]["round"]) == ("submitted", 2)
    assert edited["content_hash"] != post["content_hash"]
    assert (await decide(cat, post)).status_code == 409
    assert (await decide(cat, edited)).json()["state"] == "submitted"
    await api.settle()
    assert platform.posts == []
    assert (await decide(dan, edited)).json()["state"] in ("publishing", "scheduled", "approved")


async def test_who_edits_cannot_approve(api: Api, platform: PlazaPlatform) -> None:
    """Nor did their approval before the edit count."""
    await ask(api, {})
    ada, bob = await a_person(api, "ada", "supervisor"), await a_person(api, "bob", "supervisor")
    post = (await ada.post(URL, json=a_post())).json()
    edited = (await bob.patch(f"{URL}/{post['id']}", json={"body": "mine"})).json()
    assert edited["authors"] == ["ada", "bob"]
    for http in (ada, bob):
        assert (await decide(http, edited)).status_code == 403
    renamed = (await ada.patch(f"{URL}/{post['id']}", json={"title": "ours"})).json()
    assert (renamed["state"], renamed["content_hash"]) == ("submitted", edited["content_hash"])
    await api.settle()
    assert platform.posts == []


async def test_steps_ask_one_after_the_other_and_each_somebody_else(api: Api, platform: PlazaPlatform) -> None:
    """By user, team and role; any of them, or all."""
    first = {"teams": ["legal"], "roles": ["admin"], "rule": "all"}
    await ask(api, first, {"users": ["eve"]})
    ada = await a_person(api, "ada", "supervisor")
    bob = await a_person(api, "bob", "supervisor", teams=("legal",))
    cat, eve = await a_person(api, "cat", "admin"), await a_person(api, "eve", "admin")
    post = (await ada.post(URL, json=a_post())).json()
    assert (await decide(await a_person(api, "dan", "supervisor"), post)).status_code == 403
    after = (await decide(bob, post)).json()
    assert (after["state"], after["approval"]["step"]) == ("submitted", 0)
    after = (await decide(cat, post)).json()
    assert (after["state"], after["approval"]["step"]) == ("submitted", 1)
    assert (await decide(bob, post)).status_code == 403
    assert (await decide(eve, post)).json()["state"] == "publishing"
    await api.settle()
    assert len(platform.posts) == 1


@pytest.mark.parametrize("change", [{"disabled": True}, {"roles": ("agent",)}, {"removed": True}])
async def test_who_is_gone_has_approved_nothing_that_is_still_asked(
    api: Api, platform: PlazaPlatform, change: dict[str, Any]
) -> None:
    """Their approval counts no more when the last one is given, and somebody else has to take their place."""
    await ask(api, {"at_least": 2})
    ada, bob = await a_person(api, "ada", "supervisor"), await a_person(api, "bob", "supervisor")
    cat, dan = await a_person(api, "cat", "supervisor"), await a_person(api, "dan", "supervisor")
    post = (await ada.post(URL, json=a_post())).json()
    await decide(bob, post)
    await change_person(api, "bob", **change)
    assert (await decide(cat, post)).json()["state"] == "submitted"
    await api.settle()
    assert platform.posts == []
    assert (await decide(dan, post)).json()["state"] == "publishing"


async def test_a_rejected_post_is_corrected_and_handed_in_again(api: Api, platform: PlazaPlatform) -> None:
    """With what was said of it."""
    await ask(api, {})
    ada, bob = await a_person(api, "ada", "agent"), await a_person(api, "bob", "supervisor")
    post = (await ada.post(URL, json=a_post())).json()
    no = (await decide(bob, post, "rejected", comment="a typo")).json()
    assert (no["state"], no["approval"]["decisions"][0]["comment"]) == ("rejected", "a typo")
    assert (await decide(bob, post)).status_code == 409
    fixed = (await ada.patch(f"{URL}/{post['id']}", json={"body": "hello, all"})).json()
    assert fixed["state"] == "draft"
    asked = (await ada.post(f"{URL}/{post['id']}/submit")).json()
    assert (asked["state"], asked["approval"]["round"]) == ("submitted", 2)
    assert (await decide(bob, asked)).json()["state"] == "publishing"


async def test_whoever_may_not_publish_by_themselves_asks_somebody(api: Api, platform: PlazaPlatform) -> None:
    """Also where no workflow says so; a supervisor's goes out at once."""
    ada, bob = await a_person(api, "ada", "agent"), await a_person(api, "bob", "supervisor")
    post = (await ada.post(URL, json=a_post())).json()
    assert post["state"] == "submitted"
    assert (await decide(ada, post)).status_code == 403
    assert (await ada.post(f"{URL}/{post['id']}/publish")).status_code == 403
    assert (await bob.post(f"{URL}/{post['id']}/publish")).status_code == 409
    assert (await decide(bob, post)).json()["state"] == "publishing"
    assert (await bob.post(URL, json=a_post(body="now"))).json()["state"] == "publishing"


async def test_workflows_are_of_accounts_and_labels(api: Api) -> None:
    """An account's takes the tenant's place, a label's comes besides; changing them later changes no step asked."""
    workflows = [
        {"name": "all", "steps": [{"users": ["u1"]}]},
        {"name": "two", "account_ids": ["account-two"], "steps": []},
        {"name": "press", "labels": ["press"], "steps": [{"teams": ["t1"]}]},
    ]
    put = await api.agent().put(SETTINGS, json={"workflows": workflows})
    assert put.status_code == 200
    ada = await a_person(api, "ada", "supervisor")

    async def asked(accounts: list[str], labels: list[str]) -> list[dict[str, Any]]:
        targets = [{"account_id": name, "channel": POST} for name in accounts]
        look = await ada.post("/publishing/v1/previews", json={"body": "x", "targets": targets, "labels": labels})
        steps: list[dict[str, Any]] = look.json()["steps"]
        return [{name: value for name, value in step.items() if value and name in ("users", "teams")} for step in steps]

    assert await asked(["account-wall"], []) == [{"users": ["u1"]}]
    assert await asked(["account-two"], []) == []
    assert await asked(["account-two", "account-wall"], ["press"]) == [{"users": ["u1"]}, {"teams": ["t1"]}]
    post = (await ada.post(URL, json=a_post())).json()
    tag = put.headers["ETag"]
    assert (await api.agent().put(SETTINGS, json={}, headers={"If-Match": tag})).status_code == 200
    assert (await api.agent().put(SETTINGS, json={}, headers={"If-Match": tag})).status_code == 412
    assert (await ada.get(f"{URL}/{post['id']}")).json()["state"] == "submitted"
    assert (await ada.post(f"{URL}/{post['id']}/submit")).json()["state"] == "publishing"


async def test_what_is_planned_can_be_withdrawn_and_edited_until_its_time(api: Api, platform: PlazaPlatform) -> None:
    """It waits for its time only as long as it is as it was approved."""
    await ask(api, {})
    ada, bob = await a_person(api, "ada", "supervisor"), await a_person(api, "bob", "supervisor")
    post = (await ada.post(URL, json=a_post(publish_at=(api.clock() + timedelta(minutes=4)).isoformat()))).json()
    assert (await decide(bob, post)).json()["state"] == "scheduled"
    back = (await ada.post(f"{URL}/{post['id']}/withdraw", json={"comment": "wait"})).json()
    assert (back["state"], back["approval"]["decisions"][-1]["verdict"]) == ("draft", "withdrawn")
    api.clock.forward(minutes=5)
    await api.system.upkeep.due()
    await api.settle()
    assert platform.posts == []
    asked = (await ada.post(f"{URL}/{post['id']}/submit")).json()
    late = (await decide(bob, asked)).json()
    assert late["state"] == "approved"
    await api.system.upkeep.due()
    await api.settle()
    assert platform.posts == []
    assert (await bob.post(f"{URL}/{post['id']}/publish")).json()["state"] == "publishing"
    await api.settle()
    assert len(platform.posts) == 1


async def test_each_target_has_a_text_and_a_state_of_its_own(api: Api, platform: PlazaPlatform) -> None:
    """Where it failed it is tried again, and only there."""
    ada = await a_person(api, "ada", "supervisor")
    targets = [
        {"account_id": "account-wall", "channel": POST},
        {"account_id": "account-two", "channel": POST, "body": "hello two"},
    ]
    platform.posting = ["400"]
    post = (await ada.post(URL, json={"body": "hello", "targets": targets})).json()
    await api.settle()
    seen = (await ada.get(f"{URL}/{post['id']}")).json()
    assert sorted(target["state"] for target in seen["targets"]) == ["failed", "published"]
    assert seen["state"] == "failed"
    failed = next(target for target in seen["targets"] if target["state"] == "failed")
    fine = next(target for target in seen["targets"] if target["state"] == "published")
    assert (await ada.post(f"{URL}/{post['id']}/targets/{fine['id']}/retry")).status_code == 409
    again_ = await ada.post(f"{URL}/{post['id']}/targets/{failed['id']}/retry")
    assert again_.json()["state"] == "publishing"
    await api.settle()
    seen = (await ada.get(f"{URL}/{post['id']}")).json()
    assert seen["state"] == "published"
    assert sorted(one["text"] for one in platform.posts) == ["hello", "hello two"]
    assert await api.system.ledger.documents.count(Query(Delivery, None)) == 2


async def test_new_texts_of_what_people_see_are_approved_too(api: Api, platform: PlazaPlatform) -> None:
    """Nothing changes there before; a deletion needs none."""
    await ask(api, {})
    ada, bob = await a_person(api, "ada", "supervisor"), await a_person(api, "bob", "supervisor")
    post = (await ada.post(URL, json=a_post())).json()
    await decide(bob, post)
    await api.settle()
    revised = (await ada.put(f"{URL}/{post['id']}/revision", json={"body": "hello everybody"})).json()
    revision = revised["revision"]
    assert (revision["state"], revised["state"]) == ("submitted", "published")
    await api.settle()
    assert platform.posts[0]["text"] == "hello all"
    said = {"verdict": "approved", "content_hash": revision["content_hash"]}
    assert (await ada.post(f"{URL}/{post['id']}/revision/decisions", json=said)).status_code == 403
    wrong = {**said, "content_hash": post["content_hash"]}
    assert (await bob.post(f"{URL}/{post['id']}/revision/decisions", json=wrong)).status_code == 409
    done = (await bob.post(f"{URL}/{post['id']}/revision/decisions", json=said)).json()
    assert (done["revision"]["state"], done["targets"][0]["is_changing"]) == ("approved", True)
    await _moderated(api)
    seen = (await ada.get(f"{URL}/{post['id']}")).json()
    assert (platform.posts[0]["text"], seen["targets"][0]["body"]) == ("hello everybody", "hello everybody")
    assert not seen["targets"][0]["is_changing"]
    gone = await ada.delete(f"{URL}/{post['id']}/targets/{post['id']}")
    assert gone.status_code == 202
    await _moderated(api)
    assert (await ada.get(f"{URL}/{post['id']}")).json()["state"] == "deleted"
    assert platform.posts == []


async def test_a_change_that_a_platform_refuses_is_told(api: Api, platform: PlazaPlatform) -> None:
    """The post stays as it is, and it can be tried again."""
    ada = await a_person(api, "ada", "supervisor")
    post = (await ada.post(URL, json=a_post())).json()
    await api.settle()
    platform.changing = [400]
    await ada.delete(f"{URL}/{post['id']}/targets/{post['id']}")
    await _moderated(api)
    target = (await ada.get(f"{URL}/{post['id']}")).json()["targets"][0]
    assert (target["state"], bool(target["change_error"]), target["is_changing"]) == ("published", True, False)
    assert (await ada.delete(f"{URL}/{post['id']}/targets/{post['id']}")).status_code == 202
    await _moderated(api)
    assert (await ada.get(f"{URL}/{post['id']}")).json()["state"] == "deleted"


async def test_what_speaks_against_a_post_is_told_target_by_target(api: Api) -> None:
    """In the platform's own unit, before anything is handed in; a draft may be as it is."""
    ada = await a_person(api, "ada", "supervisor")
    targets = [
        {"account_id": "account-wall", "channel": POST, "options": {"size": 1}},
        {
            "account_id": "account-two",
            "channel": POST,
            "body": "see https://example.com/a, and (https://example.com/b).",
        },
        {"account_id": "account-wall", "channel": "plaza_note", "body": " "},
    ]
    body = {"body": "x" * 100, "targets": targets}
    look = (await ada.post("/publishing/v1/previews", json=body)).json()
    assert look["is_fit"] is False
    first, second, third = look["targets"]
    assert (first["length"], first["unit"], first["max_length"], first["parts"], first["max_parts"]) == (
        100, "code_points", 30, 4, 3,
    )  # fmt: skip
    assert [one["field"] for one in first["problems"]] == ["body", "options"]
    assert (second["problems"], second["links"]) == ([], ["https://example.com/a", "https://example.com/b"])
    assert [one["field"] for one in third["problems"]] == ["body"]
    refused = await ada.post(URL, json=body)
    assert [one["field"] for one in refused.json()["errors"]] == [
        "/body/targets/0/body", "/body/targets/0/options", "/body/targets/2/body",
    ]  # fmt: skip
    draft = await ada.post(URL, json={**body, "submit": False})
    assert draft.json()["state"] == "draft"
    assert (await ada.post(f"{URL}/{draft.json()['id']}/submit")).status_code == 422
    assert (await ada.get(f"{URL}/{draft.json()['id']}/preview")).json()["is_fit"] is False


async def test_programs_approve_nothing(api: Api) -> None:
    """A service's token may belong to anybody, the author too."""
    await ask(api, {})
    ada, bob = await a_person(api, "ada", "supervisor"), await a_person(api, "bob", "supervisor")
    crm = api.client("a-long-service-secret-1.acme", scheme="Token")
    post = (await ada.post(URL, json=a_post())).json()
    refused = await decide(crm, post)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (403, "not-a-person")
    edited = (await crm.patch(f"{URL}/{post['id']}", json={"body": "by a program"})).json()
    assert edited["authors"] == ["ada", "service:crm"]
    assert (await decide(bob, edited)).json()["state"] == "publishing"


async def test_another_tenants_approvals_and_settings_are_not_there(api: Api) -> None:
    """A record of another is no different from one that is not there (G7)."""
    ada = await a_person(api, "ada", "supervisor")
    post = (await ada.post(URL, json=a_post(submit=False))).json()
    other = await a_person(api, "oto", "admin", tenant="other")
    calls: list[tuple[str, str, Any]] = [
        ("GET", "/preview", None), ("PATCH", "", {"body": "x"}), ("POST", "/submit", None),
        ("POST", "/decisions", {"verdict": "approved", "content_hash": post["content_hash"]}),
        ("POST", "/withdraw", {}), ("POST", "/publish", None), ("POST", "/cancel", None),
        ("POST", f"/targets/{post['id']}/retry", None), ("DELETE", f"/targets/{post['id']}", None),
        ("PUT", "/revision", {"body": "x"}), ("POST", "/revision/withdraw", {}),
    ]  # fmt: skip
    for method, path, body in calls:
        real = await other.request(method, f"{URL}/{post['id']}{path}", json=body)
        none = await other.request(method, f"{URL}/nobodys{path}", json=body)
        assert (real.status_code, real.text) == (404, none.text), path
    await ask(api, {})
    assert (await other.get(SETTINGS)).json()["workflows"] == []
    calendar = {"from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}
    assert (await other.get("/publishing/v1/calendar", params=calendar)).json()["items"] == []
    assert len((await ada.get("/publishing/v1/calendar", params=calendar)).json()["items"]) == 1


async def _moderated(api: Api) -> None:
    """Let edits and deletions happen."""
    for _ in range(3):
        await api.settle()
        api.clock.forward(seconds=40)
    await api.settle()
