"""Posts of our own: claimed, made once, found again, told of, now or at their time."""

from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.ports.documents import Query
from chorally_core.ports.erasure import Erasure
from chorally_core.ports.files import File
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.io.model import Delivery
from chorally_core.services.log.model import LogEntry
from chorally_core.services.media.erasure import EraseFiles
from chorally_core.services.message.model import Message
from chorally_core.services.publishing.model import Publication

from tests.support.api import Api, an_api
from tests.support.pictures import a_png
from tests.support.plaza import NOTE, POST, Plaza, PlazaPlatform

URL = "/publishing/v1/publications"
_ORDER = (
    "publication_submitted", "publication_scheduled", "publication_publishing", "publication_unconfirmed",
    "publication_published", "publication_deleted",
)  # fmt: skip
LONG = "one two three four five six seven eight nine"


@pytest.fixture
def platform() -> PlazaPlatform:
    """A plaza without posts."""
    return PlazaPlatform()


@pytest.fixture
async def api(tmp_path: Path, platform: PlazaPlatform) -> AsyncIterator[Api]:
    """A system with a plaza."""
    async with an_api(tmp_path, platform=platform, connector=Plaza) as api:
        yield api


async def _publish(api: Api, role: str = "supervisor", **body: Any) -> httpx.Response:
    given = {"account_id": "account-wall", "channel": POST, "body": "hello all", **body}
    return await api.agent(role).post(
        URL, json=given, headers={"Idempotency-Key": sha256(str(body).encode()).hexdigest()}
    )


async def _later(api: Api, times: int = 8) -> None:
    for _ in range(times):
        api.clock.forward(seconds=40)
        await api.settle()


