"""Calendars and replies are written through the API, shown, tried, and kept apart by tenant and permission."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.ports.documents import Query
from chorally_core.services.rule.model import Given

from tests.support.api import Api, a_note, an_api

CALENDARS, REPLIES, PREVIEW = "/rule/v1/calendars", "/rule/v1/replies", "/rule/v1/preview"
EVENINGS: dict[str, Any] = {
    "name": "Evenings",
    "time_zone": "Europe/Rome",
    "weekly": {"mon": [{"opens": "20:00", "closes": "01:00"}], "tue": [{"opens": "20:00", "closes": "24:00"}]},
    "countries": [{"country": "IT", "region": "MI"}],
    "festivities": [{"on": "08-15", "name": "Ferragosto"}],
    "exceptions": [{"on": "2026-12-24", "open": [{"opens": "09:00", "closes": "12:00"}], "name": "Christmas Eve"}],
}
CLOSED: dict[str, Any] = {
    "name": "Closed",
    "condition": "closed",
    "language": "en",
    "texts": {"en": "Hello {{author.name|there}}, back {{calendar.opens}}.", "it": "A {{calendar.opens}}."},
}


BASES = {CALENDARS: EVENINGS, REPLIES: CLOSED}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system without tickets."""
    async with an_api(tmp_path) as api:
        yield api


@pytest.fixture
def http(api: Api) -> httpx.AsyncClient:
    """Somebody who may write rules."""
    return api.agent("supervisor")


