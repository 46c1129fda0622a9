"""The webhook journal, dead letters and replays over the API."""

from typing import Any

import pytest
from chorally_core.events import AuthorAdd, Event, envelope, headers, topics
from chorally_core.ports.ledger import Step, Work
from chorally_core.ports.parking import DeadLetter
from chorally_core.services.io.model import Health


@pytest.fixture
async def connected(app: Any, speak: Any, badge: Any, an_app: Any, an_account: Any) -> dict[str, Any]:
    """An app with one connected account; returns the app."""
    client = speak(app, badge())
    made: dict[str, Any] = (await client.post("/apps", json=an_app)).json()
    await client.post("/accounts", json=an_account)
    return made


async def a_letter(ledger: Any, clock: Any, name: str = "l1", *, tenant: str = "acme", **fields: Any) -> DeadLetter:
    """Store the dead letter of an event."""
    event = Event(
        topic=topics.AUTHORS, issuer="io-service", name="add", id=f"event-{name}", tenant=tenant, key=f"{tenant}/ada",
        data=AuthorAdd(id="ada", platform="wall", external_id="ada"), occurred_at=clock(), caused_by="c0",
    )  # fmt: skip
    letter = DeadLetter(
        id=name, tenant=tenant, at=clock(), source=fields.pop("source", topics.AUTHORS), group="author", key=event.key,
        value=fields.pop("value", envelope(event).decode()), headers=headers(event), error="boom", attempts=5, **fields,
    )  # fmt: skip
    await ledger.commit(Work([Step.of([letter])]))
    return letter


async def test_webhooks_are_listed_without_and_shown_with_their_body(
    app: Any, speak: Any, badge: Any, connected: Any, hooks: Any, a_note: Any, canary: Any
) -> None:
    """The newest first; what proved a hook was never kept."""
    first = await hooks.send(connected, [a_note("n1")])
    second = await hooks.send(connected, [a_note("n2")])
    client = speak(app, badge())
    listed = (await client.get("/hooks")).json()["items"]
    shown = await client.get(f"/hooks/{first}")

    assert [item["id"] for item in listed] == [second, first]
    assert "body" not in listed[0]
    assert listed[0]["size_bytes"] == len(shown.json()["body"])
    assert '"n1"' in shown.json()["body"]
    assert shown.json()["headers"] == {"x-other": "shown"}
    assert canary not in shown.text


async def test_webhooks_are_filtered_by_time_and_connector(
    app: Any, speak: Any, badge: Any, connected: Any, hooks: Any, a_note: Any, clock: Any
) -> None:
    """An instant leaves out what came before it; pages go on where the last one ended."""
    early = await hooks.send(connected, [a_note("n1")])
    clock.pass_(minutes=5)
    late = await hooks.send(connected, [a_note("n2")])
    client = speak(app, badge())
    since = clock().isoformat().replace("+00:00", "Z")
    page = (await client.get("/hooks?limit=1")).json()
    rest = (await client.get(f"/hooks?limit=1&cursor={page['next']}")).json()

    assert [item["id"] for item in (await client.get(f"/hooks?since={since}")).json()["items"]] == [late]
    assert (page["items"][0]["id"], rest["items"][0]["id"]) == (late, early)
    assert (await client.get("/hooks?connector=other")).json()["items"] == []


async def test_a_large_body_is_shown_from_the_objects(
    app: Any, speak: Any, badge: Any, connected: Any, hooks: Any, a_note: Any
) -> None:
    """What is too large for the row is kept beside it, and its size is told all the same."""
    row = await hooks.send(connected, [a_note("n1", "x" * 300_000)])
    shown = (await speak(app, badge()).get(f"/hooks/{row}")).json()

    assert shown["size_bytes"] == len(shown["body"]) > 300_000


