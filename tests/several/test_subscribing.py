"""Several processes, one subscription: whoever serves the account asks, and every door knows the secret."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.io.model import Account
from chorally_core.services.io.subscription import SubscriptionRecord

import chorally_sdk as sdk
from tests.support.beacon import PUBLIC, Beacon, BeaconPlatform, ForApps
from tests.support.several import TTL_S, Process, Several

NOTE = {"id": "n1", "signer": {"id": "ada", "name": "Ada"}, "text": "hello", "at": "2026-11-23T08:00:00+00:00"}


class Coast:
    """Processes, and the platform that they subscribe to."""

    def __init__(self, several: Several, platform: BeaconPlatform, connector: type[Beacon]) -> None:
        self.several = several
        self.platform = platform
        self._connector = connector

    async def start(self, name: str, *roles: str) -> Process:
        """Start a process."""
        options: dict[str, Any] = {"connectors": {"beacon": self._connector}, "public_url": PUBLIC}
        return await self.several.start(name, *roles, **options)

    async def connect(self, at: Process, number: int = 1) -> Account:
        """Connect an account at a process."""
        return await at.io.accounts.connect(
            account_id=f"account-{number}", tenant=f"t{number}", platform="beacon", name="beacon", settings={},
            credentials={"access_token": "token"}, since=None,
        )  # fmt: skip

    async def tend(self, seconds: float = 4) -> None:
        """Let time pass for those that live, and what is due be done."""
        await self.several.pass_time(seconds)
        for process in self.several.processes:
            await process.io.tending.subscribing.idle()

    async def records(self) -> list[SubscriptionRecord]:
        """Return what is stored of subscriptions."""
        return await self.several.all(SubscriptionRecord)


def _a_coast(folder: Path, connector: type[Beacon]) -> Coast:
    several = Several(folder)
    platform = BeaconPlatform(several.clock)
    several.transports = {"beacon": platform.transport()}
    return Coast(several, platform, connector)


@pytest.fixture
async def coast(tmp_path: Path) -> AsyncIterator[Coast]:
    """No process yet."""
    coast = _a_coast(tmp_path, Beacon)
    yield coast
    await coast.several.close()


@pytest.fixture
async def apps(tmp_path: Path) -> AsyncIterator[Coast]:
    """No process yet; webhooks come to the app's URL."""
    coast = _a_coast(tmp_path, ForApps)
    yield coast
    await coast.several.close()


async def test_two_processes_ask_once_for_each_account(coast: Coast) -> None:
    """Whatever of them an account falls to."""
    one, two = await coast.start("one"), await coast.start("two")
    await coast.tend(12)
    for number in range(12):
        coast.platform.names["token"] = f"wall-{number}"
        await coast.connect(one, number)
    coast.platform.names["token"] = "wall-0"
    await coast.tend(6)

    assert [record.failures for record in await coast.records()] == [0] * 12
    assert len(coast.platform.asked) == 12
    served = [{r.id for r in await coast.records() if p.beside.is_mine(r.id)} for p in (one, two)]
    assert all(served)


async def test_a_door_elsewhere_answers_the_test_that_comes_during_the_call(apps: Coast) -> None:
    """It learns the secret that was made a moment before."""
    door, worker = await apps.start("door", "api"), await apps.start("worker", "worker")
    await door.io.accounts.add_app("", "beacon", "beacon", {"secret": "wall-secret"}, "app")
    await apps.connect(door)
    verdicts: list[str] = []

    async def at_the_door(token: str, raw: sdk.RawHook) -> sdk.Verdict:
        assert not door.io.directory.apps["app"].hook_secret
        verdict = await door.io.journal.receive("beacon", token, raw)
        verdicts.append(verdict.kind)
        return verdict

    apps.platform.doors = at_the_door
    await worker.round()
    await worker.io.tending.subscribing.idle()
    await worker.round()
    await worker.io.tending.subscribing.idle()

    assert verdicts == ["handshake"]
    token, raw = apps.platform.hook(NOTE)
    assert (await door.io.journal.receive("beacon", token, raw)).kind == "accept"


async def test_a_forged_webhook_makes_a_door_look_once_a_second_at_most(apps: Coast) -> None:
    """However many come."""
    door = await apps.start("door", "api")
    await door.io.accounts.add_app("", "beacon", "beacon", {"secret": "wall-secret"}, "app")
    looked = 0
    look = door.beside.following.look

    async def counted() -> int:
        nonlocal looked
        looked += 1
        return await look()

    forged = sdk.RawHook(method="POST", body=b"{}", received_at=apps.several.clock())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(door.beside.following, "look", counted)
        for _ in range(20):
            raw = forged.model_copy(update={"received_at": apps.several.clock()})
            assert (await door.io.journal.receive("beacon", "", raw)).kind == "reject"
    assert looked == 1


