"""Webhooks are told what happens: once it is taken, in order for each ticket, and none of them disturbs another."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from chorally_core.events.ids import timed
from chorally_core.ports.ledger import Step, Work
from chorally_core.ports.outside import Answer, NoAnswer
from chorally_core.ports.webhooks import CALLED, Webhook, delivery_id
from chorally_core.services.log.model import LogEntry
from chorally_core.services.log.webhooks import signing, waits
from chorally_core.services.log.webhooks.model import WebhookDelivery, WebhookFeed, WebhookHealth, WebhookReplay
from chorally_core.services.log.webhooks.sending import AT_ONCE

from .receiver import SECRET, Net, Place, a_place

ONE, TWO = "https://one.example/in", "https://two.example/in"


@pytest.fixture(params=[False, True], ids=["one transaction", "in order"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """Both kinds of ledgers."""
    async with a_place(tmp_path, in_order=request.param) as made:
        yield made


async def test_what_happens_is_told_once_and_signed(place: Place) -> None:
    """The body is what the events show; the id is that of the delivery; rounds that follow tell nothing again."""
    await place.happens("before")
    await place.webhook()
    await place.happens("t1", ticket_id="t1", snapshot={"status": "open"})
    await place.rounds(3, 60)

    (call,) = place.net.calls
    (delivery,) = await place.deliveries()
    assert call.entry["what"] == "ticket_changed"
    assert call.entry["snapshot"] == {"status": "open"}
    assert call.headers["webhook-id"] == delivery.id == delivery_id("one", delivery.log_id)
    assert (delivery.state, delivery.attempts, delivery.tries[0].status) == ("delivered", 1, 204)
    again = signing.signed([SECRET], delivery.id, delivery.tries[0].at, call.body)
    assert {name: call.headers[name] for name in again} == again


async def test_a_webhook_is_told_of_the_kinds_it_asks_for(place: Place) -> None:
    """Whole, by their beginning, or all; never of imported history, nor of another tenant's."""
    await place.webhook("one", "ticket_*", "note_added")
    await place.webhook("two")
    await place.webhook("none", "message_received")
    await place.webhook("theirs", tenant="other")
    await place.happens("a")
    await place.happens("b", what="note_added")
    await place.happens("c", what="notes_added")
    await place.happens("d", backfilled=True)
    await place.round()
    assert (place.net.told(ONE), place.net.told(TWO)) == (["a", "b"], ["a", "b", "c"])
    assert {call.url for call in place.net.calls} == {ONE, TWO}


async def test_a_call_that_names_a_webhook_reaches_it_alone(place: Place) -> None:
    """Whatever its kinds are: one without any is called only so."""
    await place.webhook("one", enabled=True)
    await place.webhook("two", "note_added")
    await place.happens("two", what=CALLED, subject_type="webhook")
    await place.round()
    assert (place.net.told(ONE), place.net.told(TWO)) == ([], ["two"])


async def test_what_a_receiver_refuses_is_tried_again_after_growing_waits(place: Place) -> None:
    """With the same id and body; what went wrong is kept."""
    await place.webhook()
    place.net.says[ONE] = Answer(500, {}, b"no\x00pe \xff")
    await place.happens("a")
    tried = []
    for _ in range(60):
        before = len(place.net.calls)
        await place.round()
        if len(place.net.calls) > before:
            tried.append(place.clock())
        place.clock.forward(seconds=10)
    waited = [(later - earlier).total_seconds() for earlier, later in pairwise(tried)]
    assert waited[:3] == [10, 30, 120]  # the first is due after 5
    assert len({call.headers["webhook-id"] for call in place.net.calls}) == 1
    assert len({call.body for call in place.net.calls}) == 1
    (delivery,) = await place.deliveries()
    assert (delivery.state, delivery.tries[0].error) == ("waiting", "the receiver answered 500")
    assert delivery.tries[0].excerpt.startswith("no pe")

    place.net.says[ONE] = 200
    place.clock.forward(hours=2)
    await place.round()
    (delivery,) = await place.deliveries()
    health = await place.get(WebhookHealth)
    assert (delivery.state, health.failures, health.held_until) == ("delivered", 0, None)