async def _seen(api: Api, made: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = (await api.agent().get(f"{URL}/{made.json()['id']}")).json()
    return {**found["targets"][0], **found, "id": found["id"], "state": found["state"]}


async def _told(api: Api) -> list[str]:
    entries: list[LogEntry] = await api.system.ledger.documents.find(Query(LogEntry, None, order="id"))
    found = [entry for entry in entries if entry.subject_type == "publication"]
    return [entry.what for entry in sorted(found, key=lambda entry: (entry.subject_version, _ORDER.index(entry.what)))]


async def test_a_post_is_published_once_and_told_of(api: Api, platform: PlazaPlatform) -> None:
    """It is drafted unseen, made visible by one call, and known by the platform's id; a repeat makes no second."""
    made = await _publish(api, options={"pinned": True})
    assert (made.status_code, made.json()["state"]) == (201, "publishing")
    again = await _publish(api, options={"pinned": True})
    assert again.json()["id"] == made.json()["id"]
    await api.settle()
    assert [(post["text"], post["draft"], post["options"]) for post in platform.posts] == [
        ("hello all", "d1", {"pinned": True})
    ]
    seen = await _seen(api, made)
    assert (seen["state"], seen["external_id"], seen["external_url"]) == ("published", "p1", "https://wall.example/p1")
    assert seen["sent_at"] is not None
    assert await _told(api) == ["publication_submitted", "publication_publishing", "publication_published"]
    delivery = (await api.agent().get(f"/io/v1/deliveries/{made.json()['id']}")).json()
    assert (delivery["state"], delivery["channel"]) == ("sent", POST)


async def test_a_post_waits_for_its_time(api: Api, platform: PlazaPlatform) -> None:
    """Nothing reaches the platform before; whoever looks sees when."""
    at = (api.clock() + timedelta(hours=1)).isoformat()
    made = await _publish(api, publish_at=at)
    assert made.json()["state"] == "scheduled"
    await api.system.upkeep.due()
    await api.settle()
    assert (platform.posts, (await _seen(api, made))["state"]) == ([], "scheduled")
    api.clock.forward(hours=1)
    await api.system.upkeep.due()
    await api.system.upkeep.due()
    await api.settle()
    assert len(platform.posts) == 1
    assert await _told(api) == [
        "publication_submitted", "publication_scheduled", "publication_publishing", "publication_published"
    ]  # fmt: skip


async def test_a_scheduled_post_can_be_cancelled_and_one_that_is_out_cannot(api: Api, platform: PlazaPlatform) -> None:
    """Cancelling twice is no error."""
    at = (api.clock() + timedelta(hours=1)).isoformat()
    made = await _publish(api, publish_at=at)
    http = api.agent("supervisor")
    for _ in range(2):
        cancelled = await http.post(f"{URL}/{made.json()['id']}/cancel")
        assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    api.clock.forward(hours=2)
    await api.system.upkeep.due()
    await api.settle()
    assert platform.posts == []

    out = await _publish(api, body="now")
    await api.settle()
    assert (await api.agent().post(f"{URL}/{out.json()['id']}/cancel")).status_code == 409


async def test_a_lost_answer_after_its_effect_is_found_and_not_repeated(api: Api, platform: PlazaPlatform) -> None:
    """The post is in doubt, and what the platform has under our reference settles it (G3)."""
    platform.posting = ["lost"]
    made = await _publish(api)
    await api.settle()
    assert (await _seen(api, made))["state"] == "unconfirmed"
    await _later(api)
    assert len(platform.posts) == 1
    assert (await _seen(api, made))["state"] == "published"


async def test_a_post_that_is_proven_absent_is_made_again(api: Api, platform: PlazaPlatform) -> None:
    """A 503 says nothing; that it cannot be found does."""
    platform.posting = ["503"]
    made = await _publish(api)
    await api.settle()
    assert (await _seen(api, made))["state"] == "unconfirmed"
    await _later(api)
    assert len(platform.posts) == 1
    assert (await _seen(api, made))["state"] == "published"


async def test_an_echo_settles_a_post_in_doubt_and_makes_no_message(api: Api, platform: PlazaPlatform) -> None:
    """Our own post comes back by the webhook, under our reference, before anybody could search."""
    platform.posting, platform.search = ["lost"], 503
    made = await _publish(api)
    await api.settle()
    await api.hook(
        {"id": "p1", "text": "hello all", "at": "2026-11-23T09:00:00+00:00", "ours": True, "post": True,
         "ref": platform.posts[0]["ref"]}
    )  # fmt: skip
    await api.settle()
    assert (await _seen(api, made))["state"] == "published"
    assert (await _seen(api, made))["external_id"] == "p1"
    assert await api.system.ledger.documents.count(Query(Message, None)) == 0


async def test_what_nobody_can_tell_is_left_to_a_person(api: Api, platform: PlazaPlatform) -> None:
    """Who finds it there says so."""
    platform.posting, platform.search = ["lost"], 400
    made = await _publish(api)
    await _later(api)
    name = made.json()["id"]
    delivery = (await api.agent().get(f"/io/v1/deliveries/{name}")).json()
    assert (delivery["state"], delivery["needs_person"]) == ("unconfirmed", True)
    settled = await api.agent().post(f"/io/v1/deliveries/{name}/resolve", json={"outcome": "sent", "external_id": "p1"})
    assert settled.status_code == 200
    await api.settle()
    assert (await _seen(api, made))["state"] == "published"


async def test_a_refusal_is_told_and_can_be_tried_again(api: Api, platform: PlazaPlatform) -> None:
    """With the platform's reason; the same post goes out under the same id."""
    platform.posting = ["400"]
    made = await _publish(api)
    await api.settle()
    seen = await _seen(api, made)
    assert (seen["state"], bool(seen["error"])) == ("failed", True)
    assert (await api.agent().post(f"/io/v1/deliveries/{made.json()['id']}/retry")).status_code == 200
    await api.settle()
    assert (await _seen(api, made))["state"] == "published"
    assert (await _seen(api, made))["error"] == ""


async def test_a_long_post_becomes_several_in_their_order(api: Api, platform: PlazaPlatform) -> None:
    """It is known by its first part, and sent when the last is."""
    made = await _publish(api, body=LONG)
    await _later(api)
    assert " ".join(post["text"] for post in platform.posts) == LONG
    assert len(platform.posts) == 2
    seen = await _seen(api, made)
    assert (seen["state"], seen["external_id"]) == ("published", "p1")


async def test_files_go_out_with_a_post(api: Api, platform: PlazaPlatform) -> None:
    """Those that the channel takes."""
    http = api.agent("supervisor")
    upload = {"params": {"name": "a.png"}, "content": a_png(900), "headers": {"Content-Type": "image/png"}}
    file = (await http.post("/media/v1/files", **upload)).json()["id"]  # type: ignore[arg-type]
    made = await _publish(api, files=[file])
    assert [attached["name"] for attached in made.json()["attachments"]] == ["a.png"]
    await api.settle()
    assert [post["files"] for post in platform.posts] == [[900]]


async def test_the_files_of_a_post_are_kept_until_its_time(api: Api, platform: PlazaPlatform) -> None:
    """However far away that is."""
    http = api.agent("supervisor")
    upload: Any = {"params": {"name": "a.png"}, "content": a_png(900), "headers": {"Content-Type": "image/png"}}
    file = (await http.post("/media/v1/files", **upload)).json()["id"]
    await _publish(api, files=[file], publish_at=(api.clock() + timedelta(days=500)).isoformat())
    api.clock.forward(days=500)
    await api.system.upkeep.due()
    await api.settle()
    assert [post["files"] for post in platform.posts] == [[900]]


async def test_a_file_of_a_post_outlives_a_person_to_whom_it_went_too(api: Api, platform: PlazaPlatform) -> None:
    """What everybody is shown is not that person's."""
    http = api.agent()
    upload: Any = {"params": {"name": "a.png"}, "content": a_png(900), "headers": {"Content-Type": "image/png"}}
    file = (await http.post("/media/v1/files", **upload)).json()["id"]
    await _publish(api, files=[file], publish_at=(api.clock() + timedelta(days=3)).isoformat())
    (stored,) = await api.system.ledger.documents.find(Query(File, "acme"))
    answered = stored.used(api.clock(), timedelta(days=1), "ada")
    await api.system.ledger.commit(Work([Step.of([answered])]))
    at = api.clock()
    ada = Erasure(id="ada", tenant="acme", platform="wall", since=at, at=at, next_at=at)
    assert await EraseFiles(api.system.ledger, api.system.objects).step(ada, "") is None
    (left,) = await api.system.ledger.documents.find(Query(File, "acme"))
    assert left.people == ()
    api.clock.forward(days=3)
    await api.system.upkeep.due()
    await api.settle()
    assert [post["files"] for post in platform.posts] == [[900]]


async def test_a_post_that_the_platform_deleted_is_told_of(api: Api, platform: PlazaPlatform) -> None:
    """It was there, and is not any more."""
    made = await _publish(api)
    await api.settle()
    await api.hook({"mark": "deleted", "id": "p1"})
    await api.settle()
    assert (await _seen(api, made))["state"] == "deleted"
    assert "publication_deleted" in await _told(api)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"account_id": "nobodys"}, "account_id"),
        ({"channel": NOTE}, "body"),
        ({"channel": "elsewhere"}, "channel"),
        ({"body": " "}, "body"),
        ({"body": "x" * 200}, "body"),
        ({"files": ["0" * 32]}, "files/0"),
        ({"options": {"size": 1}}, "options"),
        ({"publish_at": "9999-12-31T23:59:59-12:00"}, "publish_at"),
        ({"publish_at": "2027-01-01T09:00:00"}, "publish_at"),
    ],
)
async def test_what_cannot_be_published_is_refused_before_anything_is_stored(
    api: Api, body: dict[str, Any], field: str
) -> None:
    """Each with the field at fault."""
    refused = await _publish(api, **body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == f"/body/{field}"
    for of in (Publication, Delivery):
        assert await api.system.ledger.documents.count(Query(of, None)) == 0


async def test_posts_are_their_tenants_and_need_a_permission(api: Api) -> None:
    """Another tenant sees none, and posts in nobody's name but its own (G7); agents see, supervisors publish."""
    made = await _publish(api)
    other = api.agent("admin", "other")
    real = await other.get(f"{URL}/{made.json()['id']}")
    assert (real.status_code, real.text) == (404, (await other.get(f"{URL}/nobodys")).text)
    assert (await other.get(URL)).json()["items"] == []
    theirs = await other.post(URL, json={"account_id": "account-wall", "channel": POST, "body": "hi"})
    assert theirs.json()["errors"][0]["field"] == "/body/account_id"
    assert (await _publish(api, "viewer", body="no")).status_code == 403
    listed = (await api.agent("agent").get(URL, params={"account_id": "account-wall"})).json()["items"]
    assert [one["id"] for one in listed] == [made.json()["id"]]


async def test_events_are_as_the_topics_say(api: Api, platform: PlazaPlatform) -> None:
    """The command on the channel, what became of it on ``publications``, both keyed by tenant, account, post."""
    made = await _publish(api)
    await api.settle()
    key = f"acme/account-wall/{made.json()['id']}"
    read = {}
    for topic in (POST, "publications"):
        batch = await api.system.ledger.bus.consumer(f"test-{topic}", [topic]).poll(100)
        read[topic] = [(one.event.issuer, one.event.name, one.event.key) for one in batch.delivered]  # type: ignore[union-attr]
    assert read[POST] == [("publishing-service", "publish", key)]
    assert read["publications"] == [("io-service", "reconcile", key)]