async def test_what_a_killed_worker_had_asked_for_is_asked_again_by_who_takes_over(coast: Coast) -> None:
    """Between the platform's answer and the store: the same secret, one subscription."""
    one = await coast.start("one", "api", "worker")
    await coast.connect(one)
    commit = one.io.tending.subscribing._ledger.commit

    async def dies(work: Any) -> None:
        documents = [write.document for step in work.steps for write in step.writes]
        if any(isinstance(document, SubscriptionRecord) and document.external_id for document in documents):
            raise RuntimeError("killed")
        await commit(work)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coast.several.ledger, "commit", dies)
        await coast.tend(2)
        await one.kill()
    secret = coast.platform.held["sub-wall-1"]["secret"]
    assert [record.external_id for record in await coast.records()] == [""]
    await coast.start("two", "api", "worker")
    await coast.tend(TTL_S + 10)

    assert coast.platform.held["sub-wall-1"]["secret"] == secret
    assert [(r.external_id, r.doing) for r in await coast.records()] == [("sub-wall-1", None)]


async def test_renewals_go_on_where_another_process_took_over(coast: Coast) -> None:
    """The worker that made it is gone by then."""
    one = await coast.start("one", "api", "worker")
    await coast.connect(one)
    await coast.tend()
    await one.kill()
    await coast.start("two", "worker")
    await coast.tend(TTL_S + 10)
    asked = len(coast.platform.asked)
    coast.several.clock.forward(hours=20)
    await coast.tend()
    assert (asked, coast.platform.asked) == (1, [None, "sub-wall-1"])


async def test_a_loss_that_one_process_reads_is_healed_by_the_one_that_serves_the_account(coast: Coast) -> None:
    """The notice is stored with what it came in."""
    one = await coast.start("one", "api", "worker")
    two = await coast.start("two", "worker")
    await coast.tend(12)
    number = next(n for n in range(99) if two.beside.is_mine(f"account-{n}"))
    await coast.connect(one, number)
    await coast.tend()
    await coast.tend(40)
    token, raw = coast.platform.hook({"notice": "subscription_lost"})
    coast.platform.held.clear()
    await one.io.journal.receive("beacon", token, raw)
    await one.read()
    await two.read()
    await one.round()
    assert coast.platform.held == {}
    await coast.tend()
    assert (coast.platform.asked, list(coast.platform.held)) == ([None, "sub-wall-1"], ["sub-wall-1"])


async def test_an_account_disconnected_at_one_process_is_unsubscribed_by_another(coast: Coast) -> None:
    """The one that takes requests calls no platform."""
    door = await coast.start("door", "api")
    await coast.start("worker", "worker")
    account = await coast.connect(door)
    await coast.tend()
    assert list(coast.platform.held) == ["sub-wall-1"]
    await door.io.accounts.disconnect(door.io.directory.accounts[account.id])
    await coast.tend()
    [left] = await coast.several.all(Account)
    assert (left.leaving, left.sealed, coast.platform.held, await coast.records()) == (False, "", {}, [])


async def test_two_processes_that_make_a_secret_at_once_have_the_same(apps: Coast) -> None:
    """The one that was stored first."""
    one, two = await apps.start("one", "api", "worker"), await apps.start("two", "api", "worker")
    await one.io.accounts.add_app("", "beacon", "beacon", {"secret": "wall-secret"}, "app")
    account = await apps.connect(one)
    await two.beside.following.look()
    commit = apps.several.ledger.commit
    made: list[str] = []

    async def interrupted(work: Any) -> None:
        if not made:
            made.append("")
            made.append((await two.io.tending.subscribing._secrets.of(account)).get_secret_value())
        await commit(work)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apps.several.ledger, "commit", interrupted)
        made.append((await one.io.tending.subscribing._secrets.of(account)).get_secret_value())
    assert made[1] == made[2] != ""


async def test_what_changed_while_the_platform_answered_is_not_stored_over(coast: Coast) -> None:
    """It is asked for once more."""
    one = await coast.start("one", "api", "worker")
    await coast.connect(one)
    subscribe = Beacon.subscribe

    async def meanwhile(self: Beacon, *given: Any) -> sdk.Subscription:
        made = await subscribe(self, *given)
        [record] = await coast.records()
        await coast.several.ledger.commit(Work([Step.of([record])]))
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Beacon, "subscribe", meanwhile)
        await coast.tend(2)
    assert [record.external_id for record in await coast.records()] == [""]
    await coast.tend()
    assert [record.external_id for record in await coast.records()] == ["sub-wall-1"]
