"""Authors who are one person, over the API of the whole system."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.api import Api, a_note, an_api

CONTACTS = "/author/v1/contacts"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system with three people who wrote."""
    async with an_api(tmp_path) as api:
        await api.hook(*(a_note(f"n{number}", name) for number, name in enumerate(("ada", "bob", "eve"))))
        yield api


async def author(http: httpx.AsyncClient, name: str) -> str:
    """Return the id of a person."""
    found: str = (await http.get(f"/author/v1/authors?q={name}")).json()["items"][0]["id"]
    return found


async def contact(http: httpx.AsyncClient, name: str) -> httpx.Response:
    """Return the contact of a person."""
    return await http.get(f"/author/v1/authors/{await author(http, name)}/contact")


async def merge(http: httpx.AsyncClient, into: str, other: str, **headers: str) -> httpx.Response:
    """Merge the contact of one person into that of another."""
    url = f"{CONTACTS}/{(await contact(http, into)).json()['id']}/merges"
    return await http.post(url, json={"author_id": await author(http, other)}, headers=headers)


def names(found: dict[str, Any]) -> list[str]:
    """Return who is in a contact."""
    return sorted(each["name"] for each in found["authors"])


async def test_a_person_is_put_together_and_taken_apart(api: Api) -> None:
    """With the tickets of all their authors; afterwards everything is as it was."""
    http = api.agent("agent")
    before = (await contact(http, "ada")).json()
    merged = await merge(http, "ada", "bob")
    assert merged.status_code == 201, merged.text
    assert names(merged.json()) == ["Ada", "Bob"]
    url = f"{CONTACTS}/{merged.json()['id']}"
    tickets: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await http.get(f"{url}/tickets?limit=1{cursor and '&cursor=' + cursor}")).json()
        tickets += [ticket["author_name"] for ticket in page["items"]]
        cursor = page["next"]
    assert sorted(tickets) == ["Ada", "Bob"]
    assert [names(each) for each in (await http.get(CONTACTS)).json()["items"]] == [["Ada", "Bob"]]

    (joined,) = merged.json()["merges"]
    undone = await http.post(f"{url}/merges/{joined['id']}/undo")
    assert (names(undone.json()["contact"]), names(undone.json()["apart"])) == (["Ada"], ["Bob"])
    after = (await contact(http, "ada")).json()
    assert {**after, "version": 0} == {**before, "version": 0}
    assert (await http.get(CONTACTS)).json()["items"] == []
    assert (await http.post(f"{url}/merges/{joined['id']}/undo")).status_code == 404
    await api.settle()
    told = (await http.get("/log/v1/logs?limit=200")).json()["items"]
    assert {"contact_merged", "contact_extended", "contact_merge_undone"} <= {entry["what"] for entry in told}


async def test_a_merge_is_made_once_for_its_key_and_only_over_the_version_seen(api: Api) -> None:
    """The second of two people is told (412)."""
    http = api.agent("agent")
    seen = (await contact(http, "ada")).headers["ETag"]
    first = await merge(http, "ada", "bob", **{"If-Match": seen, "Idempotency-Key": "k"})
    again = await merge(http, "ada", "bob", **{"If-Match": seen, "Idempotency-Key": "k"})
    assert (first.status_code, again.json()) == (201, first.json())
    assert (await merge(http, "ada", "eve", **{"If-Match": seen})).status_code == 412
    assert (await merge(http, "ada", "bob")).status_code == 409
    assert (await merge(http, "ada", "eve", **{"If-Match": first.headers["ETag"]})).status_code == 201


async def test_what_people_filled_in_suggests_who_is_one(api: Api) -> None:
    """As not verified, since no platform vouches for it."""
    http = api.agent()
    field = {"key": "mail", "of": "author", "type": "text", "title": "Mail", "identifies": "mail"}
    await http.post("/metadata/v1/fields", json=field)
    for name, mail in (("ada", "ada@shop.example"), ("bob", "ADA@shop.example "), ("eve", "eve@shop.example")):
        url = f"/author/v1/authors/{await author(http, name)}"
        assert (await http.patch(url, json={"custom_fields": {"mail": mail}})).status_code == 200
    one = (await contact(http, "ada")).json()
    (suggested,) = (await http.get(f"{CONTACTS}/{one['id']}/suggestions")).json()["items"]
    assert (names(suggested["contact"]), suggested["evidence"]) == (["Bob"], [{"kind": "mail", "verified": False}])


async def test_people_who_were_known_before_are_read_again(api: Api) -> None:
    """A field that is said to identify people later does so for what was filled in before."""
    http = api.agent()
    field = {"key": "mobile", "of": "author", "type": "text", "title": "Mobile"}
    made = (await http.post("/metadata/v1/fields", json=field)).json()
    for name in ("ada", "bob"):
        url = f"/author/v1/authors/{await author(http, name)}"
        await http.patch(url, json={"custom_fields": {"mobile": "+39 333 5550100"}})
    suggestions = f"{CONTACTS}/{(await contact(http, 'ada')).json()['id']}/suggestions"
    assert (await http.get(suggestions)).json()["items"] == []
    await http.patch(f"/metadata/v1/fields/{made['id']}", json={"identifies": "phone"})
    await api.system.upkeep.due()
    http = api.agent()
    assert [names(each["contact"]) for each in (await http.get(suggestions)).json()["items"]] == [["Bob"]]


async def test_an_erased_person_is_in_no_contact(api: Api) -> None:
    """The others stay one; nothing of the group tells that there was another."""
    http = api.agent()
    await merge(http, "ada", "bob")
    await merge(http, "ada", "eve")
    gone = await author(http, "ada")
    await http.post(f"/author/v1/authors/{gone}/erase")
    await api.settle()
    await api.system.upkeep.due()
    await api.settle()
    http = api.agent()
    assert names((await contact(http, "bob")).json()) == ["Bob", "Eve"]
    assert gone not in (await contact(http, "bob")).text
    assert (await http.get(f"{CONTACTS}/c-{gone}")).status_code == 404
    assert (await http.get(f"/author/v1/authors/{gone}/contact")).status_code == 404


async def test_another_tenant_sees_none_and_a_viewer_changes_none(api: Api) -> None:
    """Ids of another tenant do not exist (G7); each write needs its permission (G8)."""
    http, other, viewer = api.agent(), api.agent(tenant="other"), api.agent("viewer")
    merged = (await merge(http, "ada", "bob")).json()
    url = f"{CONTACTS}/{merged['id']}"
    body = {"author_id": await author(http, "eve")}
    for path in ("", "/tickets", "/suggestions"):
        assert (await other.get(f"{url}{path}")).status_code == 404
    assert (await other.post(f"{url}/merges", json=body)).status_code == 404
    assert (await other.post(f"{url}/merges/{merged['merges'][0]['id']}/undo")).status_code == 404
    assert (await other.get(CONTACTS)).json()["items"] == []
    assert (await viewer.post(f"{url}/merges", json=body)).status_code == 403
    assert (await viewer.get(url)).status_code == 200
    await other.post(f"{CONTACTS}/c-{body['author_id']}/merges", json=body)
    assert names((await contact(http, "eve")).json()) == ["Eve"]
