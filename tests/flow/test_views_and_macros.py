"""Saved views and macros, over the API of the whole system; what tenants and viewers see of metadata."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.api import Api, a_note, an_api
from tests.support.metadata import META, TICKETS, change, made, ticket_of


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system with a ticket of Ada's and one of Bob's."""
    async with an_api(tmp_path) as api:
        await api.hook(a_note("n1", "ada", "Where is my parcel?"), a_note("n2", "bob", "Thank you"))
        yield api


class TestViews:
    """Lists of tickets that are looked at again."""

    @pytest.mark.parametrize(
        ("filters", "query"),
        [
            ({}, ""),
            ({"status": ["open"], "assignee": "me"}, "&status=open&assignee=me"),
            ({"text": "parcel"}, "&text=parcel"),
            ({"tag": "x", "snoozed": False}, "&tag=x&snoozed=false"),
        ],
    )
    async def test_a_view_gives_the_page_that_the_list_gives(self, api: Api, filters: Any, query: str) -> None:
        """Page by page, in its order, with its count."""
        http = api.agent()
        await change(http, tags=["x"], assignee_id="operator")
        view = await made(http, "views", name="v", filters=filters, sort="created")
        cursor: str | None = ""
        count = 0
        while cursor is not None:
            more = f"limit=1{cursor and '&cursor=' + cursor}"
            page = (await http.get(f"{META}/views/{view['id']}/tickets?{more}")).json()
            assert page == (await http.get(f"{TICKETS}?{more}&sort=created{query}")).json()
            count, cursor = count + len(page["items"]), page["next"]
        assert (await http.get(f"{META}/views/{view['id']}/count")).json() == {"count": count}
        assert [each["count"] for each in (await http.get(f"{META}/views?counts=true")).json()["items"]] == [count]

    async def test_words_that_cannot_be_read_are_refused_before_they_are_saved(self, api: Api) -> None:
        """Else nobody could count their views any more."""
        http = api.agent()
        view = await made(http, "views", name="v", audience="shared", filters={"text": "parcel"})
        bad = {"filters": {"text": "parcel OR"}}
        for answer in (
            await http.post(f"{META}/views", json={"name": "w", **bad}),
            await http.patch(f"{META}/views/{view['id']}", json=bad),
        ):
            assert answer.status_code == 422
            assert [each["field"] for each in answer.json()["errors"]] == ["/body/filters/text"]
        assert [each["count"] for each in (await http.get(f"{META}/views?counts=true")).json()["items"]] == [1]

    async def test_a_view_is_changed_and_removed_by_whoever_may(self, api: Api) -> None:
        """With the version that they saw."""
        http = api.agent()
        view = await made(http, "views", name="v", audience="shared")
        url = f"{META}/views/{view['id']}"
        assert (await http.patch(url, json={"sort": "created"}, headers={"If-Match": '"1"'})).json()[
            "sort"
        ] == "created"
        assert (await http.delete(url, headers={"If-Match": '"1"'})).status_code == 412
        assert (await api.agent("agent").delete(url)).status_code == 403
        assert (await http.delete(url)).status_code == 204
        assert (await http.get(url)).status_code == 404