async def test_a_ticket_keeps_its_order_and_others_go_on(place: Place) -> None:
    """What follows in the same ticket waits for what failed; in another one it does not."""
    await place.webhook()
    refused = iter([500])
    place.net.says[ONE] = lambda: next(refused, 200)
    await place.happens("a1", ticket_id="a")
    await place.round()
    await place.happens("a2", ticket_id="a")
    await place.happens("b1", ticket_id="b")
    await place.round()
    assert place.net.told() == ["a1", "b1"]
    place.clock.forward(seconds=20)
    await place.rounds(2, 6)
    assert place.net.told() == ["a1", "b1", "a1", "a2"]


async def test_a_receiver_that_hangs_holds_up_no_other(place: Place) -> None:
    """Rounds go on, others are told, and few calls are open to it at a time."""
    await place.webhook("one")
    await place.webhook("two")
    hangs = place.net.says[ONE] = asyncio.Event()
    await place.happens(*(f"t{number}" for number in range(12)))
    for _ in range(3):
        await place.serving.once()
        await asyncio.sleep(0.02)
        await place.happens("more")
    assert len(place.net.told(TWO)) >= 12
    assert place.net.told(ONE) == []
    hangs.set()
    await place.serving.sending.idle()
    await place.rounds(2, 6)
    assert sorted(place.net.told(ONE)) == sorted(place.net.told(TWO))
    assert place.net.most[ONE] == AT_ONCE


async def test_a_dead_receiver_is_left_alone_but_for_one_call_at_a_time(place: Place) -> None:
    """Its deliveries do not each try it out."""
    await place.webhook()
    place.net.says[ONE] = NoAnswer("nobody answers")
    await place.happens(*(f"t{number}" for number in range(40)))
    await place.round()
    first = len(place.net.calls)
    assert first <= 16
    await place.rounds(60, 10)
    assert len(place.net.calls) - first < 15
    place.net.says[ONE] = 200
    await place.rounds(1000, 10)
    assert {one.state for one in await place.deliveries()} == {"delivered"}


async def test_a_webhook_that_is_gone_is_disabled_at_once(place: Place) -> None:
    """And the history says so; what waits is kept for when it is enabled again."""
    await place.webhook()
    place.net.says[ONE] = 410
    await place.happens("a")
    await place.round()
    webhook = await place.get(Webhook)
    assert (webhook.enabled, webhook.disabled_why) == (False, "the receiver answered 410 Gone")
    await place.rounds(5, 3600)
    assert len(place.net.calls) == 1


async def test_a_webhook_that_fails_for_days_is_disabled(place: Place) -> None:
    """Not one that fails now and then."""
    await place.webhook("one")
    await place.webhook("two")
    answers = iter([500, 200] * 1000)
    place.net.says |= {ONE: 503, TWO: lambda: next(answers)}
    for day in range(4):
        for hour in range(24):
            await place.happens(f"{day}-{hour}")
            await place.rounds(2, 1800)
    one, two = await place.get(Webhook, "one"), await place.get(Webhook, "two")
    assert not one.enabled
    assert "3 days" in one.disabled_why
    assert two.enabled


async def test_what_is_not_taken_for_days_is_given_up_and_the_next_of_its_ticket_goes_on(place: Place) -> None:
    """A receiver that stumbles over one entry is told the others."""
    await place.webhook()
    stumbles = place.net

    def says() -> int:
        return 500 if stumbles.refusing else 200  # type: ignore[attr-defined]

    stumbles.refusing = True  # type: ignore[attr-defined]
    stumbles.says[ONE] = says
    await place.happens("a1", "a2", ticket_id="a")
    await place.round()
    stumbles.refusing = False  # type: ignore[attr-defined]
    place.clock.forward(days=4)
    await place.rounds(3, 6)
    assert [one.state for one in await place.deliveries()] == ["failed", "failed"]
    await place.happens("a3", ticket_id="a")
    await place.round()
    assert place.net.told()[-1] == "a3"


