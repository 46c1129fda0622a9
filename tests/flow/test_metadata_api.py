"""Tags, fields and canned replies, over the API of the whole system."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.identity.model import User

from tests.support.api import Api, a_note, an_api
from tests.support.metadata import META, TICKETS, change, made, ticket_of, wrong


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system with a ticket of Ada's and one of Bob's."""
    async with an_api(tmp_path) as api:
        await api.hook(a_note("n1", "ada", "Where is my parcel?"), a_note("n2", "bob", "Thank you"))
        yield api


class TestTags:
    """What may stand on tickets and people."""

    async def test_a_tag_is_taken_as_it_is_declared_whatever_its_case(self, api: Api) -> None:
        """One spelling for all; what nobody declared is free until it is forbidden."""
        http = api.agent()
        await made(http, "tags", name="VIP", colour="#ff0000", group="people")
        assert (await change(http, tags=["vip", "Vip", "other"])).json()["tags"] == ["VIP", "other"]
        await http.put(f"{META}/tags/policy", json={"free": False})
        assert "/body/tags" in await wrong(change(http, "Bob", tags=["unheard of"]))
        assert (await change(http, tags=["other", "VIP"])).json()["tags"] == ["other", "VIP"]

    async def test_an_archived_tag_stays_and_is_put_on_nothing_else(self, api: Api) -> None:
        """What bears it may keep it."""
        http = api.agent()
        tag = await made(http, "tags", name="old")
        await change(http, tags=["old"])
        await http.patch(f"{META}/tags/{tag['id']}", json={"archived": True})
        assert (await change(http, tags=["old", "new"])).status_code == 200
        assert "archived" in (await wrong(change(http, "Bob", tags=["old"])))["/body/tags"]

    async def test_a_new_name_reaches_tickets_and_people_and_the_old_one_means_it(self, api: Api) -> None:
        """By a job whose progress is seen; whoever still writes the old name writes the new one."""
        http = api.agent()
        tag = await made(http, "tags", name="parcel")
        await change(http, tags=["parcel", "x"])
        author = (await ticket_of(http))["author_id"]
        assert (await http.patch(f"/author/v1/authors/{author}", json={"tags": ["Parcel"]})).json()["tags"] == [
            "parcel"
        ]
        view = await made(http, "views", name="Parcels", filters={"tag": "parcel"})

        renamed = (await http.patch(f"{META}/tags/{tag['id']}", json={"name": "delivery"})).json()
        assert (await change(http, "Bob", tags=["parcel"])).json()["tags"] == ["delivery"]
        await api.system.upkeep.due()
        api.clock.forward(minutes=2)
        await api.system.upkeep.due()
        await api.settle()

        http = api.agent()
        job = (await http.get(f"{META}/jobs/{renamed['job_id']}")).json()
        assert (job["state"], job["done"], job["total"]) == ("done", 2, 2)
        assert (await ticket_of(http))["tags"] == ["delivery", "x"]
        assert (await http.get(f"/author/v1/authors/{author}")).json()["tags"] == ["delivery"]
        assert len((await http.get(f"{META}/views/{view['id']}/tickets")).json()["items"]) == 2
        told = [entry["what"] for entry in (await http.get("/log/v1/logs?limit=200")).json()["items"]]
        assert {"tag_changed", "ticket_retagged"} <= set(told)

    async def test_tags_are_merged_and_never_in_a_circle(self, api: Api) -> None:
        """The one that goes means the other; a second merge of it is told that it is gone."""
        http = api.agent()
        one, other = await made(http, "tags", name="bill"), await made(http, "tags", name="invoice")
        await change(http, tags=["bill", "invoice"])
        await change(http, "Bob", tags=["bill"])
        merged, again = await asyncio.gather(
            http.post(f"{META}/tags/{one['id']}/merge", json={"into": other["id"]}),
            http.post(f"{META}/tags/{other['id']}/merge", json={"into": one["id"]}),
        )
        assert sorted([merged.status_code, again.status_code]) in ([200, 404], [200, 422])
        await api.system.upkeep.due()
        kept = (await http.get(f"{META}/tags")).json()["items"]
        assert len(kept) == 1
        assert (await ticket_of(http))["tags"] == [kept[0]["name"]]
        assert (await change(http, "Bob", tags=["bill", "invoice"])).json()["tags"] == [kept[0]["name"]]

    async def test_two_people_who_change_a_tag_do_not_overwrite_each_other(self, api: Api) -> None:
        """The second is told (412); a name is taken once, whatever its case."""
        http = api.agent()
        tag = await made(http, "tags", name="one")
        url = f"{META}/tags/{tag['id']}"
        assert (await http.patch(url, json={"group": "g"}, headers={"If-Match": '"1"'})).status_code == 200
        assert (await http.patch(url, json={"group": "h"}, headers={"If-Match": '"1"'})).status_code == 412
        assert (await http.post(f"{META}/tags", json={"name": "ONE"})).status_code == 409


