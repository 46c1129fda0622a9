"""Every condition that the product promises holds of a message, a person, a ticket or an hour, through the API."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import chorally_sdk as sdk
from tests.support.api import Api, a_note, an_api
from tests.support.wall import Wall, to_event

RULES = "/rule-engine/v1/rules"
TEXT = "Where is my REFUND? #late @Acme see https://Shop.example/x?y=1 e straße"


class Rich(Wall):
    """A wall that tells much."""

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Tell what a platform may tell of a message and of who wrote it."""
        items = json.loads(hook.body)["items"]
        told = []
        for item in items:
            event = to_event(item)
            assert isinstance(event, sdk.Message)
            assert event.author is not None
            ada = event.author.model_copy(
                update={"handle": "@ada", "language": "it", "country": "IT", "followers": 5000}
            )
            photo = sdk.Attachment(kind="image", url="https://wall.example/a.png", media_type="image/png")
            more = {"author": ada, "rating": 2, "attachments": (photo,), "kind": "review", "extra": {"shop": "rome"}}
            told.append(event.model_copy(update=more))
        return told


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system with a rich wall."""
    async with an_api(tmp_path, connector=Rich) as api:
        yield api


def a_test(field: str, op: str, value: Any = None) -> dict[str, Any]:
    """Return a test."""
    return {"field": field, "op": op, "value": value}


async def added(http: httpx.AsyncClient, tests: Sequence[dict[str, Any]], events: Sequence[str]) -> dict[str, str]:
    """Add a rule for each test, and one for its opposite; return the tests by the rules' ids."""
    names = {}
    for test in tests:
        for prefix, conditions in (("", test), ("not ", {"none": [test]})):
            rule = {"name": "r", "conditions": conditions, "events": list(events),
                    "actions": [{"type": "emit_event", "name": "seen"}]}  # fmt: skip
            answer = await http.post(RULES, json=rule)
            assert answer.status_code == 201, answer.text
            names[answer.json()["id"]] = f"{prefix}{test['field']} {test['op']} {test['value']}"
    return names


async def fired(http: httpx.AsyncClient, names: dict[str, str], after: str = "") -> list[str]:
    """Return the tests whose rules fired, by the executions after one."""
    found: list[str] = []
    page: dict[str, Any] = {"next": ""}
    while page["next"] is not None:
        cursor = f"&cursor={page['next']}" if page["next"] else ""
        page = (await http.get(f"/rule-engine/v1/executions?limit=100{cursor}")).json()
        found += [names[item["rule_id"]] for item in page["items"] if item["id"] > after and item["rule_id"] in names]
    return sorted(found)


MESSAGE: list[Any] = [
    ("message.channel", "eq", "wall_note"), ("message.platform", "eq", "wall"), ("message.account", "set"),
    ("message.kind", "eq", "review"), ("message.text", "contains", "my refund"),
    ("message.text", "contains_any", ["nothing", "REFUND"]), ("message.text", "contains_all", ["where", "refund"]),
    ("message.text", "words", ["refund"]), ("message.text", "regex", "re(f)und\\?"),
    ("message.text", "starts", "where"),
    ("message.text", "ends", "STRASSE"), ("message.subject", "empty"), ("message.rating", "le", 2),
    ("message.language", "eq", "it"),
    ("message.rating", "between", [1, 2]), ("message.rating", "in", [1, 2]), ("message.attachments", "has", "image"),
    ("message.has_attachment", "is", True), ("message.has_link", "is", True),
    ("message.links", "has", "shop.example"), ("message.hashtags", "has", "late"), ("message.mentions", "has", "acme"),
    ("message.first", "is", True), ("message.automatic", "is", False), ("message.edited", "is", False),
    ("message.post", "eq", "wall-thread"), ("message.custom.shop", "eq", "rome"), ("message.length", "gt", 20),
    ("author.name", "eq", "Ada"), ("author.handle", "eq", "@ADA"), ("author.followers", "ge", 5000),
    ("author.country", "in", ["IT", "FR"]), ("author.language", "eq", "it"), ("author.previous_tickets", "eq", 0),
    ("author.blocked", "is", False), ("author.tags", "has_any", ["vip", "press"]),
    ("author.custom.level", "eq", "gold"), ("author.custom_number.orders", "gt", 3), ("author.id", "set"),
    ("ticket.status", "eq", "open"), ("ticket.priority", "ne", "high"), ("ticket.assignee", "set"),
    ("ticket.tags", "empty"), ("ticket.tags", "has_none", ["x"]), ("ticket.reopened", "eq", 0),
    ("ticket.created_at", "within_last", "PT1H"), ("ticket.last_author_message_at", "older_than", "PT30M"),
    ("ticket.last_agent_message_at", "set"), ("ticket.waiting_since", "set"), ("ticket.window_open", "is", True),
    ("ticket.messages", "eq", 1), ("ticket.subject", "contains", "refund"), ("ticket.number", "ge", 1),
    ("time.weekday", "eq", "monday"), ("time.hour@Asia/Tokyo", "ge", 17), ("time.date", "eq", "2026-11-23"),
    ("actor.kind", "eq", "author"), ("event.kind", "eq", "message_received"),
]  # fmt: skip
NOT_SO = {"ticket.assignee set None", "ticket.last_agent_message_at set None"}


