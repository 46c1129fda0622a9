"""A trainee's answers wait until somebody else approves what they say."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.ports.documents import Write
from chorally_core.ports.erasure import Erasure
from chorally_core.services.identity.model import User
from chorally_core.services.message import approving
from chorally_core.services.message.erasure import EraseMessages

from tests.support.api import Api, a_note, an_api
from tests.support.plaza import Plaza, PlazaPlatform
from tests.support.world import START

MESSAGES = "/message/v1/messages"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system to which Ada has written, on a channel with a window of a day."""
    async with an_api(tmp_path, platform=PlazaPlatform(), connector=Plaza) as api:
        await api.hook(a_note("n1", "ada", "hello", at="2026-11-23T08:59:00+00:00"))
        yield api


async def _person(api: Api, role: str, tenant: str = "acme") -> httpx.AsyncClient:
    """A client of somebody with that role, who bears its name."""
    name = f"{tenant}-{role}"
    user = User(
        id=name, tenant=tenant, version=1, login=name, email=f"{name}@example.org", name=name, password_hash="",
        roles=(role,), created_at=START, updated_at=START,
    )  # fmt: skip
    await api.system.ledger.documents.write([Write(user, 0)])
    issued = api.system.trust.issuer.issue(
        subject=name, tenant=tenant, name=name, roles=(role,), generation=user.token_generation
    )
    return api.client(issued.access_token)


async def _ticket(api: Api) -> dict[str, Any]:
    (found,) = (await api.agent().get("/message/v1/tickets")).json()["items"]
    shown: dict[str, Any] = (await api.agent().get(f"/message/v1/tickets/{found['id']}")).json()
    return shown


async def _written(api: Api, body: str = "hello Ada", role: str = "trainee") -> dict[str, Any]:
    ticket = await _ticket(api)
    made = await (await _person(api, role)).post(f"/message/v1/tickets/{ticket['id']}/messages", json={"body": body})
    assert made.status_code == 201, made.text
    await api.settle()
    answer: dict[str, Any] = made.json()
    return answer


async def _do(api: Api, message: dict[str, Any], what: str, role: str = "supervisor", **body: Any) -> httpx.Response:
    http = await _person(api, role)
    answer = await http.post(f"{MESSAGES}/{message['id']}/{what}", json=body or None)
    await api.settle()
    return answer


def _code(answer: httpx.Response) -> str:
    code: str = answer.json()["type"].rpartition(":")[2]
    return code


async def test_a_trainees_answer_waits_and_goes_out_once_approved(api: Api) -> None:
    """It is in its ticket, whose author still waits; approved, it goes out once and the ticket is answered."""
    message = await _written(api)
    assert (message["status"], api.platform.answers) == ("awaiting_approval", [])
    before = await _ticket(api)
    assert (before["status"], before["awaiting_approval"], before["message_count"]) == ("open", 1, 2)
    waiting = (await api.agent("agent").get("/message/v1/approvals")).json()["items"]
    assert [each["id"] for each in waiting] == [message["id"]]
    content = message["approval"]["content"]
    approved = await _do(api, message, "approve", content=content)
    assert (approved.status_code, approved.json()["status"]) == (200, "queued")
    assert [answer["text"] for answer in api.platform.answers] == ["hello Ada"]
    after = await _ticket(api)
    assert (after["status"], after["awaiting_approval"], after["waiting_since"]) == ("waiting", 0, None)
    again = await _do(api, message, "approve", content=content)
    assert (again.status_code, len(api.platform.answers)) == (200, 1)
    assert (await api.agent("agent").get("/message/v1/approvals")).json()["items"] == []


async def test_nobody_approves_their_own(api: Api) -> None:
    """Not even with the permission; nor does who may not approve at all (G8)."""
    message = await _written(api)
    content = message["approval"]["content"]
    assert (await _do(api, message, "approve", role="trainee", content=content)).status_code == 403
    assert (await _do(api, message, "approve", role="agent", content=content)).status_code == 403
    edited = await (await _person(api, "supervisor")).put(f"{MESSAGES}/{message['id']}/body", json={"body": "Hi Ada"})
    anew = edited.json()["approval"]["content"]
    refused = await _do(api, message, "approve", content=anew)
    assert (refused.status_code, _code(refused), api.platform.answers) == (403, "not-yours", [])
    assert (await _do(api, message, "approve", role="admin", content=anew)).status_code == 200


async def test_an_approval_holds_for_what_was_seen(api: Api) -> None:
    """An edit makes it another content; whoever saw the old one approves nothing."""
    message = await _written(api)
    edited = await (await _person(api, "trainee")).put(
        f"{MESSAGES}/{message['id']}/body", json={"body": "hello dear Ada"}
    )
    assert (edited.status_code, edited.json()["status"]) == (200, "awaiting_approval")
    stale = await _do(api, message, "approve", content=message["approval"]["content"])
    assert (stale.status_code, api.platform.answers) == (412, [])
    fresh = await _do(api, message, "approve", content=edited.json()["approval"]["content"])
    assert (fresh.status_code, [a["text"] for a in api.platform.answers]) == (200, ["hello dear Ada"])


async def test_an_approver_may_change_the_text(api: Api) -> None:
    """What they approve goes out; the trainee's words are kept beside it."""
    message = await _written(api)
    content = message["approval"]["content"]
    long = await _do(api, message, "approve", content=content, body="x" * 201)
    assert long.status_code == 422
    changed = await _do(api, message, "approve", content=content, body="Dear Ada, hello")
    assert [each["body"] for each in changed.json()["previous_versions"]] == ["hello Ada"]
    assert [answer["text"] for answer in api.platform.answers] == ["Dear Ada, hello"]


