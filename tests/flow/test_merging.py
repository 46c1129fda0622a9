"""Tickets are merged, which can be undone, and messages split off; each message is in one ticket, whatever happens."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.ports.erasure import Erasure
from chorally_core.services.message.erasure import EraseMessages

from tests.support.api import Api, a_note, an_api

TICKETS = "/message/v1/tickets"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system to which Ada and Bob have each written twice."""
    async with an_api(tmp_path) as api:
        await api.hook(
            a_note("n1", "ada", "one", thread="t-ada"), a_note("n2", "bob", "two", thread="t-bob"),
            a_note("n3", "ada", "three", thread="t-ada"), a_note("n4", "bob", "four", thread="t-bob"),
        )  # fmt: skip
        yield api


async def _tickets(api: Api, **params: Any) -> dict[str, dict[str, Any]]:
    found = (await api.agent().get(TICKETS, params=params)).json()["items"]
    return {ticket["author_name"]: ticket for ticket in found}


async def _show(api: Api, ticket_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = (await api.agent().get(f"{TICKETS}/{ticket_id}")).json()
    return shown


async def _said(api: Api, ticket_id: str) -> list[str]:
    found = await api.agent().get(f"{TICKETS}/{ticket_id}/messages")
    return [message["body"] for message in found.json()["items"]]


async def _ask(api: Api, ticket_id: str, what: str, body: Any = None, **head: str) -> httpx.Response:
    answer = await api.agent("agent").post(f"{TICKETS}/{ticket_id}/{what}", json=body, headers=head)
    await api.settle()
    return answer


async def test_a_merged_tickets_messages_are_listed_with_the_others(api: Api) -> None:
    """One goes on for both: it counts, lists and finds all; the other says where they went."""
    both = await _tickets(api)
    asked = await _ask(api, both["Bob"]["id"], "merge", {"into": both["Ada"]["id"]})
    assert (asked.status_code, asked.json()) == (202, {"ticket_id": both["Ada"]["id"]})
    ada, bob = await _show(api, both["Ada"]["id"]), await _show(api, both["Bob"]["id"])
    assert (ada["message_count"], ada["unread_count"], ada["merged"]) == (4, 4, [bob["id"]])
    assert (bob["status"], bob["merged_into"], bob["unread_count"]) == ("resolved", ada["id"], 0)
    assert sorted(await _said(api, ada["id"])) == ["four", "one", "three", "two"]
    assert list(await _tickets(api)) == ["Ada"]
    assert list(await _tickets(api, merged=True)) == ["Bob"]


async def test_what_comes_later_joins_the_ticket_that_goes_on(api: Api) -> None:
    """Bob's next note is in Ada's ticket; his own place opens again once that is resolved (G4)."""
    both = await _tickets(api)
    await _ask(api, both["Bob"]["id"], "merge", {"into": both["Ada"]["id"]})
    await api.hook(a_note("n5", "bob", "five", thread="t-bob"))
    assert (await _show(api, both["Ada"]["id"]))["message_count"] == 5
    await api.agent().patch(f"{TICKETS}/{both['Ada']['id']}", json={"status": "resolved"})
    await api.hook(a_note("n6", "bob", "six", thread="t-bob"))
    (new,) = [ticket for ticket in (await api.agent().get(TICKETS)).json()["items"] if ticket["status"] == "open"]
    assert (new["author_name"], new["message_count"]) == ("Bob", 1)
    assert new["id"] not in (both["Ada"]["id"], both["Bob"]["id"])


async def test_an_answer_goes_to_the_conversation_of_what_it_answers(api: Api) -> None:
    """In a merged ticket each answer is its own person's."""
    both = await _tickets(api)
    await _ask(api, both["Bob"]["id"], "merge", {"into": both["Ada"]["id"]})
    said = (await api.agent().get(f"{TICKETS}/{both['Ada']['id']}/messages")).json()["items"]
    for message in said:
        if message["body"] in ("one", "two"):
            given = {"body": f"to {message['author_name']}", "in_reply_to": message["id"]}
            made = await api.agent().post(f"{TICKETS}/{both['Ada']['id']}/messages", json=given)
            assert (made.status_code, made.json()["author_id"]) == (201, message["author_id"])
    await api.settle()
    assert sorted((answer["note"], answer["text"]) for answer in api.platform.answers) == [
        ("n1", "to Ada"), ("n2", "to Bob")
    ]  # fmt: skip
    there = await api.agent().post(f"{TICKETS}/{both['Bob']['id']}/messages", json={"body": "here?"})
    assert (there.status_code, there.json()["type"].rpartition(":")[2]) == (409, "ticket-merged")


async def test_a_merge_is_undone(api: Api) -> None:
    """Each has its own messages again; what came in between stays where it came."""
    both = await _tickets(api)
    await _ask(api, both["Bob"]["id"], "merge", {"into": both["Ada"]["id"]})
    await api.hook(a_note("n5", "bob", "five", thread="t-bob"))
    assert (await _ask(api, both["Bob"]["id"], "unmerge")).status_code == 202
    ada, bob = await _show(api, both["Ada"]["id"]), await _show(api, both["Bob"]["id"])
    assert (ada["message_count"], ada["merged"], bob["merged_into"], bob["status"]) == (3, [], None, "open")
    assert (sorted(await _said(api, bob["id"])), bob["message_count"]) == (["four", "two"], 2)
    await api.hook(a_note("n6", "bob", "six", thread="t-bob"))
    assert (await _show(api, bob["id"]))["message_count"] == 3
    assert (await _ask(api, both["Bob"]["id"], "unmerge")).status_code == 409


async def test_messages_are_split_off_into_a_ticket_of_their_own(api: Api) -> None:
    """The new one has them, with their places; the old one keeps the author's place and counts less."""
    ada = (await _tickets(api))["Ada"]
    said = (await api.agent().get(f"{TICKETS}/{ada['id']}/messages")).json()["items"]
    asked = await _ask(api, ada["id"], "split", {"messages": [said[0]["id"]], "subject": "the first"})
    assert asked.status_code == 202, asked.text
    new, old = await _show(api, asked.json()["ticket_id"]), await _show(api, ada["id"])
    assert (new["subject"], new["message_count"], new["split_from"], new["status"]) == (
        "the first", 1, ada["id"], "open"
    )  # fmt: skip
    assert (old["message_count"], await _said(api, old["id"]), await _said(api, new["id"])) == (1, ["three"], ["one"])
    await api.hook(a_note("n5", "ada", "five", thread="t-ada"))
    assert await _said(api, old["id"]) == ["three", "five"]
    answered = await api.agent().post(f"{TICKETS}/{new['id']}/messages", json={"body": "about the first"})
    await api.settle()
    assert (answered.status_code, api.platform.answers[-1]["note"]) == (201, "n1")


async def test_what_cannot_be_merged_or_split_is_refused(api: Api) -> None:
    """With what to do; another tenant's are not there (G7)."""
    both = await _tickets(api)
    ada, bob = both["Ada"]["id"], both["Bob"]["id"]
    assert (await _ask(api, ada, "merge", {"into": ada})).status_code == 409
    assert (await _ask(api, ada, "merge", {"into": "none"})).status_code == 404
    assert (await _ask(api, ada, "merge", {"into": bob}, **{"If-Match": '"99"'})).status_code == 412
    said = [m["id"] for m in (await api.agent().get(f"{TICKETS}/{ada}/messages")).json()["items"]]
    assert (await _ask(api, ada, "split", {"messages": said})).status_code == 409
    assert (await _ask(api, bob, "split", {"messages": said[:1]})).status_code == 409
    other = api.agent("admin", "other")
    assert (await other.post(f"{TICKETS}/{bob}/merge", json={"into": ada})).status_code == 404
    await api.agent().patch(f"{TICKETS}/{ada}", json={"status": "resolved"})
    assert (await _ask(api, bob, "merge", {"into": ada})).status_code == 409


async def test_the_log_tells_of_merges_and_splits(api: Api) -> None:
    """Who did it, and which tickets it concerned."""
    both = await _tickets(api)
    await _ask(api, both["Bob"]["id"], "merge", {"into": both["Ada"]["id"]})
    await _ask(api, both["Bob"]["id"], "unmerge")
    said = (await api.agent().get(f"{TICKETS}/{both['Ada']['id']}/messages")).json()["items"]
    await _ask(api, both["Ada"]["id"], "split", {"messages": [said[0]["id"]]})
    told = (await api.agent().get("/log/v1/logs", params={"limit": 100})).json()["items"]
    kinds = {entry["what"]: entry for entry in told}
    assert {"ticket_merged", "ticket_absorbed", "ticket_unmerged", "ticket_released", "ticket_split",
            "message_moved"} <= set(kinds)  # fmt: skip
    assert kinds["ticket_merged"]["ticket_id"] == both["Bob"]["id"]


async def test_two_tickets_are_never_merged_into_each_other(api: Api) -> None:
    """Both are asked for at once: the first is done, the second refused."""
    both = await _tickets(api)
    ada, bob = both["Ada"]["id"], both["Bob"]["id"]
    agent = api.agent()
    for one, other in ((ada, bob), (bob, ada)):
        assert (await agent.post(f"{TICKETS}/{one}/merge", json={"into": other})).status_code == 202
    await api.settle()
    assert ((await _show(api, ada))["merged_into"], (await _show(api, bob))["merged_into"]) == (bob, None)


async def _ids(api: Api, ticket_id: str) -> dict[str, str]:
    found = await api.agent().get(f"{TICKETS}/{ticket_id}/messages")
    return {message["body"]: message["id"] for message in found.json()["items"]}


async def test_splits_of_the_same_message_at_once_move_it_once(api: Api) -> None:
    """The second is refused, and nothing is counted twice."""
    ada = (await _tickets(api))["Ada"]["id"]
    body = {"messages": [(await _ids(api, ada))["one"]]}
    http = api.agent()
    asked = [await http.post(f"{TICKETS}/{ada}/split", json=body) for _ in range(2)]
    assert [answer.status_code for answer in asked] == [202, 202]
    await api.settle()
    new = [(await http.get(f"{TICKETS}/{answer.json()['ticket_id']}")).status_code for answer in asked]
    assert (sorted(new), (await _show(api, ada))["message_count"]) == ([200, 404], 1)


async def test_what_was_split_off_and_merged_back_can_be_split_off_again(api: Api) -> None:
    """The same message, of the same ticket."""
    ada = (await _tickets(api))["Ada"]["id"]
    body = {"messages": [(await _ids(api, ada))["one"]]}
    first = (await _ask(api, ada, "split", body)).json()["ticket_id"]
    assert (await _ask(api, first, "merge", {"into": ada})).status_code == 202
    assert sorted(await _said(api, ada)) == ["one", "three"]
    again = await _ask(api, ada, "split", body)
    assert again.status_code == 202, again.text
    assert (await _said(api, ada), await _said(api, again.json()["ticket_id"])) == (["three"], ["one"])
    assert (await _show(api, ada))["message_count"] == 1


async def test_a_person_is_erased_in_the_tickets_that_went_on_for_theirs(api: Api) -> None:
    """What Bob said in Ada's ticket goes, also once the merge was undone; what Ada said stays (G13)."""
    both = await _tickets(api)
    ada, bob = both["Ada"], both["Bob"]
    await _ask(api, bob["id"], "merge", {"into": ada["id"]})
    await api.hook(a_note("n5", "bob", "five", thread="t-bob"))
    await _ask(api, bob["id"], "unmerge")
    at = api.clock()
    erasure = Erasure(id=bob["author_id"], tenant="acme", platform="wall", since=at, at=at, next_at=at)
    part, place = EraseMessages(api.system.ledger), ""
    while (following := await part.step(erasure, place)) is not None:
        place = following
    assert [sorted(await _said(api, each["id"])) for each in (ada, bob)] == [["", "one", "three"], ["", ""]]
