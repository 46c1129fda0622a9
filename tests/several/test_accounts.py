"""Accounts are connected in one process, and served by another, one at a time."""

import asyncio
from typing import Any

import httpx
import pytest
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.io.model import Delivery, Health, Nudge, RemovedApp, UnknownAccount
from chorally_core.services.io.shards import owner_of

from tests.support.hooks import a_hook
from tests.support.patience import patiently
from tests.support.several import TTL_S, Process, Several

NOTE = {"id": "n1", "signer": {"id": "ada", "name": "Ada"}, "text": "hello", "at": "2026-11-23T08:00:00+00:00"}


async def _tenants(several: Several, at: Process, count: int = 24) -> list[str]:
    return [(await several.account(at, f"t{number}")).id for number in range(count)]


def _served(process: Process, accounts: list[str]) -> set[str]:
    return {account for account in accounts if process.beside.is_mine(account)}


async def test_an_account_that_one_process_connects_is_soon_known_to_all(several: Several) -> None:
    """Also what is changed of it, and what is removed."""
    one, two = await several.start("one", "api"), await several.start("two", "worker")
    app = await several.app(one)
    account = await several.account(one)

    await two.beside.following.look()
    assert two.io.directory.accounts[account.id].external_id == "wall-1"
    assert app.id in two.io.directory.apps

    await one.io.accounts.disconnect(account)
    await one.io.accounts.remove_app(app)
    several.clock.forward(seconds=5)
    await two.beside.following.look()
    assert two.io.directory.accounts[account.id].state == "disconnected"
    assert two.io.directory.apps == {}
    assert [left.id for left in await several.all(RemovedApp)] == [app.id]


async def test_what_was_missed_is_found_when_everything_is_read_again(several: Several) -> None:
    """As where a clock was far behind when an account was stored."""
    one, two = await several.start("one", "api"), await several.start("two", "api")
    several.clock.forward(minutes=-30)
    account, app = await several.account(one), await several.app(one)
    several.clock.forward(minutes=30)
    await two.beside.following.look()
    assert account.id not in two.io.directory.accounts

    several.at += 700
    await two.beside.following.look()
    assert account.id in two.io.directory.accounts
    await several.ledger.documents.delete(type(app), [app.id])
    several.at += 700
    await two.beside.following.look()
    assert two.io.directory.apps == {}


async def test_a_webhook_for_an_app_that_was_just_set_up_elsewhere_is_taken(several: Several) -> None:
    """The store is asked, once a second at most."""
    one, two = await several.start("one", "api"), await several.start("two", "api")
    with pytest.raises(LookupError):
        await two.receive(a_hook(two, NOTE))
    await several.app(one)

    with pytest.raises(LookupError):
        await two.receive(a_hook(two, NOTE))
    several.at += 1.1
    assert (await two.receive(a_hook(two, NOTE))).kind == "accept"


async def test_a_webhook_about_an_account_that_was_just_connected_elsewhere_is_not_lost(several: Several) -> None:
    """The reader asks the store before it counts it as unknown."""
    door, worker = await several.start("door", "api"), await several.start("worker", "worker")
    await several.app(door)
    await several.everywhere()
    account = await several.account(door)
    await door.receive(a_hook(door, NOTE))

    await worker.read()

    assert account.id in worker.io.directory.accounts
    assert await worker.io.intake.unknown.of("") == []


async def test_unknown_accounts_are_counted_where_every_process_sees_them(several: Several) -> None:
    """With what the next reader counts."""
    door, first = await several.start("door", "api"), await several.start("first", "worker")
    await several.app(door)
    await several.everywhere()
    for _ in range(2):
        await door.receive(a_hook(door, {**NOTE, "wall": "wall-9"}))
    await first.read()
    await several.pass_time(2)
    await first.stop()
    second = await several.start("second", "worker")
    await door.receive(a_hook(door, {**NOTE, "wall": "wall-9"}))
    await second.read()
    await several.pass_time(2)

    assert [(u.external_id, u.events) for u in await door.io.intake.unknown.of("")] == [("wall-9", 3)]
    assert len(await several.all(UnknownAccount)) == 1