async def test_everything_of_a_message_a_person_a_ticket_and_the_hour_can_be_asked(api: Api) -> None:
    """Each test holds, and its opposite does not; those of what is not there the other way round."""
    http = api.agent()
    await api.hook(a_note("n0", "ada", "hello"))
    (ada,) = (await http.get("/author/v1/authors")).json()["items"]
    noted = {"tags": ["vip"], "custom_fields": {"level": "gold", "orders": 7}}
    changed = await http.patch(f"/author/v1/authors/{ada['id']}", json=noted)
    assert changed.status_code == 200, changed.text
    (ticket,) = (await http.get("/message/v1/tickets")).json()["items"]
    await http.patch(f"/message/v1/tickets/{ticket['id']}", json={"status": "resolved"})
    await api.settle()
    names = await added(http, [a_test(*test) for test in MESSAGE], ["message_received"])
    await api.system.upkeep.due()
    await api.settle()
    await api.hook(a_note("n1", "ada", TEXT, at="2026-11-23T08:00:00+00:00"))

    expected = {f"{test['field']} {test['op']} {test['value']}" for test in (a_test(*each) for each in MESSAGE)}
    expected = {f"not {name}" if name in NOT_SO else name for name in expected}
    assert set(await fired(http, names)) == expected


CHANGES: list[Any] = [
    ("ticket.status", "changed"), ("ticket.status", "changed_from", "open"),
    ("ticket.status", "changed_to", "resolved"),
    ("ticket.previous_status", "eq", "open"), ("ticket.priority", "changed_to", "high"),
    ("ticket.assignee", "changed_to", "bob"), ("ticket.team", "changed_to", "t1"), ("ticket.tags", "changed"),
    ("ticket.tags", "added", ["x", "y"]), ("ticket.tags", "removed", ["old"]),
    ("ticket.subject", "changed_to", "Another"), ("ticket.custom.level", "changed_from", "gold"),
    ("ticket.custom.level", "changed_to", "silver"), ("ticket.custom_number.orders", "changed_to", 3),
    ("ticket.custom_set.kinds", "added", ["b"]), ("actor.kind", "eq", "agent"),
]  # fmt: skip


async def test_every_change_of_a_ticket_can_be_asked_with_what_was_before(api: Api) -> None:
    """From what, to what, what was added and removed; what was sent and did not change has not."""
    http = api.agent()
    await api.hook(a_note("n1", "ada", "hello"))
    (ticket,) = (await http.get("/message/v1/tickets")).json()["items"]
    url = f"/message/v1/tickets/{ticket['id']}"
    own = {"level": "gold", "orders": 1, "kinds": ["a"], "same": "s"}
    await http.patch(url, json={"tags": ["old"], "custom_fields": own})
    await api.settle()
    tests = [a_test(*test) for test in CHANGES]
    unchanged = [a_test("ticket.custom.same", "changed"), a_test("ticket.snoozed_until", "changed")]
    names = await added(http, [*tests, *unchanged], ["ticket_changed"])
    await http.patch(url, json={
        "status": "resolved", "priority": "high", "assignee_id": "bob", "team_id": "t1", "tags": ["x"],
        "subject": "another", "custom_fields": {"level": "silver", "orders": 3, "kinds": ["a", "b"], "same": "s"},
    })  # fmt: skip
    await api.settle()

    expected = {f"{test['field']} {test['op']} {test['value']}" for test in tests}
    expected |= {f"not {test['field']} {test['op']} {test['value']}" for test in unchanged}
    assert set(await fired(http, names)) == expected