async def test_a_rejected_answer_goes_back_with_the_reason(api: Api) -> None:
    """Edited, it asks anew; withdrawn, it never goes out."""
    message = await _written(api)
    rejected = await _do(api, message, "reject", reason="too short")
    assert (rejected.json()["status"], rejected.json()["approval"]["reason"]) == ("rejected", "too short")
    late = await _do(api, message, "approve", content=message["approval"]["content"])
    assert (late.status_code, api.platform.answers) == (409, [])
    again = await (await _person(api, "trainee")).put(
        f"{MESSAGES}/{message['id']}/body", json={"body": "a longer hello"}
    )
    assert (again.json()["status"], again.json()["approval"]["reason"]) == ("awaiting_approval", "")
    assert (await _do(api, message, "withdraw", role="supervisor")).status_code == 403
    withdrawn = await _do(api, message, "withdraw", role="trainee")
    assert (withdrawn.json()["status"], (await _ticket(api))["awaiting_approval"]) == ("withdrawn", 0)
    gone = await _do(api, message, "approve", content=again.json()["approval"]["content"])
    assert (gone.status_code, api.platform.answers) == (409, [])


async def test_a_window_that_closed_meanwhile_is_told(api: Api) -> None:
    """The approver learns it, instead of the platform refusing what was approved."""
    message = await _written(api)
    api.clock.forward(days=2)
    refused = await _do(api, message, "approve", content=message["approval"]["content"])
    assert (refused.status_code, _code(refused), api.platform.answers) == (409, "window-closed", [])


async def test_others_answers_go_out_at_once(api: Api) -> None:
    """Who may send them asks nobody; a service with the permission to write neither."""
    await _written(api, role="agent")
    assert len(api.platform.answers) == 1
    ticket = await _ticket(api)
    crm = api.client("a-long-service-secret-1.acme", scheme="Token")
    made = await crm.post(f"/message/v1/tickets/{ticket['id']}/messages", json={"body": "from the shop"})
    assert made.json()["status"] == "queued"


async def test_the_log_tells_who_approved(api: Api) -> None:
    """The question and its answer are facts, which rules see."""
    message = await _written(api)
    await _do(api, message, "reject", reason="no")
    again = await (await _person(api, "trainee")).put(f"{MESSAGES}/{message['id']}/body", json={"body": "better"})
    await _do(api, message, "approve", content=again.json()["approval"]["content"])
    told = (await api.agent().get("/log/v1/logs", params={"limit": 100})).json()["items"]
    assert {"reply_submitted", "reply_rejected", "reply_approved"} <= {entry["what"] for entry in told}


async def test_answers_are_their_tenants(api: Api) -> None:
    """Another tenant's supervisor finds nothing (G7)."""
    message = await _written(api)
    other = await _person(api, "supervisor", "other")
    body = {"content": message["approval"]["content"]}
    assert (await other.post(f"{MESSAGES}/{message['id']}/approve", json=body)).status_code == 404
    assert (await other.get("/message/v1/approvals")).json()["items"] == []


async def test_an_answer_that_waits_is_counted_where_it_is_split_off_to(api: Api) -> None:
    """And goes out from there."""
    message, old = await _written(api), await _ticket(api)
    (note,) = [
        m for m in (await api.agent().get(f"/message/v1/tickets/{old['id']}/messages")).json()["items"]
        if m["direction"] == "inbound"
    ]  # fmt: skip
    await api.hook(a_note("n2", "ada", "one thing more", at="2026-11-23T08:59:30+00:00"))
    split = await api.agent().post(
        f"/message/v1/tickets/{old['id']}/split", json={"messages": [note["id"], message["id"]]}
    )
    await api.settle()
    new = (await api.agent().get(split.headers["Location"])).json()
    assert (new["awaiting_approval"], new["message_count"]) == (1, 2)
    assert (await api.agent().get(f"/message/v1/tickets/{old['id']}")).json()["awaiting_approval"] == 0
    approved = await _do(api, message, "approve", content=message["approval"]["content"])
    assert (approved.status_code, [a["text"] for a in api.platform.answers]) == (200, ["hello Ada"])


async def test_the_approval_that_is_kept_is_of_what_went_out(api: Api) -> None:
    """Also where the approver changed the text."""
    message = await _written(api)
    same = await _do(api, message, "approve", content=message["approval"]["content"], body="Dear Ada")
    assert same.json()["approval"]["content"] == approving.content_of("Dear Ada", (), None, {})


async def test_an_answer_that_waits_is_erased_with_its_person(api: Api) -> None:
    """Nobody is asked about it any more, and it never goes out (G13)."""
    message, ticket = await _written(api), await _ticket(api)
    erasure = Erasure(
        id=ticket["author_id"], tenant="acme", platform="wall", since=START, at=api.clock(), next_at=api.clock()
    )
    part, place = EraseMessages(api.system.ledger), ""
    while (following := await part.step(erasure, place)) is not None:
        place = following
    await api.settle()
    assert (await api.agent().get("/message/v1/approvals")).json()["items"] == []
    assert (await api.agent().get(f"/message/v1/tickets/{ticket['id']}")).json()["awaiting_approval"] == 0
    refused = await _do(api, message, "approve", content=message["approval"]["content"])
    assert (refused.status_code, api.platform.answers) == (409, [])
