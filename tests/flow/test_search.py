"""Searching, from what people write to what agents find."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.api import Api, a_note, an_api


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system with two people who have written."""
    async with an_api(tmp_path) as api:
        await api.hook(
            a_note("1", "ada", "Il mio ordine non è arrivato, dov'è?"),
            a_note("2", "bob", "Gli ordini arrivano tardi: cancello tutto"),
            a_note("3", "bob", "My parcel & <b>the box</b> are broken"),
        )
        yield api


async def _search(api: Api, expected: int = 200, **params: Any) -> Any:
    answer = await api.agent().get("/search/v1/results", params=params)
    assert answer.status_code == expected, answer.text
    return answer.json()


async def test_a_message_is_found_with_where_its_words_stand(api: Api) -> None:
    """In another form than was asked for; what is marked is the text as it was written."""
    found = await _search(api, text="ordine", kind="message")
    assert found["total"] == 2
    marked = [part["text"][slice(*part["marks"][0])] for hit in found["items"] for part in hit["excerpts"]]
    assert sorted(marked) == ["ordine", "ordini"]
    first = found["items"][0]
    assert (first["kind"], first["status"], first["platform"], first["direction"]) == (
        "message",
        "open",
        "wall",
        "inbound",
    )
    assert first["ticket_id"] is not None


async def test_tickets_and_authors_are_found_too(api: Api) -> None:
    """By subject and name; everything that may be seen where no kind is asked for."""
    found = await _search(api, text="bob")
    assert {hit["kind"] for hit in found["items"]} == {"ticket", "message", "author"}
    assert [hit["title"] for hit in found["items"] if hit["kind"] == "author"] == ["Bob"]


async def test_a_change_of_a_ticket_is_found_of_its_messages(api: Api) -> None:
    """Tags, who has it, its status: messages are found by what their ticket is now, and counted so."""
    ticket = (await _search(api, text="parcel", kind="message"))["items"][0]["ticket_id"]
    agent = api.agent()
    changes = {"tags": ["vip"], "assignee_id": "agent-7", "custom_fields": {"order": "A-4711"}}
    assert (await agent.patch(f"/message/v1/tickets/{ticket}", json=changes)).status_code == 200
    await api.settle()
    assert (await _search(api, text="parcel", tag="vip", assignee="agent-7", kind="message"))["total"] == 1
    assert (await _search(api, text="parcel", assignee="none", kind="message"))["total"] == 0
    assert [hit["id"] for hit in (await _search(api, text="4711"))["items"]] == [ticket]
    counted = await _search(api, kind="message", facet=["tag", "status", "assignee"])
    assert counted["facets"] == {
        "tag": [{"value": "vip", "count": 2}],
        "status": [{"value": "open", "count": 3}],
        "assignee": [{"value": "agent-7", "count": 2}],
    }
    await agent.patch(f"/message/v1/tickets/{ticket}", json={"status": "resolved"})
    await api.settle()
    assert (await _search(api, text="parcel", status="open", kind="message"))["total"] == 0


async def test_what_is_erased_is_not_found_even_before_the_index_knows(api: Api) -> None:
    """The documents are asked what is there; the index forgets a moment later."""
    author = next(hit for hit in (await _search(api, text="ada"))["items"] if hit["kind"] == "author")
    answer = await api.agent().post(f"/author/v1/authors/{author['id']}/erase")
    assert answer.status_code in (200, 202, 204), answer.text
    await api.system.pump.drain()
    assert (await _search(api, text="ada", kind="author"))["items"] == []
    await api.system.upkeep.due()
    assert (await _search(api, text="ordine", kind="message"))["items"][0]["author_id"] != author["id"]
    await api.settle()
    assert (await _search(api, text="ada"))["total"] == 0
    assert (await _search(api, text="ordine", kind="message"))["total"] == 1


async def test_pages_follow_each_other(api: Api) -> None:
    """Each hit comes once, and the last page says that it is the last."""
    first = await _search(api, sort="oldest", limit=2)
    seen = [hit["id"] for hit in first["items"]]
    cursor = first["next"]
    while cursor:
        page = await _search(api, sort="oldest", limit=2, cursor=cursor)
        seen += [hit["id"] for hit in page["items"]]
        cursor = page["next"]
    assert len(seen) == len(set(seen)) == first["total"]
    assert (await _search(api, 400, sort="newest", cursor=first["next"]))["type"].endswith("invalid-cursor")


@pytest.mark.parametrize("text", ['"open', "a OR", "-a", "*"])
async def test_what_cannot_be_read_is_refused_with_what_to_write(api: Api, text: str) -> None:
    """By the search and by the ticket list, which reads words the same way."""
    refused = await _search(api, 422, text=text)
    assert refused["errors"][0]["field"] == "/query/text"
    listed = await api.agent().get("/message/v1/tickets", params={"text": text})
    assert (listed.status_code, listed.json()["type"]) == (422, refused["type"])


async def test_authors_are_seen_by_those_who_may_see_them(api: Api) -> None:
    """A service without the permission finds everything else."""
    client = api.client("a-long-service-secret-1.acme", scheme="Token")
    found = (await client.get("/search/v1/results", params={"text": "bob"})).json()
    assert {hit["kind"] for hit in found["items"]} == {"ticket", "message"}
    assert (await client.get("/search/v1/results", params={"kind": "author"})).status_code == 403


async def test_another_tenant_finds_nothing(api: Api) -> None:
    """Neither by words nor by ids that it may know (G7)."""
    ticket = (await _search(api, text="parcel"))["items"][0]["ticket_id"]
    other = api.agent(tenant="other")
    for params in ({"text": "parcel"}, {"ticket": ticket}, {}):
        answer = (await other.get("/search/v1/results", params=params)).json()
        assert (answer["items"], answer["total"]) == ([], 0)


async def test_the_index_is_made_anew_by_an_operator_while_it_serves(api: Api) -> None:
    """And by itself where it was never made from everything; an agent may not ask for it."""
    assert (await api.agent().post("/search/v1/rebuilds")).status_code == 403
    operator = api.agent("installation-operator")
    asked = await operator.post("/search/v1/rebuilds")
    assert (asked.status_code, asked.json()["state"]) == (202, "queued")
    again = await operator.post("/search/v1/rebuilds")
    assert again.json()["id"] == asked.json()["id"]
    await api.system.upkeep.due()
    done = (await operator.get(f"/search/v1/rebuilds/{asked.json()['id']}")).json()
    assert (done["state"], done["done"]) == ("done", done["total"])
    assert (await _search(api, text="ordini", kind="message"))["total"] == 2
    assert await api.system.search.start() is False