async def test_a_calendar_says_whether_it_is_open_and_a_holiday(api: Api) -> None:
    """By its own time zone, and as it is changed from then on; one that is not there is refused by its place."""
    http = api.agent()
    weekly = {day: [{"opens": "08:00", "closes": "18:00"}] for day in ("mon", "tue", "wed", "thu", "fri")}
    calendar = {"name": "Rome", "time_zone": "Europe/Rome", "weekly": weekly, "countries": [{"country": "IT"}]}
    made = await http.post("/rule/v1/calendars", json=calendar)
    assert made.status_code == 201, made.text
    of = made.json()["id"]
    tests = [a_test(f"calendar.open@{of}", "is", True), a_test(f"calendar.holiday@{of}", "is", True)]
    names = await added(http, tests, ["message_received"])
    is_open, is_holiday = (f"{test['field']} is True" for test in tests)

    await api.hook(a_note("n1", "ada"))
    assert await fired(http, names) == sorted([is_open, f"not {is_holiday}"])

    api.clock.forward(days=32, hours=1)  # 25 December, a Friday
    http = api.agent()
    last = (await http.get("/rule-engine/v1/executions?limit=1")).json()["items"][0]["id"]
    await api.hook(a_note("n2", "ada"))
    assert await fired(http, names, last) == sorted([f"not {is_open}", is_holiday])

    exception = {"on": "2026-12-25", "open": [{"opens": "00:00", "closes": "24:00"}]}
    changed = await http.patch(f"/rule/v1/calendars/{of}", json={"exceptions": [exception]})
    assert changed.status_code == 200, changed.text
    last = (await http.get("/rule-engine/v1/executions?limit=1")).json()["items"][0]["id"]
    await api.hook(a_note("n3", "ada"))
    assert await fired(http, names, last) == sorted([is_open, f"not {is_holiday}"])

    rule = {"name": "r", "actions": [{"type": "stop"}],
            "conditions": {"all": [a_test("calendar.open@nowhere", "is", True)]}}  # fmt: skip
    refused = await http.post(RULES, json=rule)
    assert refused.json()["errors"][0]["field"] == "/body/conditions/all/0/field"
    assert "no calendar 'nowhere'" in refused.json()["errors"][0]["message"]


async def test_an_edit_and_a_reopened_ticket_are_told_apart(api: Api) -> None:
    """The edited message says so; the ticket counts how often it was reopened; snoozing is a change."""
    http = api.agent()
    await api.hook(a_note("n1", "ada", "helo"))
    (ticket,) = (await http.get("/message/v1/tickets")).json()["items"]
    url = f"/message/v1/tickets/{ticket['id']}"
    for status in ("resolved", "open"):
        await http.patch(url, json={"status": status})
    await api.settle()
    tests = [a_test("message.edited", "is", True), a_test("ticket.reopened", "eq", 1)]
    names = await added(http, tests, ["message_edited"])
    snoozed = await added(http, [a_test("ticket.snoozed_until", "changed")], ["ticket_changed"])
    await api.hook(a_note("n1", "ada", "hello", edited_at="2026-11-23T08:05:00+00:00"))
    assert await fired(http, names) == ["message.edited is True", "ticket.reopened eq 1"]

    until = (api.clock() + timedelta(hours=1)).isoformat()
    answer = await http.patch(url, json={"snoozed_until": until})
    assert answer.status_code == 200, answer.text
    await api.settle()
    assert await fired(http, snoozed) == ["ticket.snoozed_until changed None"]