class TestFields:
    """Fields of the tenant's own."""

    @pytest.mark.parametrize(
        ("declared", "good", "stored", "bad"),
        [
            ({"type": "text", "max_length": 3}, "abc", "abc", "abcd"),
            ({"type": "number", "minimum": 1, "maximum": 5}, 4.5, 4.5, 6),
            ({"type": "number"}, 7, 7, True),
            ({"type": "boolean"}, False, False, 0),
            ({"type": "date"}, "2026-11-23", "2026-11-23", "23.11.2026"),
            ({"type": "select", "options": [{"value": "a"}, {"value": "b", "archived": True}]}, "a", "a", "b"),
            ({"type": "multi_select", "options": [{"value": "a"}, {"value": "b"}]}, ["b", "a", "b"], ["b", "a"], "a"),
            ({"type": "url"}, "https://shop.example/1", "https://shop.example/1", "javascript:alert(1)"),
        ],
    )
    async def test_a_value_must_be_of_the_fields_type(
        self, api: Api, declared: dict[str, Any], good: Any, stored: Any, bad: Any
    ) -> None:
        """What is wrong is told with the field's place; null empties it."""
        http = api.agent()
        await made(http, "fields", key="f", of="ticket", title="F", **declared)
        assert (await change(http, custom_fields={"f": good})).json()["custom_fields"] == {"f": stored}
        assert list(await wrong(change(http, custom_fields={"f": bad}))) == ["/body/custom_fields/f"]
        assert (await change(http, custom_fields={"f": None})).json()["custom_fields"] == {"f": None}

    async def test_what_is_required_is_there_before_a_ticket_is_resolved(self, api: Api) -> None:
        """Its default does; an archived field is asked for no more."""
        http = api.agent()
        field = await made(http, "fields", key="reason", of="ticket", type="text", title="Reason", required=True)
        await made(http, "fields", key="kind", of="ticket", type="text", title="K", required=True, default="usual")
        assert "/body/custom_fields/reason" in await wrong(change(http, status="resolved"))
        done = (await change(http, status="resolved", custom_fields={"reason": "sent"})).json()
        assert (done["status"], done["custom_fields"]) == ("resolved", {"reason": "sent", "kind": "usual"})
        assert "/body/custom_fields/reason" in await wrong(change(http, custom_fields={"reason": None}))
        await http.patch(f"{META}/fields/{field['id']}", json={"archived": True})
        assert (await change(http, "Bob", status="resolved")).json()["status"] == "resolved"

    async def test_type_and_key_never_change_and_undeclared_fields_can_be_forbidden(self, api: Api) -> None:
        """The old values stay to be seen."""
        http = api.agent()
        await change(http, custom_fields={"wild": 1})
        field = await made(http, "fields", key="f", of="ticket", type="text", title="F")
        assert (await http.patch(f"{META}/fields/{field['id']}", json={"type": "number"})).status_code == 422
        again = {"key": "f", "of": "ticket", "type": "number", "title": "F"}
        assert (await http.post(f"{META}/fields", json=again)).status_code == 409
        await http.put(f"{META}/fields/policy", json={"free": False})
        assert "/body/custom_fields/new" in await wrong(change(http, custom_fields={"new": 1}))
        assert (await ticket_of(http))["custom_fields"] == {"wild": 1}

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"type": "select"}, "options"),
            ({"type": "text", "options": [{"value": "a"}]}, "options"),
            ({"type": "text", "minimum": 1}, "minimum"),
            ({"type": "number", "minimum": 2, "maximum": 1}, "maximum"),
            ({"type": "number", "default": "x"}, "default"),
            ({"type": "text", "identifies": "mail"}, "identifies"),
        ],
    )
    async def test_a_field_that_makes_no_sense_is_refused(self, api: Api, body: dict[str, Any], field: str) -> None:
        """Each part that is wrong is named."""
        answer = api.agent().post(f"{META}/fields", json={"key": "f", "of": "ticket", "title": "F", **body})
        assert list(await wrong(answer)) == [f"/body/{field}"]

    async def test_a_rule_cannot_write_what_a_person_could_not(self, api: Api) -> None:
        """What it asks for is refused, and the history says why."""
        http = api.agent()
        await made(http, "fields", key="n", of="ticket", type="number", title="N")
        rule = {"name": "r", "actions": [{"type": "set_custom_field", "name": "n", "value": "many"}]}
        assert (await http.post("/rule-engine/v1/rules", json=rule)).status_code == 201
        await api.hook(a_note("n3", "ada", "again"))
        assert (await ticket_of(http))["custom_fields"] == {}
        (told,) = (await http.get("/log/v1/logs?what=ticket_change_refused")).json()["items"]
        assert "custom_fields/n: must be a number" in told["snapshot"]["reason"]

    async def test_a_rule_chooses_several_options(self, api: Api) -> None:
        """Those that the field offers."""
        http = api.agent()
        options = [{"value": "a"}, {"value": "b"}]
        await made(http, "fields", key="m", of="ticket", type="multi_select", title="M", options=options)
        rule = {"name": "r", "actions": [{"type": "set_custom_field", "name": "m", "value": ["b", "a"]}]}
        assert (await http.post("/rule-engine/v1/rules", json=rule)).status_code == 201
        await api.hook(a_note("n3", "ada", "again"))
        assert (await ticket_of(http))["custom_fields"] == {"m": ["b", "a"]}

    async def test_a_message_is_noted_in_fields_of_its_own(self, api: Api) -> None:
        """What was said stays as it is; what is noted goes with the message's text when the person is erased."""
        http = api.agent()
        await made(http, "fields", key="mood", of="message", type="select", title="M", options=[{"value": "glad"}])
        listed = await http.get(f"{TICKETS}/{(await ticket_of(http))['id']}/messages")
        url = f"/message/v1/messages/{listed.json()['items'][0]['id']}"
        seen = (await http.get(url)).headers["ETag"]
        noted = await http.patch(url, json={"custom_fields": {"mood": "glad"}}, headers={"If-Match": seen})
        assert (noted.json()["custom_fields"], noted.json()["body"]) == ({"mood": "glad"}, "Where is my parcel?")
        assert "/body/custom_fields/mood" in await wrong(http.patch(url, json={"custom_fields": {"mood": "sad"}}))
        stale = await http.patch(url, json={"custom_fields": {}}, headers={"If-Match": seen})
        assert stale.status_code == 412
        assert (await api.agent(tenant="other").patch(url, json={"custom_fields": {}})).status_code == 404

    async def test_people_have_tags_and_fields_which_rules_are_told(self, api: Api) -> None:
        """With the version that was seen; the history has what they are now."""
        http = api.agent()
        await made(http, "fields", key="tier", of="author", type="select", title="T", options=[{"value": "gold"}])
        url = f"/author/v1/authors/{(await ticket_of(http))['author_id']}"
        body = {"tags": ["vip"], "custom_fields": {"tier": "gold"}}
        changed = await http.patch(url, json=body, headers={"If-Match": (await http.get(url)).headers["ETag"]})
        assert {name: changed.json()[name] for name in body} == body
        assert (await http.patch(url, json=body, headers={"If-Match": '"1"'})).status_code == 412
        assert "/body/custom_fields/tier" in await wrong(http.patch(url, json={"custom_fields": {"tier": "tin"}}))
        assert len((await http.get("/author/v1/authors?tag=vip")).json()["items"]) == 1
        await api.settle()
        told = (await http.get("/log/v1/logs?what=author_changed")).json()["items"][0]["snapshot"]
        assert (told["tags"], told["custom"]) == (["vip"], {"tier": "gold"})