async def test_workers_share_the_accounts(several: Several) -> None:
    """Each is served by one; another worker takes its part, and gives it back when it stops."""
    one = await several.start("one", "api", "worker")
    accounts = await _tenants(several, one)
    assert _served(one, accounts) == set(accounts)

    two = await several.start("two", "worker")
    await several.pass_time(8)
    ours, theirs = _served(one, accounts), _served(two, accounts)
    assert ours | theirs == set(accounts)
    assert ours
    assert theirs
    assert not ours & theirs
    assert set(two.io.pulling.running) == theirs
    assert set(one.io.pulling.running) == ours

    await two.stop()
    await several.pass_time(2)
    assert _served(one, accounts) == set(accounts) == set(one.io.pulling.running)


async def test_what_a_killed_worker_served_is_taken_over_soon(several: Several) -> None:
    """In the time of a lease and two rounds, and not before it may be certain of it."""
    one = await several.start("one", "api", "worker")
    accounts = await _tenants(several, one)
    two = await several.start("two", "worker")
    await several.pass_time(8)
    theirs = _served(two, accounts)

    await two.kill()
    await several.pass_time(TTL_S - 3, step=1)
    assert not _served(one, accounts) & theirs
    await several.pass_time(7, step=1)

    assert _served(one, accounts) == set(accounts)


async def test_a_worker_that_loses_its_leases_serves_nothing(several: Several) -> None:
    """It may be cut off from the store, and others take over."""
    one = await several.start("one", "api", "worker")
    accounts = await _tenants(several, one, 4)
    several.processes.remove(one)

    several.at += TTL_S - 1
    assert _served(one, accounts) == set()
    await one.io.serve()
    assert one.io.pulling.running == []
    several.processes.append(one)


def test_when_a_worker_comes_only_what_becomes_its_own_moves() -> None:
    """Nothing goes from one that stays to another that stays."""
    shards = [f"io/shard/{number:04d}" for number in range(64)]
    before = {shard: owner_of(shard, ["a", "b"]) for shard in shards}
    after = {shard: owner_of(shard, ["a", "b", "c"]) for shard in shards}

    assert {after[shard] for shard in shards if after[shard] != before[shard]} == {"c"}
    assert all(list(after.values()).count(worker) > 10 for worker in "abc")


async def test_a_ping_that_one_process_reads_wakes_the_stream_in_another(several: Several) -> None:
    """The nudge is stored; whoever serves the account takes it."""
    one, two = await several.start("one", "api", "worker"), await several.start("two", "worker")
    await several.app(one)
    accounts = await _tenants(several, one, 8)
    await several.pass_time(8)
    await one.receive(a_hook(one, {"ping": "notes"}))
    await one.read()
    await two.read()

    assert {nudge.account_id for nudge in await several.all(Nudge)} == set(accounts)
    await one.io.pulling.nudge()
    await _until_left(several, _served(two, accounts))
    await two.io.pulling.nudge()
    await _until_left(several, set())


async def _until_left(several: Several, nudged: set[str]) -> None:
    async with patiently():
        while {nudge.account_id for nudge in await several.all(Nudge)} != nudged:
            await several.ledger.bus.wait(0.02)


async def test_what_several_processes_note_of_an_account_adds_up(several: Several) -> None:
    """Also when it is stored at the same instant, and for the first time."""
    one, two = await several.start("one", "api"), await several.start("two", "api")
    account = await several.account(one)
    for process, count in ((one, 2), (two, 3)):
        process.io.health.came(account, count)
    load, first = several.ledger.documents.load, True

    async def loaded(keys: Any) -> Any:
        nonlocal first
        found = await load(keys)
        if first and any(key.of is Health for key in keys):
            first = False
            await two.io.health.flush()
        return found

    for _ in range(2):  # the first time it is added, then it is changed
        first = True
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(several.ledger.documents, "load", loaded)
            await one.io.health.flush()
        await one.io.health.flush()
        await two.io.health.flush()
        one.io.health.came(account, 10)
        two.io.health.came(account, 20)

    [health] = await several.all(Health)
    assert health.messages == 35
    assert (await one.io.health.of(account)).messages == 45


class Paused(httpx.AsyncBaseTransport):
    """A platform whose first answer to a push waits until it is let go."""

    def __init__(self, several: Several) -> None:
        self._several = several
        self.let_go = asyncio.Event()
        self.called = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        if request.method == "POST" and not self.called.is_set():
            self.called.set()
            await self.let_go.wait()
        return self._several.platform.answer(request)