async def test_a_replayed_webhook_publishes_the_same_events_again(
    app: Any, speak: Any, badge: Any, connected: Any, hooks: Any, a_note: Any, told: Any, service: Any, ledger: Any
) -> None:
    """Under the same ids, so whoever handled them changes nothing; the account's health is left alone."""
    row = await hooks.send(connected, [a_note("n1")])
    await service.health.flush()
    [account] = service.directory.accounts
    before = await ledger.documents.get(Health, account)
    answer = await speak(app, badge()).post(f"/hooks/{row}/replay")
    await service.health.flush()
    published = answer.json()["published"]
    said = [event.id for event in (*await told(topics.AUTHORS), *await told(topics.MESSAGES))]

    assert answer.json()["events"] == 2
    assert [one["topic"] for one in published] == ["authors", "messages"]
    assert sorted(said) == sorted([one["id"] for one in published] * 2)
    assert (await ledger.documents.get(Health, account)).messages == before.messages


async def test_a_webhook_that_cannot_be_read_is_a_dead_letter_until_it_is_replayed(
    app: Any, speak: Any, badge: Any, connected: Any, hooks: Any, told: Any
) -> None:
    """Its letter names the row and the reason; replaying it while nothing has changed says so."""
    row = await hooks.send(connected, b"no json")
    client = speak(app, badge())
    [letter] = (await client.get("/dead-letters?source=hooks&replayed=false")).json()["items"]
    shown = (await client.get(f"/dead-letters/{letter['id']}")).json()
    again = await client.post(f"/dead-letters/{letter['id']}/replay")

    assert (letter["subject"], letter["group"], letter["attempts"]) == (row, "io", 1)
    assert "JSONDecodeError" in letter["error"]
    assert shown["value"] == "no json"
    assert (again.status_code, again.json()["type"]) == (422, "urn:chorally:problem:unreadable")
    assert len(await told(topics.DEAD_LETTERS)) == 1


async def test_the_dead_letter_of_a_webhook_is_replayed_once_it_can_be_read(
    app: Any, speak: Any, badge: Any, connected: Any, hooks: Any, a_note: Any, told: Any, monkeypatch: Any
) -> None:
    """After the connector was mended the events come, and the letter is done with."""
    client = speak(app, badge())
    note = a_note("n1")
    await hooks.send(connected, [note | {"at": "yesterday"}])
    [letter] = (await client.get("/dead-letters")).json()["items"]
    connector = hooks.service.directory.bare("wall")
    monkeypatch.setattr(connector, "parse", lambda hook: type(connector).parse(connector, _mended(hook, note)))
    answer = await client.post(f"/dead-letters/{letter['id']}/replay")
    again = await client.post(f"/dead-letters/{letter['id']}/replay")

    assert [one["topic"] for one in answer.json()["published"]] == ["authors", "messages"]
    assert (again.status_code, again.json()["type"]) == (409, "urn:chorally:problem:already-replayed")
    assert [event.data.external_id for event in await told(topics.MESSAGES)] == ["n1"]


def _mended(hook: Any, note: dict[str, Any]) -> Any:
    body = hook.body.replace(b'"yesterday"', f'"{note["at"]}"'.encode())
    return hook.model_copy(update={"body": body})


async def test_a_dead_event_goes_back_to_its_topic_as_it_was(
    app: Any, speak: Any, badge: Any, ledger: Any, clock: Any, told: Any
) -> None:
    """Same id, key and headers; the letter remembers when it was replayed."""
    await a_letter(ledger, clock)
    client = speak(app, badge())
    answer = await client.post("/dead-letters/l1/replay")
    [event] = await told(topics.AUTHORS)

    assert answer.json()["published"] == [
        {"topic": "authors", "event": "add", "id": "event-l1", "key": "acme/ada"},
    ]
    assert (event.id, event.key, event.caused_by, event.data.external_id) == ("event-l1", "acme/ada", "c0", "ada")
    assert (await client.get("/dead-letters/l1")).json()["replayed_at"] is not None
    assert (await client.get("/dead-letters?replayed=false")).json()["items"] == []


