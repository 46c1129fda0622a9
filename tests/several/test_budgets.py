"""Platforms' quotas are kept by all processes together: bounded, fair, answers first."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from chorally_core.adapters.local import InProcess
from chorally_core.adapters.redis import RedisCoordination
from chorally_core.adapters.redis.errors import Unavailable
from chorally_core.services.io.budgets import SharedBudgets
from chorally_core.services.io.model import Delivery

import chorally_sdk as sdk
from chorally_sdk.http.budgets import Call, LocalBudgets
from chorally_sdk.http.quota import Usage
from tests.support.coordination import FakeServer, Time
from tests.support.several import Several
from tests.support.wall import Wall, WallPlatform
from tests.support.world import Clock, a_world

MINUTE = timedelta(minutes=1)
OF_APP = sdk.Budget(limit=10, per=MINUTE, scope="app")
OF_ACCOUNT = sdk.Budget(limit=10, per=MINUTE)


class Group:
    """Processes on one clock, with what they share."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.shared = InProcess(lambda: self.clock.at.timestamp())

    def process(self, coordination: Any = None) -> SharedBudgets:
        """Return the budgets of one more process, in which nobody waits."""
        none: Any = dict.fromkeys(("reply", "live", "import"), timedelta(0))
        local = LocalBudgets(now=self.clock, sleep=self.sleep, patience=none)
        return SharedBudgets(coordination or self.shared, local, now=self.clock, sleep=self.sleep, patience=none)

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.forward(seconds=seconds)


def a_call(lane: Any = "live", budget: sdk.Budget = OF_APP, tenant: str = "acme", account: str = "one") -> Call:
    """Return a call of an app."""
    return Call("wall/app", account, lane, "GET", "/notes", (budget,), tenant)


async def made(budgets: SharedBudgets, call: Call, times: int = 30) -> int:
    """Return how many of some calls may be made."""
    done = 0
    for _ in range(times):
        try:
            await budgets.ask(call)
        except sdk.RateLimited:
            continue
        done += 1
    return done


@pytest.fixture
def group() -> Group:
    """No process yet."""
    return Group()


@pytest.mark.parametrize("budget", [OF_APP, OF_ACCOUNT, OF_APP.model_copy(update={"resets": "00:00 Europe/Rome"})])
async def test_two_processes_share_one_quota(group: Group, budget: sdk.Budget) -> None:
    """Together they make no more calls than one may, and who is refused is told for whom and for how long."""
    first, second = group.process(), group.process()
    assert await made(first, a_call("reply", budget), 6) == 6
    assert await made(second, a_call("reply", budget)) == 4

    with pytest.raises(sdk.RateLimited) as refused:
        await second.ask(a_call("reply", budget))
    assert refused.value.scope == budget.scope
    assert refused.value.wait is not None
    assert timedelta(0) < refused.value.wait <= MINUTE


async def test_imports_at_one_process_leave_room_for_answers_at_another(group: Group) -> None:
    """An import has half of the quota, pulls all but a tenth, answers what there is (G9)."""
    first, second = group.process(), group.process()
    assert await made(first, a_call("import")) == 5
    assert await made(second, a_call("import")) == 0
    assert await made(second, a_call("live")) == 4
    assert await made(first, a_call("reply")) == 1


async def test_a_tenant_cannot_take_the_part_of_another_that_is_served_elsewhere(group: Group) -> None:
    """An app's quota is shared out among the tenants that use it, however many accounts one has (G9)."""
    first, second = group.process(), group.process()
    await first.ask(a_call("reply", tenant="acme"))
    await second.ask(a_call("reply", tenant="other"))
    group.clock.forward(seconds=61)  # the quota is whole, both are still known
    for account in ("one", "two", "three"):
        await first.wait_for(a_call("reply", tenant="acme", account=account))
    await second.wait_for(a_call("reply", tenant="other"))
    group.clock.forward(seconds=2)

    greedy = sum([await made(first, a_call("reply", tenant="acme", account=name), 10) for name in ("one", "two")])
    assert greedy == 5
    assert await made(second, a_call("reply", tenant="other")) == 5


async def test_a_tenant_alone_has_the_whole_quota(group: Group) -> None:
    """A part is kept only for those who asked lately."""
    first, second = group.process(), group.process()
    await second.ask(a_call("reply", tenant="other"))
    group.clock.forward(minutes=10)
    assert await made(first, a_call("reply", tenant="acme")) == 10


