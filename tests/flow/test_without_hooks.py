"""What is pulled only where no webhooks come is switched off and on as a subscription is made, lost and healed."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

import chorally_sdk as sdk
from tests.support.beacon import Alone, Beacon
from tests.support.harbour import Harbour, a_harbour
from tests.support.patience import patiently


class Both(Beacon):
    """One stream always runs, another only without webhooks."""

    def streams(self) -> Sequence[sdk.Stream]:
        """Two of them."""
        every = timedelta(hours=1)
        return [sdk.Stream(name="always", every=every), sdk.Stream(name="alone", every=every, without_hooks=True)]


class Queue(Beacon):
    """A queue beside what can be read as often as one likes."""

    def streams(self) -> Sequence[sdk.Stream]:
        """Two of them."""
        every = timedelta(hours=1)
        return [sdk.Stream(name="notes", every=every), sdk.Stream(name="queue", every=every, history=False)]


@pytest.fixture
async def harbour(tmp_path: Path, in_order: bool) -> AsyncIterator[Harbour]:
    """A core whose notes are pulled only while no webhooks come."""
    async with a_harbour(tmp_path, Alone, in_order=in_order) as harbour:
        yield harbour


def running(harbour: Harbour) -> list[str]:
    """Return what is pulled now."""
    tasks = [task for tasks in harbour.world.io.pulling._tasks.values() for task in tasks]
    return sorted(task.get_name() for task in tasks if not task.done())


async def begin(harbour: Harbour) -> None:
    """Connect an account as a person does through the API."""
    account = await harbour.world.account("beacon")
    harbour.world.io.begin(account)
    await harbour.tend()


async def has_pulled(harbour: Harbour) -> None:
    """Return once the notes were asked for."""
    async with patiently():
        while "GET /notes" not in harbour.platform.calls:
            await harbour.world.ledger.bus.wait(0.01)


async def test_nothing_is_pulled_while_webhooks_come(harbour: Harbour) -> None:
    """Neither before the first answer nor after it."""
    harbour.world.io.begin(await harbour.world.account("beacon"))
    assert running(harbour) == []
    await harbour.tend()
    assert (running(harbour), list(harbour.platform.held)) == ([], ["sub-wall-1"])


async def test_where_the_platform_refuses_to_call_notes_are_pulled(harbour: Harbour) -> None:
    """Until it is asked again and agrees."""
    harbour.platform.fates = ["400"]
    await begin(harbour)
    assert running(harbour) == ["pull:notes"]
    await has_pulled(harbour)
    await harbour.tend(hours=2)
    assert (running(harbour), list(harbour.platform.held)) == ([], ["sub-wall-1"])


async def test_while_a_lost_subscription_cannot_be_healed_notes_are_pulled_after_it_is_ended(harbour: Harbour) -> None:
    """Platforms refuse to be asked while they believe that they call; once healed, nothing is pulled any more."""
    await begin(harbour)
    await harbour.tend(minutes=5)
    harbour.platform.fates = ["400"]
    assert await harbour.receive({"notice": "subscription_lost"}) == "accept"
    await harbour.tend()
    assert "DELETE /subscriptions/sub-wall-1" in harbour.platform.calls
    assert running(harbour) == ["pull:notes"]
    await harbour.tend(hours=2)
    assert (running(harbour), list(harbour.platform.held)) == ([], ["sub-wall-1"])


async def test_where_it_cannot_be_ended_either_nothing_is_pulled_beside_it(harbour: Harbour) -> None:
    """It is ended with the next failure."""
    await begin(harbour)
    await harbour.tend(minutes=5)
    await harbour.receive({"notice": "subscription_lost"})
    harbour.platform.fates = ["400", "400"]
    await harbour.tend()
    assert (running(harbour), (await harbour.account()).state) == ([], "degraded")
    harbour.platform.fates = ["400"]
    await harbour.tend(hours=2)
    assert running(harbour) == ["pull:notes"]


async def test_after_a_restart_what_cannot_be_subscribed_goes_on_to_be_pulled(harbour: Harbour, tmp_path: Path) -> None:
    """What is stored tells, before the platform is asked again."""
    harbour.platform.fates = ["400"]
    await begin(harbour)
    await harbour.world.io.pulling.stop()
    harbour.subscribing._comes.clear()
    harbour.platform.fates = ["400"] * 9
    harbour.world.io.begin(await harbour.account())
    assert running(harbour) == []
    await harbour.subscribing.dispatch()
    assert running(harbour) == ["pull:notes"]
    await harbour.subscribing.idle()


async def test_where_no_address_is_set_pulling_in_place_of_webhooks_is_no_trouble(harbour: Harbour) -> None:
    """As on a machine that no platform reaches; what is missing is shown all the same."""
    harbour.subscribing._public_url = ""
    await begin(harbour)
    record = await harbour.record()
    assert record is not None
    assert "CHORALLY_PUBLIC_URL" in record.error
    assert ((await harbour.account()).state, running(harbour)) == ("connected", ["pull:notes"])


async def test_other_streams_run_all_the_time(tmp_path: Path) -> None:
    """Only what is said to exclude webhooks does."""
    async with a_harbour(tmp_path, Both) as harbour:
        await begin(harbour)
        assert running(harbour) == ["pull:always"]
        harbour.subscribing._public_url = ""
        harbour.subscribing.begin(await harbour.account())
        await harbour.tend()
        await harbour.tend(days=4)
        assert running(harbour) == ["pull:alone", "pull:always"]


async def test_what_gives_each_thing_once_has_one_reader(tmp_path: Path) -> None:
    """History is imported of the other stream only; it would take what is new from the queue."""
    async with a_harbour(tmp_path, Queue) as harbour:
        account = await harbour.world.account("beacon", since=harbour.world.clock() - timedelta(days=30))
        harbour.world.io.begin(account)
        assert running(harbour) == ["import:notes", "pull:notes", "pull:queue"]