async def test_what_no_version_can_read_is_not_put_back(
    app: Any, speak: Any, badge: Any, ledger: Any, clock: Any, told: Any
) -> None:
    """Something that is no event stays a dead letter."""
    await a_letter(ledger, clock, value="garbage")
    answer = await speak(app, badge()).post("/dead-letters/l1/replay")

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:chorally:problem:unreadable")
    assert await told(topics.AUTHORS) == []


async def test_a_letter_cannot_carry_an_event_into_another_tenant(
    app: Any, speak: Any, badge: Any, ledger: Any, clock: Any, told: Any
) -> None:
    """The event's own header is no way to another tenant."""
    letter = await a_letter(ledger, clock, "l1", tenant="umbrella")
    stolen = DeadLetter(
        id="l2", tenant="acme", at=clock(), source=letter.source, group="author", key=letter.key, value=letter.value,
        headers=letter.headers, error="boom", attempts=5,
    )  # fmt: skip
    await ledger.commit(Work([Step.of([stolen])]))
    answer = await speak(app, badge()).post("/dead-letters/l2/replay")

    assert answer.status_code == 422
    assert await told(topics.AUTHORS) == []


async def test_dead_letters_are_listed_newest_first_by_page(
    app: Any, speak: Any, badge: Any, ledger: Any, clock: Any
) -> None:
    """Also those of the same instant, each once."""
    for number in range(3):
        await a_letter(ledger, clock, f"l{number}")
    client = speak(app, badge())
    page = (await client.get("/dead-letters?limit=2")).json()
    rest = (await client.get(f"/dead-letters?limit=2&cursor={page['next']}")).json()

    assert [item["id"] for item in (*page["items"], *rest["items"])] == ["l2", "l1", "l0"]
    assert "value" not in page["items"][0]


async def test_unknown_accounts_are_offered_to_the_tenant_whose_app_heard_of_them(
    app: Any, speak: Any, badge: Any, connected: Any, hooks: Any, a_note: Any
) -> None:
    """Others do not learn which walls this tenant's app hears of."""
    await hooks.send(connected, [a_note("n1", wall="w7"), a_note("n2", wall="w7")])
    own = (await speak(app, badge()).get("/unknown-accounts")).json()
    others = (await speak(app, badge("umbrella")).get("/unknown-accounts")).json()

    assert own == {"items": [{"connector": "wall", "external_id": "w7", "events": 2}]}
    assert others == {"items": []}


async def test_webhooks_of_an_installation_wide_app_are_no_tenants_to_see(
    app: Any, speak: Any, badge: Any, an_app: Any, an_account: Any, hooks: Any, a_note: Any, service: Any, told: Any
) -> None:
    """They may speak of several tenants; their events arrive all the same."""
    shared = await service.accounts.add_app("", "wall", "shared", an_app["settings"], "shared-app")
    client = speak(app, badge())
    await client.post("/accounts", json=an_account)
    row = await hooks.send({"webhook_path": f"/wall/v1/webhook/{shared.hook_token}"}, [a_note("n1", wall="w1")])
    await hooks.send({"webhook_path": f"/wall/v1/webhook/{shared.hook_token}"}, [a_note("n2", wall="unheard-of")])

    assert [event.data.external_id for event in await told(topics.MESSAGES)] == ["n1"]
    assert (await client.get("/hooks")).json()["items"] == []
    assert (await client.get(f"/hooks/{row}")).status_code == 404
    assert (await client.post(f"/hooks/{row}/replay")).status_code == 404
    assert (await client.get("/unknown-accounts")).json()["items"] == []
    assert (await client.get("/apps")).json()["items"] == []


@pytest.mark.parametrize("role", ["viewer", "agent", "supervisor"])
async def test_operations_are_the_administrators(app: Any, speak: Any, badge: Any, role: Any) -> None:
    """Raw webhooks and dead letters hold everything, so other roles do not see them."""
    client = speak(app, badge("acme", "bob", role))
    for path in ("/hooks", "/dead-letters", "/unknown-accounts"):
        assert (await client.get(path)).status_code == 403
