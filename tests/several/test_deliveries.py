"""Deliveries among processes that know different things at the moment."""

from datetime import timedelta
from typing import Any

import pytest
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.io import deliver
from chorally_core.services.io.model import Delivery, Held

import chorally_sdk as sdk
from tests.support.several import Several
from tests.support.wall import NOTE, Wall


class Blind(Wall):
    """A wall on which nothing can be looked for."""

    async def find(self, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
        """Tell nothing."""
        raise sdk.OutcomeUnknown("it cannot be searched")


class Odd(Wall):
    """A wall that answers to some with what no store takes."""

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Answer a note."""
        receipt = await super().push(message)
        return receipt.model_copy(update={"data": {"odd": object()}}) if message.body == "odd" else receipt


async def test_an_answer_of_an_account_that_the_worker_does_not_know_yet_waits(several: Several) -> None:
    """It was connected at another process a moment ago."""
    api, worker = await several.start("api", "api"), await several.start("worker", "worker")
    account = await several.account(api)
    await several.queue(account)

    await worker.deliver()
    assert [d.state for d in await several.all(Delivery)] == ["queued"]
    await several.everywhere()
    await worker.deliver()

    assert [d.state for d in await several.all(Delivery)] == ["sent"]


async def test_an_answer_of_an_account_that_was_connected_again_elsewhere_waits(several: Several) -> None:
    """The worker still takes it for disconnected."""
    api, worker = await several.start("api", "api"), await several.start("worker", "worker")
    account = await several.account(api)
    gone = await api.io.accounts.disconnect(account)
    await several.everywhere()
    await api.io.accounts.change(gone, credentials={"access_token": "token"})
    await several.queue(account)

    await worker.deliver()
    assert [d.state for d in await several.all(Delivery)] == ["queued"]
    await several.everywhere()
    await worker.deliver()

    assert [d.state for d in await several.all(Delivery)] == ["sent"]


async def test_what_is_held_for_an_account_that_the_worker_does_not_know_yet_stays(several: Several) -> None:
    """It is taken up once the account is known."""
    api, worker = await several.start("api", "api"), await several.start("worker", "worker")
    account = await several.account(api)
    echo = sdk.Message(
        channel=NOTE, external_id="a9", conversation_id="n1", author=None, body="from a phone", sent_at=several.clock(),
        ours=True,
    )  # fmt: skip
    held = api.io.inbound._held(account, echo, several.clock())
    await several.ledger.commit(Work([Step.of([held])]))

    await worker.io.outbox.release_held()
    assert len(await several.all(Held)) == 1
    await several.everywhere()
    await worker.io.outbox.release_held()

    assert await several.all(Held) == []
    assert [event.data.body for event in await several.published("messages")] == ["from a phone"]


async def test_what_a_call_led_to_is_stored_although_others_took_it_as_unknown_meanwhile(several: Several) -> None:
    """The worker was cut off from the store after its call, for so long that its claim was given up."""
    one = await several.start("one", "api", "worker", connectors={"wall": Blind})
    account = await several.account(one)
    await several.queue(account)
    write = several.ledger.documents.write

    async def cut_off(writes: Any) -> Any:
        if any(isinstance(w.document, Delivery) and w.document.state == "sent" for w in writes):
            raise OSError("cut off")
        return await write(writes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(several.ledger.documents, "write", cut_off)
        await one.io.outbox.dispatch()
        await one.io.outbox.idle()
    several.processes.remove(one)
    two = await several.start("two", "worker", connectors={"wall": Blind})
    for _ in range(25):
        await several.pass_time(2)
        await two.io.outbox.look_back()
        await two.deliver()
    [given_up] = await several.all(Delivery)

    several.processes.append(one)
    await one.io.outbox.dispatch()

    assert (given_up.state, given_up.needs_person) == ("unconfirmed", True)
    assert [(d.state, d.external_id, d.needs_person) for d in await several.all(Delivery)] == [("sent", "a1", False)]
    assert len(several.platform.answers) == 1


async def test_an_outcome_that_cannot_be_stored_holds_up_no_other_account(several: Several) -> None:
    """What the platform answered has no place in the store; that it answered has."""
    one = await several.start("one", "api", "worker", connectors={"wall": Odd})
    odd, other = await several.account(one), await several.account(one, "other")
    await several.queue(odd, body="odd")
    await one.deliver()
    await several.queue(other, body="good")
    await one.deliver()

    found = {d.body: (d.state, d.external_id) for d in await several.all(Delivery)}
    assert found == {"odd": ("sent", "a1"), "good": ("sent", "a2")}


async def test_a_call_that_was_left_behind_is_not_searched_for_before_the_platform_shows_it(several: Several) -> None:
    """The machine that made it had a clock that was far behind."""
    one = await several.start("one", "api", "worker")
    account = await several.account(one)
    await several.queue(account)
    [queued] = await several.all(Delivery)
    claim = deliver.claimed(queued, several.clock() - timedelta(hours=1))
    await several.ledger.commit(Work([Step.of([claim])]))

    await one.io.outbox.look_back()
    for _ in range(8):
        await several.pass_time(2)
    assert await one.io.outbox.look_back() == 1

    [unknown] = await several.all(Delivery)
    assert unknown.state == "unconfirmed"
    assert unknown.next_at is not None
    assert unknown.next_at > several.clock() + timedelta(seconds=4)