def _a_delivery(several: Several, account_id: str) -> Delivery:
    at = several.clock()
    return Delivery(
        id="answer-1", tenant="acme", account_id=account_id, platform="wall", channel="wall_note", key="acme/ada",
        client_ref=Delivery.client_ref_of("answer-1"), body="thank you", in_reply_to="n1", created_at=at, next_at=at,
    )  # fmt: skip


async def test_a_worker_that_is_cut_off_during_its_call_and_goes_on_leaves_one_visible_message(
    several: Several,
) -> None:
    """The one that takes over waits until the call can no longer be under way, and looks before it sends."""
    paused = Paused(several)
    several.transports = {"wall": paused}
    one = await several.start("one", "api", "worker")
    account = await several.account(one)
    await several.ledger.commit(Work([Step.of([_a_delivery(several, account.id)])]))
    await one.io.outbox.dispatch()
    await paused.called.wait()

    several.processes.remove(one)
    two = await several.start("two", "worker")
    for _ in range(8):
        await several.pass_time(2)
        await two.io.outbox.look_back()
        await two.deliver()
    assert two.beside.is_mine(account.id)
    assert [d.state for d in await several.all(Delivery)] == ["sending"]
    paused.let_go.set()
    await asyncio.wait_for(one.io.outbox.idle(), 5)
    for _ in range(30):
        await several.pass_time(2)
        await two.io.outbox.look_back()
        await two.deliver()

    assert len(several.platform.answers) == 1
    assert [(d.state, d.external_id) for d in await several.all(Delivery)] == [("sent", "a1")]
    several.processes.append(one)


async def test_a_call_of_a_killed_worker_is_searched_for_before_it_is_made_again(several: Several) -> None:
    """It was made, and nobody recorded it."""
    one = await several.start("one", "api", "worker")
    account = await several.account(one)
    delivery = _a_delivery(several, account.id)
    await several.ledger.commit(Work([Step.of([delivery])]))
    several.platform.next = ["lost"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one.io.outbox, "_record", _dies)
        await one.deliver()
    await one.kill()
    assert [d.state for d in await several.all(Delivery)] == ["sending"]

    two = await several.start("two", "worker")
    for _ in range(30):
        await several.pass_time(2)
        await two.io.outbox.look_back()
        await two.deliver()

    assert len(several.platform.answers) == 1
    assert [(d.state, d.external_id) for d in await several.all(Delivery)] == [("sent", "a1")]


async def _dies(*_: Any, **__: Any) -> None:
    raise RuntimeError("killed")


async def test_what_took_too_long_to_claim_is_not_called(several: Several) -> None:
    """Others count from the claim; a process that stood still must not begin a call that they take as over."""
    one = await several.start("one", "api", "worker")
    account = await several.account(one)
    await several.ledger.commit(Work([Step.of([_a_delivery(several, account.id)])]))
    write = several.ledger.documents.write

    async def slow(writes: Any) -> Any:
        stored = await write(writes)
        if any(isinstance(w.document, Delivery) and w.document.state == "sending" for w in writes):
            several.at += 6
        return stored

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(several.ledger.documents, "write", slow)
        await one.io.outbox.dispatch()
        await one.io.outbox.idle()

    assert several.platform.answers == []
    assert [d.state for d in await several.all(Delivery)] == ["queued"]


async def test_an_answer_that_is_tried_again_at_one_process_goes_out_from_another(several: Several) -> None:
    """The process that delivers is woken."""
    api, worker = await several.start("api", "api"), await several.start("worker", "worker")
    account = await several.account(api)
    await several.everywhere()
    await several.ledger.commit(Work([Step.of([_a_delivery(several, account.id)])]))
    several.platform.next = ["400"]
    await api.deliver()
    assert several.platform.answers == []
    await worker.deliver()
    [failed] = await several.all(Delivery)
    woken: list[str] = []
    several.coordination.listen("io/outbox", lambda: woken.append("io/outbox"))

    await api.io.outbox.retry(failed)
    await api.deliver()
    assert several.platform.answers == []
    await worker.deliver()

    assert (failed.state, woken) == ("failed", ["io/outbox"])
    assert [answer["text"] for answer in several.platform.answers] == ["thank you"]