async def test_a_receiver_says_how_long_it_wants_to_be_left_alone(place: Place) -> None:
    """Up to an hour."""
    await place.webhook()
    place.net.says[ONE] = Answer(429, {"retry-after": "600"}, b"")
    await place.happens("a")
    await place.round()
    (delivery,) = await place.deliveries()
    assert delivery.due_at - place.clock() == timedelta(minutes=10)
    assert waits.next_wait(1, 1.0, timedelta(days=9)) == timedelta(minutes=75)


async def test_two_processes_send_each_once(place: Place) -> None:
    """Whoever claims it first sends it, and both queue the same."""
    await place.webhook()
    other = place.process()
    await place.happens(*(f"t{number}" for number in range(30)))
    await asyncio.gather(place.serving.once(), other.once())
    await asyncio.gather(place.serving.sending.idle(), other.sending.idle())
    place.clock.forward(seconds=6)
    await asyncio.gather(place.serving.once(), other.once())
    await asyncio.gather(place.serving.sending.idle(), other.sending.idle())
    assert sorted(place.net.told()) == sorted(f"t{number}" for number in range(30))
    await other.stop()


async def test_a_process_that_dies_while_it_sends_leaves_it_to_the_next(place: Place) -> None:
    """Under the same id, after a minute."""
    await place.webhook()
    place.net.says[ONE] = asyncio.Event()
    await place.happens("a")
    await place.serving.once()
    await asyncio.sleep(0.02)
    await place.serving.sending.stop()
    place.serving, place.net.says[ONE] = place.process(), 200
    await place.round()
    assert place.net.calls == []
    place.clock.forward(seconds=61)
    await place.round()
    assert place.net.told() == ["a"]


async def test_secrets_rotate_with_both_signing_for_a_while(place: Place) -> None:
    """The newest first; then the older one signs no more."""
    webhook = await place.webhook()
    newer = signing.Secret("whsec_YW5vdGhlci1zZWNyZXQtb2YtMzItYnl0ZXMtbG9uZyE=")
    kept = signing.rotated([SECRET], newer, place.clock() + timedelta(hours=1))
    changed = msgspec.structs.replace(webhook, sealed=signing.sealed(place.vault, kept), version=1)
    await place.ledger.commit(Work([Step.of([changed])]))
    await place.happens("a")
    await place.round()
    place.clock.forward(hours=2)
    await place.happens("b")
    await place.round()
    first, second = (call.headers["webhook-signature"].split() for call in place.net.calls)
    assert (len(first), len(second)) == (2, 1)
    at = (await place.deliveries())[0].tries[0].at
    signature = signing.signed([SECRET], place.net.calls[0].headers["webhook-id"], at, place.net.calls[0].body)
    assert signature["webhook-signature"] == first[1]


async def test_a_part_of_the_history_is_told_again(place: Place) -> None:
    """What was delivered, and what happened before there was a webhook; a kill in between changes nothing."""
    began = place.clock()
    await place.happens("before")
    await place.webhook("one", "ticket_*")
    await place.happens("a", "b")
    await place.happens("c", what="note_added")
    await place.round()
    assert place.net.told() == ["a", "b"]
    replay = WebhookReplay(
        id="again", tenant="acme", webhook_id="one", since=began, until=place.clock(), created_at=place.clock(),
        created_by="ada",
    )  # fmt: skip
    await place.ledger.commit(Work([Step.of([replay])]))
    place.clock.forward(seconds=10)
    await place.rounds(3, 6)
    assert place.net.told()[2:] == ["before", "a", "b"]
    assert len({call.headers["webhook-id"] for call in place.net.calls}) == 3
    done = await place.get(WebhookReplay, "again")
    assert (done.open, done.count) == (None, 3)


