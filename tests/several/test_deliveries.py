"""Deliveries among processes that know different things at the moment."""

from chorally_core.ports.ledger import Step, Work
from chorally_core.services.io.model import Delivery, Held

import chorally_sdk as sdk
from tests.support.several import Several
from tests.support.wall import NOTE


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
