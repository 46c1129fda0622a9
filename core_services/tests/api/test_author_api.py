"""The people who write, over the API."""

from typing import Any

import pytest
from chorally_core.api import author as author_api
from chorally_core.api.guarded import unguarded
from chorally_core.events import AuthorAdd, Event, topics
from chorally_core.ports.documents import Query
from chorally_core.ports.erasure import Erasure
from chorally_core.runner import Actions, Runner
from chorally_core.services.author.handlers import GROUP, HANDLERS
from chorally_core.services.author.model import Author


@pytest.fixture
def app(badges: Any, ledger: Any, clock: Any, ids: Any) -> Any:
    """The API."""
    return author_api.create_app(badges, author_api.Authors(ledger.documents, Actions(ledger), clock, ids))


@pytest.fixture
def runner(ledger: Any, clock: Any) -> Runner:
    """What feeds the service's handlers."""
    return Runner(GROUP, HANDLERS, ledger, now=clock)


@pytest.fixture
def seen(ledger: Any, clock: Any, runner: Runner) -> Any:
    """Lets a person be seen."""

    async def see(author: str, *, tenant: str = "acme", platform: str = "wall", **told: Any) -> str:
        data = AuthorAdd(id=author, platform=platform, external_id=f"x-{author}", **told)
        event = Event(
            topic=topics.AUTHORS, issuer="io-service", name="add", data=data, id=f"seen-{author}-{clock()}",
            tenant=tenant, key=f"{tenant}/{author}", occurred_at=clock(),
        )  # fmt: skip
        await ledger.bus.publish([event])
        await runner.step()
        return author

    return see


async def test_authors_are_listed_those_seen_last_first(
    app: Any, speak: Any, badge: Any, seen: Any, clock: Any
) -> None:
    """Each once, whatever the page's size."""
    for number in range(5):
        await seen(f"p{number}")
        clock.pass_(seconds=number % 2)
    client = speak(app, badge())
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await client.get(f"/authors?limit=2{cursor and '&cursor=' + cursor}")).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next"]

    assert found == ["p4", "p3", "p2", "p1", "p0"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("platform=mail", ["bob"]),
        ("q=LOVE", ["ada", "eve"]),
        ("q=100%25", ["bob"]),
        ("q=love&platform=mail", []),
        ("q=love&limit=1", ["eve"]),
    ],
)
async def test_authors_are_found_by_platform_name_and_handle(
    app: Any, speak: Any, badge: Any, seen: Any, query: Any, expected: Any, clock: Any
) -> None:
    """A part of either will do, whatever its case, and nothing in it is a pattern."""
    await seen("ada", name="Ada Lovelace")
    await seen("bob", platform="mail", name="Bob 100%")
    clock.pass_(seconds=1)
    await seen("eve", handle="lovely_eve", name="Lovely Eve")

    found = (await speak(app, badge()).get(f"/authors?{query}")).json()
    assert sorted(item["id"] for item in found["items"]) == expected
    assert (found["next"] is not None) == ("limit" in query)


async def test_an_author_is_shown_with_a_version(app: Any, speak: Any, badge: Any, seen: Any) -> None:
    """What the platform tells of them."""
    await seen("ada", name="Ada", account_id="a1", followers=7)
    answer = await speak(app, badge("acme", "eve", "viewer")).get("/authors/ada")
    shown = answer.json()

    assert answer.headers["etag"] == '"1"'
    assert (shown["name"], shown["external_id"], shown["account_ids"], shown["followers"]) == (
        "Ada",
        "x-ada",
        ["a1"],
        7,
    )


async def test_erasing_leaves_the_bare_id_and_begins_the_job(
    app: Any, speak: Any, badge: Any, seen: Any, runner: Any, ledger: Any
) -> None:
    """The answer comes at once; who asked for it is told, the person is gone from the lists."""
    await seen("ada", name="Ada")
    client = speak(app, badge("acme", "root"))
    answer = await client.post("/authors/ada/erase")
    await runner.step()
    left = (await client.get("/authors/ada")).json()
    logs = await ledger.bus.consumer("test", [topics.LOGS]).poll(100)
    asked = next(d.event for d in logs.delivered if d.event.data.kind == "author_erasure_requested")

    assert (answer.status_code, answer.json()["state"]) == (202, "requested")
    assert (left["name"], left["external_id"]) == ("", "")
    assert left["erased_at"] is not None
    assert (await client.get("/authors")).json()["items"] == []
    assert asked.data.actor_id == "root"
    assert "Ada" not in str(asked.data.snapshot)
    assert (await client.get("/authors/ada/erasure")).json()["state"] == "under_way"


async def test_a_repeat_under_a_key_asks_once(app: Any, speak: Any, badge: Any, seen: Any, ledger: Any) -> None:
    """One request, one event."""
    await seen("ada")
    client = speak(app, badge())
    for _ in range(2):
        answer = await client.post("/authors/ada/erase", headers={"Idempotency-Key": "k"})
        assert answer.status_code == 202
    batch = await ledger.bus.consumer("test", [topics.AUTHORS]).poll(100)

    assert [delivered.event.name for delivered in batch.delivered] == ["add", "delete"]


async def test_somebody_who_was_erased_and_wrote_again_can_be_erased_again(
    app: Any, speak: Any, badge: Any, seen: Any, runner: Any, ledger: Any, clock: Any
) -> None:
    """The job begins anew, up to the new request; an old request that comes again changes nothing."""
    await seen("ada")
    client = speak(app, badge())
    await client.post("/authors/ada/erase")
    await runner.step()
    [first] = await ledger.documents.find(Query(Erasure, "acme"))
    clock.pass_(days=1)
    await client.post("/authors/ada/erase")
    await runner.step()
    [again] = await ledger.documents.find(Query(Erasure, "acme"))

    assert (again.at - first.at).days == 1
    assert (again.round, again.finished_at, again.since) == (1, None, first.since)


async def test_another_tenants_author_is_as_one_that_is_not_there(
    app: Any, speak: Any, badge: Any, seen: Any, ledger: Any
) -> None:
    """Not shown, not listed, not erased."""
    await seen("theirs", tenant="umbrella", name="Uma")
    client = speak(app, badge("acme"))
    for method, path in [("GET", ""), ("POST", "/erase"), ("GET", "/erasure")]:
        real = await client.request(method, f"/authors/theirs{path}")
        none = await client.request(method, f"/authors/nobody{path}")
        assert (real.status_code, real.text) == (404, none.text)

    assert (await client.get("/authors?q=uma")).json()["items"] == []
    assert (await ledger.documents.get(Author, "theirs")).name == "Uma"


@pytest.mark.parametrize("role", ["viewer", "agent", "supervisor"])
async def test_only_an_administrator_erases(app: Any, speak: Any, badge: Any, seen: Any, role: Any) -> None:
    """Others see people, and erase nobody."""
    await seen("ada")
    client = speak(app, badge("acme", "bob", role))

    assert (await client.get("/authors/ada")).status_code == 200
    assert (await client.post("/authors/ada/erase")).status_code == 403
    assert unguarded(app) == []
