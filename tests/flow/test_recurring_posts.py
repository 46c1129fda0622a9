"""Posts that recur: by the clock of a time zone, once each, and only as they were approved."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.events import Event, PublicationAdd
from chorally_core.ports.bus import Delivered
from chorally_core.ports.documents import Query
from chorally_core.services.log.model import LogEntry
from chorally_core.services.publishing.model import Publication

from tests.flow.test_approval import ask, decide
from tests.support.api import Api, an_api
from tests.support.people import a_person, again
from tests.support.plaza import POST, Plaza, PlazaPlatform

URL = "/publishing/v1/series"
POSTS = "/publishing/v1/publications"
CALENDAR = "/publishing/v1/calendar"


@pytest.fixture
def platform() -> PlazaPlatform:
    """A plaza without posts."""
    return PlazaPlatform()


@pytest.fixture
async def api(tmp_path: Path, platform: PlazaPlatform) -> AsyncIterator[Api]:
    """A system with a plaza."""
    async with an_api(tmp_path, platform=platform, connector=Plaza) as api:
        yield api


def a_series(**more: Any) -> dict[str, Any]:
    """A request for a post of every day."""
    given = {
        "body": "good morning", "targets": [{"account_id": "account-wall", "channel": POST}],
        "rule": "FREQ=DAILY;COUNT=4", "starts": "2026-11-24T09:00:00", "time_zone": "Europe/Rome",
    }  # fmt: skip
    return {**given, **more}


async def _publish_due(api: Api) -> None:
    for rounds in api.system.upkeep.rounds:
        if rounds.name == "publishing/due":
            await rounds.round()
    await api.settle()


async def each_hour(api: Api, hours: int) -> None:
    """Let hours pass."""
    for _ in range(hours):
        api.clock.forward(hours=1)
        await _publish_due(api)


async def test_each_occurrence_is_published_once_at_its_time(api: Api, platform: PlazaPlatform) -> None:
    """By the clock of its time zone; skipped ones are left out, and when there is none left it has ended."""
    ada = await a_person(api, "ada", "supervisor")
    made = await ada.post(URL, json=a_series(), headers={"Idempotency-Key": "s1"})
    series = made.json()
    assert (made.status_code, series["state"], series["next_at"]) == (201, "approved", "2026-11-24T08:00:00Z")
    assert (await ada.post(URL, json=a_series(), headers={"Idempotency-Key": "s1"})).json()["id"] == series["id"]
    url = f"{URL}/{series['id']}"
    assert (await ada.delete(f"{url}/occurrences/2026-11-25T09:00")).json()["skipped"] == ["2026-11-25T09:00:00"]
    assert (await ada.delete(f"{url}/occurrences/2026-11-25T10:00")).status_code == 409
    assert (await ada.delete(f"{url}/occurrences/2026-13-25T10:00")).status_code == 404
    for far in ("0001-01-01T00:00", "9999-12-31T09:00"):
        assert (await ada.delete(f"{url}/occurrences/{far}")).status_code == 409
        odd = await ada.put(f"{url}/occurrences/2026-11-26T09:00", json={"publish_local": far})
        assert odd.status_code == 422
    listed = (await ada.get(f"{url}/occurrences")).json()["items"]
    assert [(one["local"][5:10], one["skipped"]) for one in listed] == [
        ("11-24", False), ("11-25", True), ("11-26", False), ("11-27", False),
    ]  # fmt: skip
    await each_hour(api, 22)
    assert platform.posts == []
    for _ in range(5):
        await each_hour(api, 1)
        await _publish_due(api)
    assert len(platform.posts) == 1
    await each_hour(api, 24 * 4)
    assert len(platform.posts) == 3
    ada = again(api, "ada", "supervisor")
    seen = (await ada.get(url)).json()
    assert (seen["state"], seen["published"], seen["missed"], seen["next_at"]) == ("ended", 3, 0, None)
    posts = (await ada.get(POSTS)).json()["items"]
    assert {post["series_id"] for post in posts} == {series["id"]}
    assert sorted(post["occurrence"] for post in posts) == [
        "2026-11-24T09:00:00", "2026-11-26T09:00:00", "2026-11-27T09:00:00",
    ]  # fmt: skip
    assert {post["state"] for post in posts} == {"published"}


async def test_nothing_of_a_series_goes_out_before_it_is_approved(api: Api, platform: PlazaPlatform) -> None:
    """One approval is for all occurrences; an edit asks again, and what passes meanwhile is not made up."""
    await ask(api, {})
    ada, bob = await a_person(api, "ada", "supervisor"), await a_person(api, "bob", "supervisor")
    series = (await ada.post(URL, json=a_series(rule="FREQ=DAILY"))).json()
    await each_hour(api, 25)
    assert (series["state"], platform.posts) == ("submitted", [])
    ada, bob = again(api, "ada", "supervisor"), again(api, "bob", "supervisor")
    said = {"verdict": "approved", "content_hash": series["content_hash"]}
    assert (await ada.post(f"{URL}/{series['id']}/decisions", json=said)).status_code == 403
    assert (await bob.post(f"{URL}/{series['id']}/decisions", json=said)).json()["state"] == "approved"
    await each_hour(api, 24)
    assert len(platform.posts) == 1
    ada, bob = again(api, "ada", "supervisor"), again(api, "bob", "supervisor")
    edited = (await ada.patch(f"{URL}/{series['id']}", json={"body": "good day"})).json()
    assert (edited["state"], edited["next_at"]) == ("submitted", None)
    assert (await bob.post(f"{URL}/{series['id']}/decisions", json=said)).status_code == 409
    await each_hour(api, 48)
    assert [post["text"] for post in platform.posts] == ["good morning"]


async def test_a_changed_occurrence_is_a_post_of_its_own(api: Api, platform: PlazaPlatform) -> None:
    """It is approved by itself, and the series leaves it out."""
    await ask(api, {})
    ada, bob = await a_person(api, "ada", "supervisor"), await a_person(api, "bob", "supervisor")
    series = (await ada.post(URL, json=a_series())).json()
    url = f"{URL}/{series['id']}"
    said = {"verdict": "approved", "content_hash": series["content_hash"]}
    await bob.post(f"{url}/decisions", json=said)
    body = {"body": "happy birthday", "publish_local": "2026-11-25T12:00:00"}
    draft = (await ada.put(f"{url}/occurrences/2026-11-25T09:00:00", json=body)).json()
    assert (draft["state"], draft["series_id"], draft["publish_local"]) == (
        "draft",
        series["id"],
        "2026-11-25T12:00:00",
    )
    assert (await ada.put(f"{url}/occurrences/2026-11-25T09:00:00", json=body)).status_code == 409
    asked = (await ada.post(f"{POSTS}/{draft['id']}/submit")).json()
    assert (await decide(bob, asked)).json()["state"] == "scheduled"
    await each_hour(api, 24 * 5)
    assert [post["text"] for post in platform.posts] == [
        "good morning", "happy birthday", "good morning", "good morning",
    ]  # fmt: skip


async def test_what_is_much_too_late_is_missed_and_told(api: Api, platform: PlazaPlatform) -> None:
    """After a stop of days nobody wants all their good mornings at once."""
    ada = await a_person(api, "ada", "supervisor")
    series = (await ada.post(URL, json=a_series())).json()
    api.clock.forward(days=2, hours=23, minutes=30)
    await _publish_due(api)
    assert len(platform.posts) == 1
    seen = (await again(api, "ada", "supervisor").get(f"{URL}/{series['id']}")).json()
    assert (seen["published"], seen["missed"], seen["state"]) == (1, 2, "approved")
    told: list[LogEntry] = await api.system.ledger.documents.find(Query(LogEntry, None))
    assert "publication_occurrences_missed" in {entry.what for entry in told}


async def test_the_calendar_shows_posts_and_what_is_to_come(api: Api) -> None:
    """In the order of their times, page by page, by the clock of the tenant; what was cancelled is left out."""
    await api.agent().put("/publishing/v1/settings", json={"time_zone": "America/New_York"})
    ada = await a_person(api, "ada", "supervisor")
    await ada.post(URL, json=a_series())
    post = {"account_id": "account-wall", "channel": POST, "body": "noon", "publish_local": "2026-11-25T12:00:00"}
    noon = (await ada.post(POSTS, json=post)).json()
    assert (noon["time_zone"], noon["publish_at"]) == ("America/New_York", "2026-11-25T17:00:00Z")
    gone = (await ada.post(POSTS, json={**post, "body": "gone"})).json()
    await ada.post(f"{POSTS}/{gone['id']}/cancel")
    window = {"from": "2026-11-24T00:00:00Z", "to": "2026-11-27T00:00:00Z"}
    all_ = (await ada.get(CALENDAR, params=window)).json()
    assert [(one["kind"], one["local"], one["state"]) for one in all_["items"]] == [
        ("occurrence", "2026-11-24T03:00:00", "scheduled"),
        ("occurrence", "2026-11-25T03:00:00", "scheduled"),
        ("post", "2026-11-25T12:00:00", "scheduled"),
        ("occurrence", "2026-11-26T03:00:00", "scheduled"),
    ]
    paged: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        page = (await ada.get(CALENDAR, params={**window, "limit": 1, **cursor})).json()
        paged += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert paged == [one["id"] for one in all_["items"]]
    assert (await ada.get(CALENDAR, params={**window, "account_id": "nobodys"})).json()["items"] == []
    late = {"from": "8999-01-01T00:00:00Z", "to": "8999-02-01T00:00:00Z"}
    assert (await ada.get(CALENDAR, params=late)).json()["items"] == []
    for wrong in ({"to": "2028-01-01T00:00:00Z"}, {"time_zone": "Mars/Olympus"}, {"from": "0001-01-01T00:00:00Z"}):
        assert (await ada.get(CALENDAR, params={**window, **wrong})).status_code == 422


async def test_an_occurrence_told_again_is_published_once(api: Api, platform: PlazaPlatform) -> None:
    """Whatever tells of it a second time."""
    ada = await a_person(api, "ada", "supervisor")
    await ada.post(URL, json=a_series(rule="FREQ=DAILY;COUNT=1"))
    await each_hour(api, 24)
    assert len(platform.posts) == 1
    batch = await api.system.ledger.bus.consumer("test", ["publications"]).poll(100)
    told: list[Any] = [one.event for one in batch.delivered if isinstance(one, Delivered)]
    again_ = [event for event in told if isinstance(event, Event) and isinstance(event.data, PublicationAdd)]
    assert len(again_) == 1
    await api.system.ledger.bus.publish(again_)
    await api.settle()
    assert len(platform.posts) == 1
    assert await api.system.ledger.documents.count(Query(Publication, None)) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"rule": "FREQ=HOURLY"}, {"rule": "every day"}, {"rule": "FREQ=DAILY;BYHOUR=1,2"},
        {"rule": "FREQ=DAILY;COUNT=0"}, {"rule": "FREQ=DAILY;INTERVAL=-1"},
        {"rule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, {"rule": "FREQ=DAILY;COUNT=1;UNTIL=20270101"},
        {"rule": "FREQ=DAILY;UNTIL=20261399"}, {"rule": "FREQ=DAILY;UNTIL=20200101"}, {"time_zone": "Mars/Olympus"},
        {"starts": "1999-01-01T00:00:00"}, {"starts": "2026-11-24T09:00:00Z"}, {"targets": []},
        {"targets": [{"account_id": "account-wall", "channel": POST, "body": "x" * 200}]},
        {"rule": "FREQ=DAILY;INTERVAL=0"}, {"rule": "FREQ=MONTHLY;BYDAY=6MO;BYSETPOS=400"},
    ],
)  # fmt: skip
async def test_a_series_that_cannot_be_kept_to_is_refused(api: Api, more: dict[str, Any]) -> None:
    """With the field at fault."""
    ada = await a_person(api, "ada", "supervisor")
    refused: httpx.Response = await ada.post(URL, json=a_series(**more))
    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["field"].startswith(f"/body/{next(iter(more))}"[:10])
