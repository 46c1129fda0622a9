"""A message at night: one automatic reply, and a ticket that is tagged and assigned, seen through API and platform."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.api import Api, a_note, an_api

RULES = "/rule-engine/v1/rules"
DAYS = ("mon", "tue", "wed", "thu", "fri")


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system with office hours in Rome, a reply for when nobody is there, and two rules for the night."""
    async with an_api(tmp_path) as api:
        http = api.agent("supervisor")
        hours = {"name": "Office", "time_zone": "Europe/Rome",
                 "weekly": {day: [{"opens": "08:00", "closes": "18:00"}] for day in DAYS}}  # fmt: skip
        calendar = (await http.post("/rule/v1/calendars", json=hours)).json()["id"]
        reply = {"name": "Closed", "condition": "closed", "texts": {"en": "We are back {{calendar.opens|soon}}"}}
        made = await http.post("/rule/v1/replies", json=reply)
        assert made.status_code == 201, made.text
        closed = {"field": f"calendar.open@{calendar}", "op": "is", "value": False}
        share = {"type": "share", "how": "round_robin", "agents": ["ann", "bob"]}
        night: dict[str, Any] = {"name": "Night", "conditions": closed,
                                 "actions": [{"type": "add_tags", "tags": ["night"]}, share]}  # fmt: skip
        refund = {"field": "message.text", "op": "words", "value": ["refund"]}
        urgent = {"name": "Urgent", "conditions": {"all": [closed, refund]},
                  "actions": [{"type": "reply", "text": "We look into your refund."}]}  # fmt: skip
        for rule in (night, urgent):
            made = await http.post(RULES, json=rule)
            assert made.status_code == 201, made.text
        api.clock.forward(hours=13)  # 22:00 in UTC, a Monday
        yield api


async def test_a_message_at_night_gets_one_reply_and_a_tagged_assigned_ticket(api: Api) -> None:
    """However often it is told; the calendar answers where no rule does, and a rule's answer is the only one."""
    http = api.agent("supervisor")
    now = api.clock().isoformat()
    await api.hook(a_note("n1", "ada", "hello", at=now), a_note("n2", "bob", "my refund please", at=now))
    await api.hook(a_note("n1", "ada", "hello", at=now))

    answers = {answer["note"]: answer["text"] for answer in api.platform.answers}
    assert len(api.platform.answers) == 2
    assert answers["n1"].startswith("We are back")
    assert answers["n2"] == "We look into your refund."
    tickets = (await http.get("/message/v1/tickets")).json()["items"]
    assert {ticket["author_name"]: ticket["tags"] for ticket in tickets} == {"Ada": ["night"], "Bob": ["night"]}
    assert sorted(ticket["assignee_id"] for ticket in tickets) == ["ann", "bob"]
    for ticket in tickets:
        said = (await http.get(f"/message/v1/tickets/{ticket['id']}/messages")).json()["items"]
        assert [(m["direction"], m["automatic"]) for m in said] == [("inbound", False), ("outbound", True)]


async def test_by_day_nothing_of_it_happens(api: Api) -> None:
    """The same message in office hours is left to people."""
    api.clock.forward(hours=11)  # 09:00 on Tuesday
    await api.hook(a_note("n1", "ada", "my refund please", at=api.clock().isoformat()))

    assert api.platform.answers == []
    (ticket,) = (await api.agent("supervisor").get("/message/v1/tickets")).json()["items"]
    assert (ticket["tags"], ticket["assignee_id"]) == ([], None)