async def made(http: httpx.AsyncClient, path: str, body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Add a calendar or reply, with some of it changed."""
    answer = await http.post(path, json={**body, **changes})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_message_is_answered_in_words(api: Api, http: httpx.AsyncClient) -> None:
    """At ten in the morning, by a calendar that opens in the evening; the preview says the same beforehand."""
    await made(http, CALENDARS, EVENINGS)
    reply = await made(http, REPLIES, CLOSED)
    told = (await http.get(PREVIEW, params={"language": "en"})).json()
    await api.hook(a_note("n1", "ada"))
    await api.hook(a_note("n2", "ada"))

    assert [answer["text"] for answer in api.platform.answers] == ["Hello Ada, back today at 8:00 PM."]
    assert (told["sends"], told["text"]) == (True, "Hello {{author.name}}, back today at 8:00 PM.")
    (ticket,) = (await http.get("/message/v1/tickets")).json()["items"]
    told = (await http.get(PREVIEW, params={"ticket_id": ticket["id"]})).json()
    assert (told["sends"], told["why_not"]) == (False, "the ticket has got a reply since it closed")
    (given,) = [each for each in await api.system.ledger.documents.find(_all()) if each.reply_id == reply["id"]]
    assert given.ticket_id == ticket["id"]


def _all() -> Query:
    return Query(Given, None)


async def test_a_calendar_is_added_shown_changed_and_removed(http: httpx.AsyncClient) -> None:
    """What comes back is what was written, with times as people write them; each change has its version."""
    calendar = await made(http, CALENDARS, EVENINGS, accounts=["account-wall"], languages=["it", "pt-BR"])
    path = f"{CALENDARS}/{calendar['id']}"
    assert {name: calendar[name] for name in EVENINGS} == EVENINGS
    shown = await http.get(path)
    assert (shown.json(), shown.headers["ETag"]) == (calendar, '"1"')

    changed = await http.patch(path, json={"weekly": {"wed": []}, "languages": []}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert changed.json()["weekly"] == {"wed": []}
    assert (changed.json()["accounts"], changed.json()["festivities"]) == (["account-wall"], EVENINGS["festivities"])
    same = await http.patch(path, json={"name": "Evenings"})
    assert (same.headers["ETag"], same.json()["version"]) == ('"2"', 2)
    late = await http.patch(path, json={"name": "Late"}, headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["type"]) == (412, "urn:chorally:problem:changed-meanwhile")

    assert (await http.delete(path)).status_code == 204
    assert (await http.get(path)).status_code == 404
    assert (await http.get(CALENDARS)).json() == {"items": [], "next": None}


async def test_a_reply_is_added_shown_changed_and_removed(http: httpx.AsyncClient) -> None:
    """A calendar that it names stays for as long as it does."""
    calendar = await made(http, CALENDARS, EVENINGS)
    reply = await made(http, REPLIES, CLOSED, calendar_id=calendar["id"])
    path = f"{REPLIES}/{reply['id']}"
    assert (await http.get(path)).json() == reply
    used = await http.delete(f"{CALENDARS}/{calendar['id']}")
    assert (used.status_code, used.json()["type"]) == (409, "urn:chorally:problem:calendar-in-use")
    assert "Closed" in used.json()["detail"]

    changed = (await http.patch(path, json={"calendar_id": None, "enabled": False})).json()
    assert (changed["calendar_id"], changed["enabled"], changed["version"]) == (None, False, 2)
    assert (changed["texts"], changed["created_at"]) == (reply["texts"], reply["created_at"])
    assert (await http.delete(f"{CALENDARS}/{calendar['id']}")).status_code == 204
    assert (await http.delete(path, headers={"If-Match": '"1"'})).status_code == 412
    assert (await http.delete(path, headers={"If-Match": '"2"'})).status_code == 204
    assert (await http.get(REPLIES)).json()["items"] == []


async def test_the_same_request_again_adds_nothing(http: httpx.AsyncClient) -> None:
    """Under an ``Idempotency-Key`` the answer is given again; with another body it is refused."""
    key = {"Idempotency-Key": "one"}
    first = await http.post(CALENDARS, json=EVENINGS, headers=key)
    again = await http.post(CALENDARS, json=EVENINGS, headers=key)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
    assert len((await http.get(CALENDARS)).json()["items"]) == 1
    assert (await http.post(CALENDARS, json={**EVENINGS, "name": "x"}, headers=key)).status_code == 422
    for path, body in ((REPLIES, CLOSED),):
        assert len({(await http.post(path, json=body, headers=key)).json()["id"] for _ in range(2)}) == 1


async def test_lists_come_in_pages_in_the_order_of_adding(http: httpx.AsyncClient) -> None:
    """With a cursor that only this list takes."""
    for number in range(3):
        await made(http, CALENDARS, EVENINGS, name=f"c{number}")
        await made(http, REPLIES, CLOSED, name=f"r{number}")
    for path, letter in ((CALENDARS, "c"), (REPLIES, "r")):
        first = (await http.get(path, params={"limit": 2})).json()
        rest = (await http.get(path, params={"limit": 2, "cursor": first["next"]})).json()
        assert [each["name"] for each in (*first["items"], *rest["items"])] == [f"{letter}{n}" for n in range(3)]
        assert rest["next"] is None
        assert (await http.get(path, params={"cursor": "x"})).status_code == 400


WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    (CALENDARS, {"time_zone": "Rome"}, "/body/time_zone", "write it as Europe/Rome"),
    (CALENDARS, {"weekly": {"mon": [{"opens": "9", "closes": "18:00"}]}}, "/body/weekly/mon/0/opens", "09:00"),
    (CALENDARS, {"weekly": {"monday": []}}, "/body/weekly/monday/[key]", "'mon', 'tue'"),
    (CALENDARS, {"countries": [{"country": "IT", "region": "XX"}]}, "/body/countries/0", "no region 'XX'"),
    (CALENDARS, {"festivities": [{"on": "31-12"}]}, "/body/festivities/0", "is no date"),
    (CALENDARS, {"languages": ["italian!"]}, "/body/languages/0", "pattern"),
    (CALENDARS, {"closed": True}, "/body/closed", "Extra inputs"),
    (REPLIES, {"condition": "night"}, "/body/condition", "'outside_hours'"),
    (REPLIES, {"language": "de"}, "/body", "no text in 'de'"),
    (REPLIES, {"language": None}, "/body", "say in language"),
    (REPLIES, {"texts": {"en": "{{calendar.open}}"}}, "/body", "no variable 'calendar.open'"),
    (REPLIES, {"texts": {"en": "  "}}, "/body", "is empty"),
    (REPLIES, {"texts": {}}, "/body/texts", "at least 1"),
    (REPLIES, {"calendar_id": "none"}, "/body/calendar_id", "there is no calendar 'none'"),
    (REPLIES, {"name": "\ud800"}, "", ""),
]  # fmt: skip


async def test_what_cannot_be_used_is_refused_by_field(http: httpx.AsyncClient) -> None:
    """With what would do; a change to it is refused alike, and changes nothing."""
    there = {path: await made(http, path, base) for path, base in BASES.items()}
    for path, changes, field, says in WRONG:
        body = _json({**BASES[path], **changes})
        refused = await http.post(path, content=body, headers={"Content-Type": "application/json"})
        assert refused.status_code == 422, (changes, refused.text)
        assert refused.headers["Content-Type"] == "application/problem+json"
        if not field:
            continue
        (error, *_) = refused.json()["errors"]
        assert (error["field"], says in error["message"]) == (field, True), refused.text
        if changes == {"language": None}:
            continue  # in a change, null says that the only text is meant
        one = f"{path}/{there[path]['id']}"
        changed = await http.patch(one, json=changes)
        assert (changed.status_code, (await http.get(one)).json()) == (422, there[path]), changed.text


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


async def test_the_preview_says_what_would_be_sent_or_why_nothing(http: httpx.AsyncClient) -> None:
    """At any instant, for any account, channel and language."""
    nothing = (await http.get(PREVIEW)).json()
    assert nothing["why_not"] == "no calendar is for this account, channel and language"
    calendar = await made(http, CALENDARS, EVENINGS, accounts=["a1"])
    told = (await http.get(PREVIEW, params={"account_id": "a1"})).json()
    assert told["why_not"] == "no enabled reply is for what the calendar says"
    assert (told["calendar_id"], told["is_open"], told["reason"]) == (calendar["id"], False, "hours")
    await made(http, REPLIES, CLOSED)
    eve = await made(http, REPLIES, CLOSED, name="Eve", condition="exception", texts={"en": "{{holiday.name}}"})

    at = {"account_id": "a1", "at": "2026-12-24T13:00:00+00:00", "language": "it"}
    told = (await http.get(PREVIEW, params=at)).json()
    assert (told["sends"], told["reply_id"], told["text"]) == (True, eve["id"], "Christmas Eve")
    assert (told["language"], told["condition"], told["festivity"]) == ("en", "exception", "Christmas Eve")
    assert (told["since"], told["until"]) == ("2026-12-24T11:00:00Z", "2026-12-28T19:00:00Z")
    assert told["until_in_words"] == "Monday, December 28 at 8:00 PM"
    while_open = (await http.get(PREVIEW, params={**at, "at": "2026-11-23T20:00:00+00:00"})).json()
    assert (while_open["is_open"], while_open["sends"]) == (True, False)
    assert (await http.get(PREVIEW, params={"at": "2026-12-24T13:00:00"})).status_code == 422, "an instant has a zone"
    assert (await http.get(PREVIEW, params={"at": "9999-12-31T23:59:59Z"})).status_code == 422


async def test_openings_are_shown_day_by_day(http: httpx.AsyncClient) -> None:
    """With festivities and exceptions, in the calendar's own time."""
    calendar = await made(http, CALENDARS, EVENINGS)
    path = f"{CALENDARS}/{calendar['id']}/openings"
    shown = (await http.get(path, params={"from": "2026-12-07", "days": 18})).json()

    assert shown["time_zone"] == "Europe/Rome"
    by_day = {day["day"]: (day["reason"], day["name"], day["openings"]) for day in shown["days"]}
    assert list(by_day)[-1] == "2026-12-24"
    assert by_day["2026-12-14"][2] == [{"opens": "2026-12-14T20:00:00+01:00", "closes": "2026-12-15T01:00:00+01:00"}]
    assert by_day["2026-12-08"][0] == "holiday"
    assert by_day["2026-12-07"][0::2] == ("holiday", []), "Saint Ambrose, in Milan"
    assert by_day["2026-12-24"][:2] == ("exception", "Christmas Eve")
    today = (await http.get(path)).json()["days"]
    assert (len(today), today[0]["day"]) == (14, "2026-11-23")
    for wrong in ({"days": 401}, {"from": "1066-10-14"}, {"from": "tomorrow"}):
        assert (await http.get(path, params=wrong)).status_code == 422


async def test_countries_and_holidays_can_be_chosen_from(http: httpx.AsyncClient) -> None:
    """As the library knows them."""
    countries = {each["country"]: each["regions"] for each in (await http.get("/rule/v1/countries")).json()["items"]}
    assert "BZ" in countries["IT"]
    found = await http.get("/rule/v1/countries/IT/holidays", params={"year": 2026, "region": "BZ"})
    assert {"day": "2026-05-25"}.items() <= next(
        each for each in found.json()["items"] if each["day"] == "2026-05-25"
    ).items()
    for wrong in ("ZZ/holidays?year=2026", "IT/holidays?year=2026&region=XX"):
        assert (await http.get(f"/rule/v1/countries/{wrong}")).status_code == 404
    schema = (await http.get("/rule/v1/schema")).json()
    assert {"holiday", "always"} <= set(schema["conditions"])
    assert "calendar.opens" in schema["variables"]


async def test_who_answers_first_is_set_and_told(api: Api, http: httpx.AsyncClient) -> None:
    """With its version; each source is named once; the history tells of it."""
    told = await http.get("/rule/v1/settings")
    assert told.json() == {"order": ["chatbot", "rule-engine", "rule"], "in_use": []}
    await made(http, REPLIES, CLOSED)
    order = ["rule", "rule-engine", "chatbot"]
    put = await http.put("/rule/v1/settings", json={"order": order}, headers={"If-Match": told.headers["ETag"]})
    assert (put.json(), put.headers["ETag"]) == ({"order": order, "in_use": ["rule"]}, '"1"')
    late = await http.put("/rule/v1/settings", json={"order": order}, headers={"If-Match": '"0"'})
    assert late.status_code == 412
    for wrong in (["rule"], ["rule", "rule", "chatbot"], ["rule", "rule-engine", "me"]):
        assert (await http.put("/rule/v1/settings", json={"order": wrong})).status_code == 422
    await api.settle()
    entries = (await http.get("/log/v1/logs", params={"what": "answering_order_changed"})).json()["items"]
    assert [entry["snapshot"]["order"] for entry in entries] == [order]


async def test_every_change_is_told_in_the_history(api: Api, http: httpx.AsyncClient) -> None:
    """Who did it, and in short what; never the whole."""
    calendar = await made(http, CALENDARS, EVENINGS)
    reply = await made(http, REPLIES, CLOSED)
    await http.patch(f"{CALENDARS}/{calendar['id']}", json={"name": "Late"})
    await http.patch(f"{REPLIES}/{reply['id']}", json={"enabled": False})
    await http.delete(f"{REPLIES}/{reply['id']}")
    await http.delete(f"{CALENDARS}/{calendar['id']}")
    await api.settle()

    entries = (await http.get("/log/v1/logs", params={"limit": 200})).json()["items"]
    told = [
        (entry["what"], entry["snapshot"]["name"]) for entry in entries if entry["subject_type"].startswith("calen")
    ]
    assert sorted(told) == [
        ("calendar_added", "Evenings"), ("calendar_changed", "Late"), ("calendar_removed", "Late"),
        ("calendar_reply_added", "Closed"), ("calendar_reply_changed", "Closed"), ("calendar_reply_removed", "Closed"),
    ]  # fmt: skip


async def test_two_changes_at_once_leave_one(http: httpx.AsyncClient) -> None:
    """Both saw the same version; the second is told to read again."""
    calendar = await made(http, CALENDARS, EVENINGS)
    path = f"{CALENDARS}/{calendar['id']}"
    answers = await asyncio.gather(*(http.patch(path, json={"name": name}) for name in ("a", "b")))
    names = [answer.json()["name"] for answer in answers if answer.status_code == 200]
    shown = (await http.get(path)).json()
    assert sorted(answer.status_code for answer in answers) in ([200, 200], [200, 409])
    assert (shown["version"], shown["name"] in names) == (1 + len(names), True)


async def test_another_tenant_s_are_not_there(api: Api, http: httpx.AsyncClient) -> None:
    """Neither to be seen, nor to be changed, nor to be named (G7)."""
    calendar = await made(http, CALENDARS, EVENINGS)
    reply = await made(http, REPLIES, CLOSED)
    other = api.agent("admin", tenant="umbrella")
    for path in (f"{CALENDARS}/{calendar['id']}", f"{REPLIES}/{reply['id']}"):
        for answer in (await other.get(path), await other.patch(path, json={"name": "x"}), await other.delete(path)):
            assert answer.status_code == 404
    assert (await other.get(f"{CALENDARS}/{calendar['id']}/openings")).status_code == 404
    assert (await other.get(PREVIEW)).json()["calendar_id"] is None
    assert [(await other.get(path)).json()["items"] for path in (CALENDARS, REPLIES)] == [[], []]
    named = await other.post(REPLIES, json={**CLOSED, "calendar_id": calendar["id"]})
    assert named.status_code == 422
    assert (await other.get("/rule/v1/settings")).json()["in_use"] == []


async def test_who_may_read_may_not_write(api: Api) -> None:
    """Agents see no rules, whoever may only read them changes none, and nobody gets in without a token (G8)."""
    agent, nobody = api.agent("agent"), api.client()
    for path in (CALENDARS, REPLIES, PREVIEW, "/rule/v1/settings", "/rule/v1/countries", "/rule/v1/schema"):
        assert (await agent.get(path)).status_code == 403
        assert (await nobody.get(path)).status_code == 401
    for path, body in ((CALENDARS, EVENINGS), (REPLIES, CLOSED)):
        assert (await agent.post(path, json=body)).status_code == 403
    assert (await agent.put("/rule/v1/settings", json={"order": ["rule", "rule-engine", "chatbot"]})).status_code == 403


async def test_what_tickets_were_given_is_kept_as_long_as_the_history(api: Api, http: httpx.AsyncClient) -> None:
    """And no longer (G13)."""
    await made(http, CALENDARS, EVENINGS)
    await made(http, REPLIES, CLOSED)
    await api.hook(a_note("n1", "ada"))
    assert len(await api.system.ledger.documents.find(_all())) == 1
    days = api.system.settings.retention_days.logs
    before: datetime = api.clock.at
    api.clock.forward(days=days + 1)
    await api.system.upkeep.due()
    await api.settle()

    assert api.clock.at - before > timedelta(days=days)
    assert await api.system.ledger.documents.find(_all()) == []
