"""What is on its way out, over the API: lists, and what a person decides."""

from typing import Any

import pytest
from chorally_core.events import topics
from chorally_core.services.io.model import Delivery


async def test_deliveries_are_listed_newest_first_by_page(
    app: Any, speak: Any, badge: Any, a_delivery: Any, clock: Any
) -> None:
    """Pages follow each other without a gap, also among those of the same instant."""
    for number in range(5):
        await a_delivery(f"d{number}")
        if number % 2:
            clock.pass_(seconds=1)
    client = speak(app, badge())
    found, cursor = [], ""
    for _ in range(3):
        page = (await client.get(f"/deliveries?limit=2{cursor}")).json()
        found += [item["id"] for item in page["items"]]
        cursor = f"&cursor={page['next']}"

    assert found == ["d4", "d3", "d2", "d1", "d0"]
    assert page["next"] is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("state=unconfirmed", ["d1", "d2"]),
        ("account_id=a2", ["d2"]),
        ("needs_person=true", ["d1"]),
        ("state=unconfirmed&account_id=a2&needs_person=true", []),
    ],
)
async def test_deliveries_are_filtered(
    app: Any, speak: Any, badge: Any, a_delivery: Any, query: Any, expected: Any
) -> None:
    """By state, account, and whether a person is needed."""
    await a_delivery("d0")
    await a_delivery("d1", "unconfirmed", needs_person=True)
    await a_delivery("d2", "unconfirmed", account_id="a2")

    found = (await speak(app, badge()).get(f"/deliveries?{query}")).json()["items"]
    assert sorted(item["id"] for item in found) == expected


async def test_a_delivery_shows_neither_its_route_nor_our_reference(
    app: Any, speak: Any, badge: Any, a_delivery: Any
) -> None:
    """What only the connector understands stays inside."""
    await a_delivery("d1")
    answer = await speak(app, badge()).get("/deliveries/d1")

    assert (answer.status_code, answer.json()["body"], answer.headers["etag"]) == (200, "text of d1", '"1"')
    assert "sealed" not in answer.text
    assert Delivery.client_ref_of("d1") not in answer.text


async def test_a_person_says_that_it_was_sent(app: Any, speak: Any, badge: Any, a_delivery: Any, told: Any) -> None:
    """The delivery has its external id, the message is told, and the log says who decided."""
    await a_delivery("d1", "unconfirmed", needs_person=True)
    answer = await speak(app, badge("acme", "sue", "supervisor")).post(
        "/deliveries/d1/resolve", json={"outcome": "sent", "external_id": "x9"}
    )
    [reconciled] = await told(topics.MESSAGES)
    [fact] = await told(topics.LOGS)

    assert (answer.json()["state"], answer.json()["external_id"], answer.json()["needs_person"]) == (
        "sent",
        "x9",
        False,
    )
    assert (reconciled.data.state, reconciled.data.external_id) == ("sent", "x9")
    assert (fact.data.kind, fact.data.actor_id) == ("delivery_settled", "sue")


async def test_a_person_says_that_it_was_not_sent_and_tries_again(
    app: Any, speak: Any, badge: Any, a_delivery: Any, ledger: Any, told: Any
) -> None:
    """It is failed, then queued again under the same id, to be claimed anew."""
    await a_delivery("d1", "unconfirmed", attempts=5, searches=3)
    client = speak(app, badge())
    failed = await client.post("/deliveries/d1/resolve", json={"outcome": "not_sent"})
    queued = await client.post("/deliveries/d1/retry")
    stored = await ledger.documents.get(Delivery, "d1")

    assert (failed.json()["state"], queued.json()["state"]) == ("failed", "queued")
    assert (stored.attempts, stored.searches, stored.client_ref) == (0, 0, Delivery.client_ref_of("d1"))
    assert [event.data.state for event in await told(topics.MESSAGES)] == ["failed", "queued"]


@pytest.mark.parametrize("state", ["queued", "sending", "accepted", "sent", "delivered", "read", "failed"])
async def test_only_what_is_in_doubt_can_be_settled(
    app: Any, speak: Any, badge: Any, a_delivery: Any, state: Any
) -> None:
    """Everything else is certain, or still under way."""
    await a_delivery("d1", state)
    answer = await speak(app, badge()).post("/deliveries/d1/resolve", json={"outcome": "not_sent"})

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:chorally:problem:delivery-not-unconfirmed")


@pytest.mark.parametrize("state", ["queued", "sending", "accepted", "sent", "delivered", "read", "unconfirmed"])
async def test_only_what_has_failed_can_be_tried_again(
    app: Any, speak: Any, badge: Any, a_delivery: Any, state: Any
) -> None:
    """Anything else might be made visible twice."""
    await a_delivery("d1", state)
    answer = await speak(app, badge()).post("/deliveries/d1/retry")

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:chorally:problem:delivery-not-failed")


async def test_an_external_id_that_is_anothers_is_refused(app: Any, speak: Any, badge: Any, a_delivery: Any) -> None:
    """Two deliveries cannot be one answer."""
    await a_delivery("d1", "sent", external_id="x", external_key=Delivery.external_key_of("a1", "wall_note", "x"))
    await a_delivery("d2", "unconfirmed")
    answer = await speak(app, badge()).post("/deliveries/d2/resolve", json={"outcome": "sent", "external_id": "x"})

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:chorally:problem:external-id-taken")


async def test_a_decision_on_an_older_version_is_refused(app: Any, speak: Any, badge: Any, a_delivery: Any) -> None:
    """Whoever looked at it before it changed must look again."""
    await a_delivery("d1", "failed")
    client = speak(app, badge())
    await client.post("/deliveries/d1/retry", headers={"If-Match": '"1"'})
    late = await client.post("/deliveries/d1/retry", headers={"If-Match": '"1"'})

    assert late.status_code == 412


async def test_trying_again_is_repeated_harmlessly_under_a_key(
    app: Any, speak: Any, badge: Any, a_delivery: Any
) -> None:
    """The repeat of a retry is answered alike instead of being refused."""
    await a_delivery("d1", "failed")
    client = speak(app, badge())
    first = await client.post("/deliveries/d1/retry", headers={"Idempotency-Key": "k"})
    again = await client.post("/deliveries/d1/retry", headers={"Idempotency-Key": "k"})

    assert first.json() == again.json()
    assert (first.status_code, again.status_code) == (200, 200)


async def test_an_agent_sees_deliveries_but_decides_nothing(app: Any, speak: Any, badge: Any, a_delivery: Any) -> None:
    """Settling and trying again need the permission to do so."""
    await a_delivery("d1", "failed")
    agent = speak(app, badge("acme", "bob", "agent"))

    assert (await agent.get("/deliveries/d1")).status_code == 200
    assert (await agent.post("/deliveries/d1/retry")).status_code == 403