async def test_an_entry_that_is_kept_no_more_is_given_up(place: Place) -> None:
    """And where the reading had come to is found again, without telling anything twice."""
    await place.webhook()
    await place.happens("a")
    await place.serving._queueing.once([await place.get(Webhook)])
    feed = await place.get(WebhookFeed, "acme")
    await place.documents.delete(LogEntry, [feed.read])
    await place.round()
    (delivery,) = await place.deliveries()
    assert (delivery.state, place.net.calls) == ("failed", [])
    await place.happens("b")
    await place.round()
    assert place.net.told() == ["b"]


async def test_many_are_queued_and_told(place: Place) -> None:
    """More than a page of the history and of deliveries."""
    await place.webhook()
    entries = [
        LogEntry(
            id=timed(place.clock(), str(number)), tenant="acme", what="ticket_changed", issuer="message-service",
            at=place.clock(), subject_type="ticket", subject_id=str(number % 7),
        )
        for number in range(450)
    ]  # fmt: skip
    await place.ledger.commit(Work([Step.of([entry]) for entry in entries]))
    await place.rounds(3, 6)
    assert len(place.net.calls) == 450
    assert {one.state for one in await place.deliveries()} == {"delivered"}
    ids = [call.entry["id"] for call in place.net.calls if call.entry["subject_id"] == "3"]
    assert ids == [entry.id for entry in entries if entry.subject_id == "3"]


async def test_nothing_is_asked_of_the_history_where_nobody_has_a_webhook(tmp_path: Path) -> None:
    """One question for webhooks is all."""
    asked: list[Any] = []

    async with a_place(tmp_path) as place:
        find = place.documents.find

        async def counted(query: Any) -> Any:
            asked.append(query.of)
            return await find(query)

        place.documents.find = counted  # type: ignore[method-assign]
        await place.happens("a")
        await place.round()
    assert asked == [Webhook]


def test_a_net_is_what_webhooks_call_through() -> None:
    """The stand-in has what the port has."""
    assert all(hasattr(Net, name) for name in ("check", "call", "opened", "aclose"))
    assert WebhookDelivery.kind == "webhook_delivery"


async def test_what_happened_before_a_webhook_was_enabled_is_not_told(place: Place) -> None:
    """Though another webhook of the tenant is still to be told of it."""
    await place.webhook("one")
    await place.happens("a")
    place.clock.forward(seconds=1)
    await place.webhook("two")
    await place.happens("b")
    await place.round()
    assert (place.net.told(ONE), place.net.told(TWO)) == (["a", "b"], ["b"])


async def test_a_replay_that_is_taken_up_again_tells_nothing_twice(place: Place) -> None:
    """As after a kill that came before its last commit."""
    began = place.clock()
    await place.webhook()
    await place.happens("a", "b")
    await place.round()
    place.clock.forward(seconds=1)
    replay = WebhookReplay(
        id="again", tenant="acme", webhook_id="one", since=began, until=place.clock(), created_at=place.clock(),
        created_by="ada",
    )  # fmt: skip
    await place.ledger.commit(Work([Step.of([replay])]))
    place.clock.forward(seconds=10)
    await place.rounds(2, 6)
    assert place.net.told()[2:] == ["a", "b"]
    done = await place.get(WebhookReplay, "again")
    await place.ledger.commit(Work([Step.of([msgspec.structs.replace(done, open=True, read="")])]))
    await place.rounds(2, 6)
    assert len(place.net.calls) == 4


async def test_where_the_reading_had_come_to_is_found_again_without_telling_older_things(place: Place) -> None:
    """Also where what was told of them is kept no more."""
    await place.webhook()
    await place.happens("a", "b")
    await place.round()
    feed = await place.get(WebhookFeed, "acme")
    await place.documents.delete(LogEntry, [feed.read])
    await place.documents.delete(WebhookDelivery, [one.id for one in await place.deliveries()])
    await place.happens("c")
    await place.rounds(2, 6)
    assert place.net.told() == ["a", "b", "c"]
