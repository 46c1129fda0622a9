"""Many answers wait for one account: what each costs does not grow with how many there are."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from chorally_core.adapters.sqlite import SqliteDocuments
from chorally_core.ports.documents import Query
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.io.model import Delivery, Held

import chorally_sdk as sdk
from tests.support.hooks import SECRET
from tests.support.wall import NOTE as CHANNEL
from tests.support.wall import Wall, WallPlatform
from tests.support.world import START, World, a_world

ACCOUNT = "account-wall-acme"


@pytest.fixture
def platform() -> WallPlatform:
    """A wall without notes."""
    return WallPlatform()


@pytest.fixture
async def world(tmp_path: Path, platform: WallPlatform, in_order: bool) -> AsyncIterator[World]:
    """A core with one wall connected."""
    async with a_world(tmp_path, {"wall": Wall}, transports={"wall": platform.transport()}, in_order=in_order) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        yield world


class Read:
    """Counts what is read of the documents."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.documents = self.questions = 0
        find = SqliteDocuments.find

        async def counted(documents: SqliteDocuments, query: Query) -> list[Any]:
            found = await find(documents, query)
            if query.of in (Delivery, Held):
                self.questions += 1
                self.documents += len(found)
            return found

        monkeypatch.setattr(SqliteDocuments, "find", counted)


def an_answer(number: int, **more: Any) -> Delivery:
    """Return an answer to a person of its own, on the one note that everybody talks under."""
    fields = {
        "id": f"answer-{number:04}", "tenant": "acme", "account_id": ACCOUNT, "platform": "wall", "channel": CHANNEL,
        "key": f"acme/p{number}", "client_ref": Delivery.client_ref_of(f"answer-{number:04}"), "body": f"hi {number}",
        "in_reply_to": f"n{number}", "conversation_id": "n1", "created_at": START + timedelta(seconds=number),
        "next_at": START, **more,
    }  # fmt: skip
    return Delivery(**fields)


async def queue(world: World, answers: list[Delivery]) -> None:
    """Store answers that are to go out."""
    await world.ledger.commit(Work([Step.of(answers)]))


@pytest.mark.parametrize("count", [20, 120])
async def test_an_answer_costs_the_same_however_many_wait(
    world: World, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each asks two questions to which nothing is the answer; the list is read once for all of them."""
    await queue(world, [an_answer(number) for number in range(count)])
    read = Read(monkeypatch)
    await world.io.outbox.dispatch()
    await world.io.outbox.idle()
    assert read.questions <= 2 * count + 5
    assert read.documents <= count + 5
    assert {d.state for d in await world.all(Delivery)} == {"sent"}


async def test_what_is_held_costs_a_few_questions_a_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much of it waits for a push that is open, and the push is none of all that is sent meanwhile."""
    await queue(world, [an_answer(0, state="unconfirmed", next_at=None, needs_person=True, in_reply_to=None)])
    account = world.io.directory.accounts[ACCOUNT]
    for number in range(60):
        echo = sdk.Message(
            channel=CHANNEL, external_id=f"e{number}", conversation_id="n1", author=None, body="from a phone",
            sent_at=START, ours=True,
        )  # fmt: skip
        await world.ledger.commit(Work([Step.of([world.io.inbound._held(account, echo, START)])]))
    read = Read(monkeypatch)
    await world.io.outbox.release_held()
    assert read.questions <= 3
    assert len(await world.all(Held)) == 60

    settled = await world.ledger.documents.get(Delivery, "answer-0000")
    assert settled is not None
    await world.io.outbox.settle(settled, external_id="e7")
    await world.io.outbox.release_held()
    await world.pump.drain()
    assert await world.all(Held) == []


async def test_an_answer_in_doubt_does_not_wait_for_all_that_is_to_be_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked for before more is sent, although it is due later than more than a look takes."""
    monkeypatch.setattr("chorally_core.services.io.outbox._MOST", 5)
    doubtful = an_answer(99, state="unconfirmed", tried_at=START, next_at=START + timedelta(milliseconds=1))
    await queue(world, [*(an_answer(number) for number in range(20)), doubtful])
    taken: list[str] = []

    async def note(account: Any, delivery: Delivery) -> None:
        taken.append(delivery.id)

    monkeypatch.setattr(world.io.outbox, "carry_out", note)
    await world.io.outbox.dispatch()
    await world.io.outbox.idle()
    assert taken[0] == "answer-0099"
    assert len(taken) == 6


async def test_deliveries_make_way_after_a_while(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is looked anew what is due, as a search may be by then."""
    await queue(world, [an_answer(number) for number in range(20)])
    taken: list[str] = []

    async def slow(account: Any, delivery: Delivery) -> None:
        taken.append(delivery.id)
        world.clock.forward(seconds=2)

    monkeypatch.setattr(world.io.outbox, "carry_out", slow)
    await world.io.outbox.dispatch()
    await world.io.outbox.idle()
    assert taken == ["answer-0000", "answer-0001", "answer-0002"]