async def test_a_quota_that_is_used_up_is_held_at_every_process(group: Group) -> None:
    """What the platform refuses one process, the others do not ask for until the time it named."""
    first, second = group.process(), group.process()
    call = a_call("reply")
    await second.ask(call)
    await first.limited(call, sdk.RateLimited(wait=timedelta(seconds=40), scope="app"))
    group.clock.forward(seconds=2)

    with pytest.raises(sdk.RateLimited) as refused:
        await second.ask(call._replace(account="another"))
    assert refused.value.wait is not None
    assert refused.value.wait > timedelta(seconds=30)
    group.clock.forward(seconds=40)
    await second.ask(call)


async def test_another_accounts_quota_is_not_held(group: Group) -> None:
    """Scope account holds that account's calls, wherever they are made, and no others."""
    first, second = group.process(), group.process()
    call = a_call("reply")
    await first.limited(call, sdk.RateLimited(wait=timedelta(seconds=40), scope="account"))
    await second.ask(call._replace(account="another"))
    with pytest.raises(sdk.RateLimited):
        await second.ask(call)


async def test_what_a_platform_tells_one_process_slows_the_imports_of_another(group: Group) -> None:
    """Usage in percent, as of X-App-Usage, counts everywhere; answers still go."""
    first, second = group.process(), group.process()
    await first.told(a_call("reply"), Usage(used=0.7, wait=timedelta(seconds=50), scope="app"))

    with pytest.raises(sdk.RateLimited):
        await second.ask(a_call("import"))
    await second.ask(a_call("reply"))


async def test_without_redis_each_process_takes_its_fixed_part(group: Group) -> None:
    """While Redis is away nobody knows of the others, and together they stay below the quota all the same (G10)."""
    time = Time()
    server = FakeServer(time)
    server.trouble = Unavailable("away")
    both = [RedisCoordination(server, InProcess(time), workers=2, sleep=time.sleep) for _ in range(2)]
    assert [await made(group.process(redis), a_call("reply")) for redis in both] == [5, 5]
    for redis in both:
        await redis.close()


async def test_what_another_version_tells_disturbs_nobody(group: Group) -> None:
    """A note that cannot be read is passed over."""
    await group.shared.note("budget/wall/app", '["used"]', "?", 60)
    await group.process().ask(a_call())


class Metered(Wall):
    """A wall whose app may answer once in a minute, whosoever walls they are."""

    manifest = Wall.manifest.model_copy(
        update={"budgets": (sdk.Budget(limit=1, per=MINUTE, scope="app", match="POST /answers"),)}
    )


async def test_answers_at_two_processes_keep_the_quota_of_their_app(several: Several) -> None:
    """The second answer, for another tenant and elsewhere, waits until the quota is whole; none is lost."""
    metered: dict[str, Any] = {"connectors": {"wall": Metered}}
    first, second = [await several.start(name, "api", "worker", **metered) for name in ("first", "second")]
    await several.app(first)
    accounts = [await several.account(first, tenant) for tenant in ("acme", "other", "third", "fourth", "fifth")]
    await several.pass_time(20)
    await several.everywhere()
    assert {first.io._is_mine(account.id) for account in accounts} == {True, False}
    for account in accounts:
        await several.queue(account)

    for process in (first, second):
        await process.deliver()
    assert len(several.platform.answers) == 1
    for minute in range(1, 5):
        several.coordination_at += 61
        several.clock.forward(seconds=61)
        for process in (first, second):
            await process.deliver()
        assert len(several.platform.answers) <= minute + 1
    several.clock.forward(minutes=20)
    several.coordination_at += 1200
    for process in (first, second):
        await process.deliver()
    states = [delivery.state for delivery in await several.all(Delivery)]
    assert set(states) <= {"sent", "queued"}
    assert len(several.platform.answers) == states.count("sent") >= 4


async def test_a_platform_that_does_not_answer_is_left_alone_and_the_accounts_health_says_so(tmp_path: Path) -> None:
    """After failures in a row no call is made for a while; the account shows it until the platform answers."""
    platform = WallPlatform()
    async with a_world(tmp_path, {"wall": Wall}, transports={"wall": platform.transport()}) as world:
        account = await world.account("wall")
        platform.search = 503
        connector = world.io.directory.connector(account)
        for _ in range(3):
            with pytest.raises(sdk.RetryLater):
                await connector.http.get("/answers")
        assert world.io.directory.breakers[account.id].is_open
        await world.io.round()
        health = await world.io.health.of(account)
        assert health.unanswered_since is not None
        calls = len(platform.calls)
        with pytest.raises(sdk.RetryLater):
            await connector.http.get("/answers")
        assert len(platform.calls) == calls
