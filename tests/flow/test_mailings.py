"""Lists: each person gets one message of their own, as fast as the limit allows, however often processes end."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.api import outbound_recipients
from chorally_core.bootstrap.reaching import AccountReaching
from chorally_core.bootstrap.texts import Texts
from chorally_core.ports.erasure import Erasure
from chorally_core.runner import Actions
from chorally_core.services.outbound.erasure import EraseOutbound
from chorally_core.services.outbound.sending import Sending

from tests.support.api import Api, an_api
from tests.support.letters import Letters

LISTS = "/outbound/v1/mailings"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system whose wall takes letters."""
    async with an_api(tmp_path, connector=Letters) as api:
        yield api


def _sending(api: Api) -> Sending:
    system = api.system
    directory = system.io.directory
    return Sending(
        system.ledger.documents, Actions(system.ledger), AccountReaching(system.ledger.documents, directory),
        Texts(directory).judge, api.clock,
    )  # fmt: skip


async def _list(api: Api, body: str = "hello {{name|you}}, {{order}}", per_minute: int = 24) -> str:
    given = {"name": "news", "account_id": "account-wall", "body": body, "per_minute": per_minute}
    made = await api.agent("supervisor").post(LISTS, json=given)
    assert made.status_code == 201, made.text
    name: str = made.json()["id"]
    return name


async def _add(api: Api, mailing: str, people: list[dict[str, Any]], **params: str) -> httpx.Response:
    lines = "\n".join(json.dumps(person) for person in people)
    return await api.agent("supervisor").post(
        "/outbound/v1/recipients", params={"mailing": mailing, **params}, content=lines,
        headers={"Content-Type": "application/x-ndjson"},
    )  # fmt: skip


def _people(count: int) -> list[dict[str, Any]]:
    return [{"to": f"p{number}", "name": f"P{number}", "values": {"order": str(number)}} for number in range(count)]


async def _counts(api: Api, mailing: str) -> dict[str, int]:
    shown = (await api.agent().get(f"{LISTS}/{mailing}")).json()
    return {name: count for name, count in shown["counts"].items() if count}


async def test_a_list_is_sent_within_its_limit_and_ends(api: Api) -> None:
    """Two in five seconds; each with the variables filled; nobody twice; then it is done."""
    mailing = await _list(api)
    assert (await _add(api, mailing, _people(5))).json() == {"added": 5, "merged": 0, "recipients": 5}
    assert (await api.agent("agent").post(f"{LISTS}/{mailing}/start", json={})).status_code == 403
    await api.agent("supervisor").post(f"{LISTS}/{mailing}/start", json={})
    sending, steps = _sending(api), []
    for _ in range(4):
        await sending.due()
        await sending.due()  # another process, at the same moment
        await api.settle()
        steps.append(len(api.platform.answers))
        api.clock.forward(seconds=6)
    await sending.due()
    assert steps == [2, 4, 5, 5]
    assert sorted(answer["text"] for answer in api.platform.answers) == [f"hello P{n}, {n}" for n in range(5)]
    shown = (await api.agent().get(f"{LISTS}/{mailing}")).json()
    assert (shown["state"], await _counts(api, mailing)) == ("done", {"sent": 5})
    late = await _add(api, mailing, [{"to": "late"}])
    assert late.status_code == 409


async def test_a_paused_list_waits_and_a_cancelled_one_is_given_up(api: Api) -> None:
    """Nothing goes out meanwhile; what went out stays."""
    mailing = await _list(api, body="hi")
    await _add(api, mailing, _people(5))
    admin, sending = api.agent(), _sending(api)
    await admin.post(f"{LISTS}/{mailing}/start", json={})
    await sending.due()
    assert (await admin.post(f"{LISTS}/{mailing}/pause")).json()["state"] == "paused"
    api.clock.forward(minutes=1)
    await sending.due()
    await api.settle()
    assert await _counts(api, mailing) == {"waiting": 3, "sent": 2}
    await admin.post(f"{LISTS}/{mailing}/resume")
    await sending.due()
    assert (await admin.post(f"{LISTS}/{mailing}/cancel")).json()["state"] == "cancelled"
    await sending.due()
    await api.settle()
    assert await _counts(api, mailing) == {"sent": 4, "cancelled": 1}


