"""However many there are of something, none is left out for good."""

from typing import Any

import msgspec
import pytest
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.io import inbound, left, pulling
from chorally_core.services.io.model import Delivery, Held, Nudge
from chorally_core.services.message import waking
from chorally_core.services.message.model import Ticket

import chorally_sdk as sdk
from tests.support.several import Several
from tests.support.wall import NOTE


async def test_claims_of_others_do_not_hide_one_that_was_left_behind(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What others have under way changes all the time, and may be before it in the list."""
    monkeypatch.setattr(left, "_STEP", 2)
    one = await several.start("one", "api", "worker")
    account = await several.account(one)
    for number in range(4):
        await several.queue(account, message_id=f"answer-{number}")
    claimed = [
        msgspec.structs.replace(d, state="sending", account_id=account.id if d.id == "answer-3" else f"of-{d.id}")
        for d in await several.all(Delivery)
    ]
    await several.ledger.commit(Work([Step.of(claimed)]))
    mine = one.io.outbox._is_mine
    monkeypatch.setattr(one.io.outbox, "_is_mine", lambda name: name == account.id and mine(name))

    await one.io.outbox.look_back()
    several.at += 60
    await one.leases.renew()
    several.at += 1
    await one.leases.hold_many(one.beside.shards._names)
    await one.io.outbox.look_back()

    assert {d.id: d.state for d in await several.all(Delivery)}["answer-3"] == "unconfirmed"


async def test_pings_of_accounts_that_cannot_be_pulled_do_not_hide_others(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They wait until their account is connected again."""
    monkeypatch.setattr(pulling, "_STEP", 2)
    one = await several.start("one", "api", "worker")
    nudges = [Nudge(id=f"{n}", tenant="acme", account_id=f"account-{n}", stream="notes") for n in range(5)]
    await several.ledger.commit(Work([Step.of(nudges)]))

    await one.io.pulling.nudge()

    assert one.io.pulling._nudged["account-4", "notes"].is_set()


async def test_an_echo_is_held_for_the_last_of_many_open_pushes(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be published as said elsewhere, and come twice."""
    monkeypatch.setattr(inbound, "_STEP", 2)
    one = await several.start("one", "api", "worker")
    account = await several.account(one)
    for number in range(5):
        await several.queue(account, message_id=f"answer-{number}")
    stored = await several.all(Delivery)
    await several.ledger.commit(
        Work([Step.of(msgspec.structs.replace(d, state="unconfirmed", conversation_id=f"of {d.id}") for d in stored)])
    )
    echo = sdk.Message(
        channel=NOTE, external_id="a9", conversation_id="of answer-4", author=None, body="hi", sent_at=several.clock(),
        ours=True,
    )  # fmt: skip

    came = await one.io.inbound.translate(
        account, one.io.directory.connectors["wall"].manifest, [echo], several.clock()
    )

    assert [type(document) for document in came.writes] == [Held]
    assert came.events == []


class _Wakes:
    """Actions of which one ticket's fails."""

    def __init__(self) -> None:
        self.woken: list[str] = []

    async def act(self, keys: Any, decide: Any, **_: Any) -> Any:
        """Note which ticket it is."""
        [key] = keys
        if key.value == "ticket-0":
            raise RuntimeError("cannot be woken")
        self.woken.append(key.value)


async def test_a_ticket_that_cannot_be_woken_holds_up_no_other(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor do those that come before it."""
    monkeypatch.setattr(waking, "_STEP", 2)
    at = several.clock()
    tickets = [
        Ticket(
            id=f"ticket-{n}", tenant="acme", number=n + 1, account_id="a", platform="wall", channel=NOTE,
            conversation_key=f"c{n}", created_at=at, updated_at=at, snoozed_until=at,
        )
        for n in range(5)
    ]  # fmt: skip
    await several.ledger.commit(Work([Step.of(tickets)]))
    several.clock.forward(seconds=1)
    wakes = _Wakes()

    woken = await waking.wake_due(several.ledger.documents, wakes, several.clock)

    assert (woken, wakes.woken) == (4, [f"ticket-{n}" for n in range(1, 5)])