class TestCanned:
    """Texts to answer with."""

    async def test_a_text_is_filled_in_for_a_ticket_in_its_language(self, api: Api) -> None:
        """By language, its parent, or the reply's own; what is empty has its instead."""
        http = api.agent()
        texts = {"en": "Hello {{author.name|there}} {{author.handle|you}}", "pt-BR": "Oi", "de": "Hallo"}
        canned = await made(http, "canned-replies", name="Hello", shortcut="hi", language="en", texts=texts)
        ticket = await ticket_of(http)
        for language, taken, text in (
            ("", "en", "Hello Ada you"), ("de-AT", "de", "Hallo"), ("pt", "pt-BR", "Oi"), ("fr", "en", "Hello Ada you"),
        ):  # fmt: skip
            body = {"ticket_id": ticket["id"], "language": language}
            got = (await http.post(f"{META}/canned-replies/{canned['id']}/render", json=body)).json()
            assert got == {"language": taken, "text": text, "files": []}

    async def test_an_unknown_variable_is_refused_and_a_shortcut_is_taken_once(self, api: Api) -> None:
        """Within its audience."""
        http = api.agent()
        body = {"name": "a", "shortcut": "a", "language": "en", "texts": {"en": "{{who}}"}}
        assert "there is no variable" in str(await wrong(http.post(f"{META}/canned-replies", json=body)))
        await made(http, "canned-replies", **{**body, "texts": {"en": "x"}})
        again = {**body, "texts": {"en": "y"}}
        assert (await http.post(f"{META}/canned-replies", json=again)).status_code == 409
        await made(http, "canned-replies", **again, audience="shared")

    async def test_what_is_personal_is_seen_by_nobody_else(self, api: Api) -> None:
        """Nor may an agent change what others share."""
        admin, agent = api.agent(), api.client("a-long-service-secret-1.acme", scheme="Token")
        body = {"name": "a", "shortcut": "abc", "language": "en", "texts": {"en": "x"}}
        mine = await made(admin, "canned-replies", **body)
        ours = await made(admin, "canned-replies", **body, audience="shared")
        url = f"{META}/canned-replies/{mine['id']}"
        ticket = await ticket_of(agent)
        assert (await agent.post(f"{url}/render", json={"ticket_id": ticket["id"]})).status_code == 404
        assert (await agent.patch(url, json={"name": "b"})).status_code == 404
        shared = f"{META}/canned-replies/{ours['id']}"
        assert (await agent.patch(shared, json={"name": "b"})).status_code == 403
        assert (await agent.post(f"{shared}/render", json={"ticket_id": ticket["id"]})).status_code == 200
        found = (await admin.get(f"{META}/canned-replies?shortcut=AB&q=a")).json()["items"]
        assert {each["id"] for each in found} == {mine["id"], ours["id"]}

    async def test_what_a_team_has_is_seen_by_its_members(self, api: Api) -> None:
        """And by whoever may change it; a team that is not there is refused."""
        admin, agent = api.agent(), api.agent("agent")
        team = (await admin.post("/identity/v1/teams", json={"name": "North"})).json()["id"]
        body = {"name": "a", "shortcut": "a", "language": "en", "texts": {"en": "x"}, "audience": "team"}
        assert "/body/team_id" in await wrong(admin.post(f"{META}/canned-replies", json=body))
        assert "/body/team_id" in await wrong(admin.post(f"{META}/canned-replies", json={**body, "team_id": "none"}))
        url = f"{META}/canned-replies/{(await made(admin, 'canned-replies', **body, team_id=team))['id']}"
        assert [(await each.get(url)).status_code for each in (admin, agent)] == [200, 404]
        assert (await agent.get(f"{META}/canned-replies")).json()["items"] == []

        at = api.clock()
        member = User(
            id="operator", tenant="acme", login="acme/bo@shop.example", email="bo@shop.example", name="Bo",
            password_hash="", roles=("agent",), team_ids=(team,), created_at=at, updated_at=at,
        )  # fmt: skip
        await api.system.ledger.commit(Work([Step.of([member])]))
        assert (await agent.get(url)).status_code == 200
        assert len((await agent.get(f"{META}/canned-replies")).json()["items"]) == 1
        assert (await agent.delete(url)).status_code == 403

    async def test_its_files_go_with_it_and_are_kept(self, api: Api) -> None:
        """For years, as it may be used at any time."""
        http = api.agent()
        upload = await http.post(
            "/media/v1/files?name=a.txt", content=b"hello", headers={"Content-Type": "text/plain"}
        )  # fmt: skip
        name = upload.json()["id"]
        body = {"name": "a", "shortcut": "a", "language": "en", "texts": {"en": "x"}, "files": [name]}
        await made(http, "canned-replies", **body)
        api.clock.forward(days=300)
        await api.system.upkeep.due()
        assert (await api.agent().get(f"/media/v1/files/{name}")).status_code == 200
        assert "/body/files/0" in await wrong(
            api.agent().post(f"{META}/canned-replies", json={**body, "shortcut": "b", "files": ["none"]})
        )