async def test_what_is_wrong_with_recipients_is_told_for_each(api: Api) -> None:
    """None is taken then; who is named twice is refused, or merged."""
    mailing = await _list(api)
    twice = [{"to": "ada", "values": {"order": "1"}}, {"to": "ADA", "values": {"order": "2"}}]
    wrong = await _add(api, mailing, [{"to": "a/b"}, {"to": "bob"}, *twice])
    assert wrong.status_code == 422
    assert [error["field"] for error in wrong.json()["errors"]] == [
        "/body/0/to", "/body/1/values", "/body/3/to"
    ]  # fmt: skip
    assert (await _add(api, mailing, twice, duplicates="merge")).json() == {
        "added": 1, "merged": 1, "recipients": 1
    }  # fmt: skip
    assert (await _add(api, mailing, twice[:1])).status_code == 409
    assert (await _add(api, mailing, twice[:1], duplicates="merge")).json()["merged"] == 1
    broken = await api.agent().post("/outbound/v1/recipients", params={"mailing": mailing}, content=b"{")
    assert broken.status_code == 400


async def test_who_declined_is_passed_over_and_the_list_says_so(api: Api) -> None:
    """Consent is looked at when it is their turn."""
    mailing = await _list(api, body="hi")
    await _add(api, mailing, _people(2))
    admin = api.agent()
    await admin.post(f"{LISTS}/{mailing}/start", json={})
    wish = {"account_id": "account-wall", "to": "p1", "state": "out", "source": "mail"}
    await admin.post("/outbound/v1/consents", json=wish)
    await _sending(api).due()
    await api.settle()
    assert await _counts(api, mailing) == {"sent": 1, "skipped": 1}
    skipped = await admin.get("/outbound/v1/conversations", params={"mailing": mailing, "state": "skipped"})
    assert "does not want" in skipped.json()["items"][0]["error"]


async def test_lists_are_their_tenants(api: Api) -> None:
    """Another tenant finds none (G7)."""
    mailing = await _list(api, body="hi")
    other = api.agent("admin", "other")
    assert (await other.get(f"{LISTS}/{mailing}")).status_code == 404
    assert (await other.post(f"{LISTS}/{mailing}/start", json={})).status_code == 404
    assert (await other.get(LISTS)).json()["items"] == []


async def _upload(api: Api, mailing: str, people: list[str], meanwhile: str = "", **head: str) -> httpx.Response:
    """Add people line by line; somebody does something to the list before the last."""

    async def lines() -> AsyncIterator[bytes]:
        for person in people[:-1]:
            yield json.dumps({"to": person}).encode() + b"\n"
        if meanwhile:
            await api.agent().post(f"{LISTS}/{mailing}/{meanwhile}", json={})
            await _sending(api).due()
        yield json.dumps({"to": people[-1]}).encode()

    return await api.agent("supervisor").post(
        "/outbound/v1/recipients", params={"mailing": mailing}, content=lines(),
        headers={"Content-Type": "application/x-ndjson", **head},
    )  # fmt: skip


async def test_an_upload_is_taken_once_for_its_key(api: Api) -> None:
    """Whoever did not hear the answer asks again; the answer says how many were added, as before."""
    mailing, key = await _list(api, body="hi"), {"Idempotency-Key": "upload-1"}
    first = await _upload(api, mailing, ["ada", "bob"], **key)
    assert first.json() == {"added": 2, "merged": 0, "recipients": 2}
    again = await _upload(api, mailing, ["ada", "bob"], **key)
    assert (again.status_code, again.json(), again.headers["Idempotent-Replayed"]) == (200, first.json(), "true")
    other = await _upload(api, mailing, ["cyd"], **key)
    assert other.status_code == 422
    assert (await _upload(api, mailing, ["ada"])).status_code == 409