class TestMacros:
    """Several things at one go."""

    ACTIONS = (
        {"type": "reply", "text": "Dear {{author.name|customer}}"},
        {"type": "add_tags", "tags": ["done"]},
        {"type": "assign", "agent_id": "me"},
        {"type": "note", "text": "answered"},
        {"type": "set_status", "status": "resolved"},
    )

    async def test_each_ticket_and_action_has_its_result_and_a_repeat_does_nothing_twice(self, api: Api) -> None:
        """A ticket that is not there fails alone; the same key gives the same answer and one visible reply."""
        http = api.agent()
        macro = await made(http, "macros", name="Close", audience="shared", actions=self.ACTIONS)
        ids = [(await ticket_of(http))["id"], "unknown", (await ticket_of(http, "Bob"))["id"]]
        runs = [
            await http.post(
                f"{META}/macros/{macro['id']}/run", json={"ticket_ids": ids}, headers={"Idempotency-Key": "k"}
            )
            for _ in range(2)
        ]
        assert runs[0].json() == runs[1].json()
        first, unknown, last = runs[0].json()["results"]
        assert (first["ok"], unknown["ok"], last["ok"]) == (True, False, True)
        assert [each["result"] for each in unknown["actions"]] == ["failed", *["not_tried"] * 4]
        assert [each["result"] for each in first["actions"]] == ["done"] * 5
        await api.settle()
        assert sorted(answer["text"] for answer in api.platform.answers) == ["Dear Ada", "Dear Bob"]
        ticket = await ticket_of(http)
        assert (ticket["status"], ticket["tags"], ticket["assignee_id"]) == ("resolved", ["done"], "operator")

    async def test_a_ticket_that_was_changed_since_it_was_seen_is_left_alone(self, api: Api) -> None:
        """Also where the first thing to do is a reply."""
        http = api.agent()
        for actions in (self.ACTIONS, self.ACTIONS[1:]):
            macro = await made(http, "macros", name="Close", actions=actions)
            ticket = await ticket_of(http)
            run = {"ticket_ids": [ticket["id"]], "versions": {ticket["id"]: ticket["version"] - 1}}
            (result,) = (await http.post(f"{META}/macros/{macro['id']}/run", json=run)).json()["results"]
            assert result["actions"][0]["result"] == "failed"
            assert (await ticket_of(http))["version"] == ticket["version"]

    async def test_what_fails_ends_the_ticket_and_says_why(self, api: Api) -> None:
        """So nothing is resolved whose answer was not written."""
        http = api.agent()
        await made(http, "fields", key="n", of="ticket", type="number", title="N")
        actions = [{"type": "set_fields", "fields": {"n": "x"}}, *self.ACTIONS]
        macro = await made(http, "macros", name="m", actions=actions)
        ticket = await ticket_of(http)
        run = {"ticket_ids": [ticket["id"]]}
        (result,) = (await http.post(f"{META}/macros/{macro['id']}/run", json=run)).json()["results"]
        assert [each["result"] for each in result["actions"]] == ["failed", *["not_tried"] * 5]
        assert "custom_fields/n" in result["actions"][0]["detail"]

    async def test_a_tag_is_taken_off_by_whichever_name_it_is_known(self, api: Api) -> None:
        """Also by one that it had before, or that a tag had which was merged into it."""
        http = api.agent()
        tags = {name: (await made(http, "tags", name=name))["id"] for name in ("parcel", "package", "late")}
        await change(http, tags=["package", "late"])
        await http.patch(f"{META}/tags/{tags['package']}", json={"name": "shipment"})
        await http.post(f"{META}/tags/{tags['parcel']}/merge", json={"into": tags["package"]})
        await change(http, tags=["shipment", "late", "free"])
        ticket = await ticket_of(http)
        for number, name in enumerate(("Package", "parcel", "SHIPMENT")):
            macro = await made(http, "macros", name="m", actions=[{"type": "remove_tags", "tags": [name]}])
            run = {"ticket_ids": [ticket["id"]]}
            (result,) = (await http.post(f"{META}/macros/{macro['id']}/run", json=run)).json()["results"]
            assert (number, result["actions"][0]["result"]) == (number, "done")
            assert (await ticket_of(http))["tags"] == ["late", "free"]
            await change(http, tags=["shipment", "late", "free"])

    async def test_what_is_so_already_is_said_to_be_unchanged(self, api: Api) -> None:
        """And nothing is stored for it."""
        http = api.agent()
        macro = await made(http, "macros", name="m", actions=[{"type": "set_priority", "priority": "normal"}])
        ticket = await ticket_of(http)
        (result,) = (
            await http.post(f"{META}/macros/{macro['id']}/run", json={"ticket_ids": [ticket["id"]]})
        ).json()["results"]  # fmt: skip
        assert (result["actions"][0]["result"], result["version"]) == ("unchanged", ticket["version"])


async def test_another_tenant_sees_none_of_it(api: Api) -> None:
    """Ids of another tenant do not exist (G7)."""
    http, other = api.agent(), api.agent(tenant="other")
    body = {"name": "a", "shortcut": "a", "language": "en", "texts": {"en": "x"}, "audience": "shared"}
    there = {
        "tags": await made(http, "tags", name="a"),
        "fields": await made(http, "fields", key="f", of="ticket", type="text", title="F"),
        "canned-replies": await made(http, "canned-replies", **body),
        "views": await made(http, "views", name="v", audience="shared"),
        "macros": await made(http, "macros", name="m", audience="shared", actions=TestMacros.ACTIONS),
    }
    for kind, made_one in there.items():
        url = f"{META}/{kind}/{made_one['id']}"
        assert (await other.get(f"{META}/{kind}")).json()["items"] == []
        assert (await other.get(url)).status_code == 404
        assert (await other.patch(url, json={})).status_code == 404
        if kind not in ("tags", "fields"):
            assert (await other.delete(url)).status_code == 404
    run = {"ticket_ids": [(await ticket_of(http))["id"]]}
    assert (await other.post(f"{META}/macros/{there['macros']['id']}/run", json=run)).status_code == 404
    own = await made(other, "macros", name="m", actions=[{"type": "set_priority", "priority": "low"}])
    (result,) = (await other.post(f"{META}/macros/{own['id']}/run", json=run)).json()["results"]
    assert (result["ok"], result["version"]) == (False, None)


async def test_a_viewer_sees_and_does_not_change(api: Api) -> None:
    """Each write lacks a permission."""
    viewer = api.agent("viewer")
    assert (await viewer.get(f"{META}/tags")).status_code == 200
    for method, path in (("POST", "tags"), ("POST", "fields"), ("POST", "canned-replies"), ("POST", "views"),
                         ("POST", "macros"), ("PUT", "tags/policy"), ("POST", "macros/x/run")):  # fmt: skip
        assert (await viewer.request(method, f"{META}/{path}", json={})).status_code == 403