async def test_an_upload_that_a_kill_ended_is_taken_up_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was added before is no duplicate of the same upload, and is counted with it."""
    mailing, key = await _list(api, body="hi"), {"Idempotency-Key": "upload-1"}

    async def ends(*_: Any) -> int:
        raise OSError("the process ends here")

    with monkeypatch.context() as patched:
        patched.setattr(outbound_recipients, "_counted", ends)
        assert (await _upload(api, mailing, ["ada", "bob"], **key)).status_code == 500
    again = await _upload(api, mailing, ["ada", "bob"], **key)
    assert again.json() == {"added": 2, "merged": 0, "recipients": 2}


async def test_who_is_added_while_a_list_is_cancelled_waits_no_longer(api: Api) -> None:
    """The upload is told so, and the people are given up like the others."""
    mailing = await _list(api, body="hi")
    refused = await _upload(api, mailing, ["ada", "bob"], "cancel")
    assert refused.status_code == 409
    await _sending(api).due()
    assert await _counts(api, mailing) == {"cancelled": 2}


async def test_who_is_added_while_a_list_starts_and_ends_is_written_to(api: Api) -> None:
    """The upload was taken, so all of it goes out."""
    mailing = await _list(api, body="hi")
    await _add(api, mailing, [{"to": "ada"}])
    taken = await _upload(api, mailing, ["bob", "cyd"], "start")
    api.clock.forward(seconds=10)
    for _ in range(4):
        await _sending(api).due()
        await api.settle()
        api.clock.forward(seconds=10)
    shown = (await api.agent().get(f"{LISTS}/{mailing}")).json()
    assert (taken.json()["recipients"], shown["recipients"], shown["counts"]["sent"]) == (3, 3, 3)


async def test_of_an_erased_person_only_their_no_is_left(api: Api) -> None:
    """Who waits on a list is not written to; who declined is found by their address alone, and still is not (G13)."""
    mailing, admin = await _list(api, body="hi"), api.agent()
    await _add(api, mailing, _people(2))
    for name, state in (("p0", "out"), ("p1", "in")):
        wish = {"account_id": "account-wall", "to": name, "state": state, "source": f"letter of {name}"}
        await admin.post("/outbound/v1/consents", json=wish)
    waiting = (await admin.get("/outbound/v1/conversations", params={"mailing": mailing})).json()["items"]
    at = api.clock()
    for opening in waiting:
        erasure = Erasure(id=opening["author_id"], tenant="acme", platform="wall", since=at, at=at, next_at=at)
        assert await EraseOutbound(api.system.ledger).step(erasure, "") is None
    left = await admin.get("/outbound/v1/conversations", params={"mailing": mailing})
    kept = await admin.get("/outbound/v1/consents")
    assert [(each["state"], each["to"], each["name"]) for each in left.json()["items"]] == [("cancelled", "", "")] * 2
    assert [(each["state"], each["source"]) for each in kept.json()["items"]] == [("out", "")]
    begun = {"account_id": "account-wall", "to": "p0", "body": "hi"}
    assert (await admin.post("/outbound/v1/conversations", json=begun)).status_code == 409


async def test_a_list_waits_for_a_platform_that_is_slower(api: Api) -> None:
    """No more is handed on than goes out in a step: the rest stays back, and holds up no agent's answer."""
    mailing, admin, sending = await _list(api, body="hi"), api.agent(), _sending(api)
    await _add(api, mailing, _people(9))
    await admin.post(f"{LISTS}/{mailing}/start", json={})
    for _ in range(4):
        await sending.due()
        api.clock.forward(seconds=6)
    assert await _counts(api, mailing) == {"on_the_way": 2, "waiting": 7}
    await api.settle()
    await sending.due()
    assert await _counts(api, mailing) == {"on_the_way": 2, "waiting": 5, "sent": 2}
