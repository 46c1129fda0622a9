"""Calls stay within their quotas, whoever makes them and whatever the platform tells, in virtual time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import chorally_sdk as sdk
from chorally_sdk.http.budgets import SWEEP, LocalBudgets
from tests.sdk.quotas import DAY, HOUR, LANES, MINUTE, SECOND, START, Time, a_budget, a_call, impatient, made


async def test_a_quota_is_spent_and_comes_back() -> None:
    """All of it at once, then nothing for its period; the refusal says for how long."""
    time = Time()
    budgets, call = impatient(time), a_call(a_budget(10))
    assert await made(budgets, call) == 10
    with pytest.raises(sdk.RateLimited, match="the account's quota is used up for now") as told:
        await budgets.ask(call)
    assert told.value.wait is not None
    assert MINUTE <= told.value.wait <= MINUTE * 61 / 60
    time.at += told.value.wait
    assert await made(budgets, call) == 10


async def test_a_call_waits_a_little_for_its_quota() -> None:
    """As long as its lane bears."""
    time = Time()
    budgets = LocalBudgets(now=time.now, sleep=time.sleep)
    call = a_call(a_budget(1, 5 * SECOND))
    await budgets.ask(call)
    await budgets.ask(call)
    assert 5 * SECOND <= time.at - START <= 5.1 * SECOND
    with pytest.raises(sdk.RateLimited):
        await budgets.ask(call._replace(lane="live"))


async def test_how_long_a_call_would_wait_is_told_without_counting_it() -> None:
    """For a poll that is skipped while it cannot be paid."""
    time = Time()
    budgets, call = impatient(time), a_call(a_budget(2))
    assert [await budgets.wait_for(call) for _ in range(5)] == [timedelta(0)] * 5
    await made(budgets, call)
    assert MINUTE <= await budgets.wait_for(call) <= 61 * SECOND


async def test_calls_weigh_what_they_cost() -> None:
    """What a quota does not count is free."""
    units = a_budget(100, costs={"GET /search": 60}, match="GET /*")
    budgets = impatient(Time())
    assert await made(budgets, a_call(units, path="/search")) == 1
    assert await made(budgets, a_call(units, path="/comments")) == 40
    assert await made(budgets, a_call(units)._replace(method="POST"), 200) == 200


async def test_all_quotas_that_count_a_call_must_have_room() -> None:
    """The tightest decides, and is the one that is named."""
    day, second = a_budget(5, DAY, scope="app"), a_budget(2, SECOND)
    time = Time()
    budgets, call = impatient(time), a_call(day, second)
    assert await made(budgets, call) == 2
    time.at += 2 * SECOND
    assert await made(budgets, call) == 2
    time.at += 2 * SECOND
    assert await made(budgets, call) == 1
    with pytest.raises(sdk.RateLimited) as told:
        await budgets.ask(call)
    assert told.value.scope == "app"


async def test_whose_calls_count_together_is_the_quotas_scope() -> None:
    """The app's, the account's, or an endpoint's of an account; never those of another app."""
    whole, own, search = a_budget(6, scope="app"), a_budget(4), a_budget(2, scope="endpoint", match="GET /search")
    budgets = impatient(Time())
    declared = (whole, own, search)
    assert await made(budgets, a_call(*declared, path="/search")) == 2
    assert await made(budgets, a_call(*declared)) == 2
    assert await made(budgets, a_call(*declared, app="other")) == 4
    assert await made(budgets, a_call(*declared, account="b")) == 2


async def test_a_quota_that_resets_is_whole_again_at_that_clock_time() -> None:
    """In its zone, summer or winter, however late it was spent."""
    pacific = a_budget(3, DAY, resets="00:00 America/Los_Angeles")
    for before, reset in (
        (datetime(2026, 3, 8, 7, 59, tzinfo=UTC), datetime(2026, 3, 8, 8, 0, tzinfo=UTC)),
        (datetime(2026, 3, 8, 8, 0, tzinfo=UTC), datetime(2026, 3, 9, 7, 0, tzinfo=UTC)),
        (datetime(2026, 11, 1, 7, 0, tzinfo=UTC), datetime(2026, 11, 2, 8, 0, tzinfo=UTC)),
    ):
        time = Time(before)
        budgets, call = impatient(time), a_call(pacific)
        assert await made(budgets, call) == 3
        assert before + await budgets.wait_for(call) == reset
        time.at = reset - SECOND
        assert await made(budgets, call) == 0
        time.at = reset
        assert await made(budgets, call) == 3


async def test_a_quota_may_reset_several_times_a_day() -> None:
    """Counted on from its clock time."""
    budgets, call = impatient(Time()), a_call(a_budget(1, 6 * HOUR, resets="02:00 UTC"))
    await budgets.ask(call)
    assert START + await budgets.wait_for(call) == datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


async def test_imports_leave_room_for_what_happens_now_and_that_for_answers() -> None:
    """People who wait for an answer come first."""
    budgets, budget = impatient(Time()), a_budget(100)
    assert await made(budgets, a_call(budget, of="import"), 200) == 50
    assert await made(budgets, a_call(budget, of="live"), 200) == 40
    assert await made(budgets, a_call(budget, of="reply"), 200) == 10


async def test_the_smallest_quota_serves_every_lane() -> None:
    """Where nothing is spent there is room for one call of any."""
    for of in LANES:
        assert await made(impatient(Time()), a_call(a_budget(1), of=of)) == 1


async def test_accounts_that_ask_have_their_parts_kept() -> None:
    """One that asks for all gets what the others leave; one that has long not asked leaves its part."""
    time = Time()
    budgets, budget = impatient(time), a_budget(90, HOUR, scope="app")
    assert await made(budgets, a_call(budget, account="b"), 1) == 1
    assert await made(budgets, a_call(budget, account="c"), 1) == 1
    assert await made(budgets, a_call(budget, account="a"), 200) == 30
    assert await made(budgets, a_call(budget, account="b"), 200) == 29
    assert await made(budgets, a_call(budget, account="a"), 200) == 0
    time.at += 6 * MINUTE
    assert await made(budgets, a_call(budget, account="a"), 200) == 29


async def test_a_process_may_have_a_part_of_each_quota() -> None:
    """Where nobody knows what the others spend; a call dearer than the part is paid over several periods."""
    time = Time()
    budgets = impatient(time, share=lambda: 0.25)
    assert await made(budgets, a_call(a_budget(40))) == 10
    dear = a_call(a_budget(4, costs={"GET /*": 4}), account="b")
    assert await made(budgets, dear) == 1
    assert 4 * MINUTE <= await budgets.wait_for(dear) <= 4 * MINUTE + SECOND


async def test_what_the_platform_tells_makes_a_quota_tighter() -> None:
    """Others spend of it too; never wider, for answers may come late."""
    time = Time()
    budgets, call = impatient(time), a_call(a_budget(100, HOUR))
    assert await made(budgets, call, 10) == 10
    await budgets.told(call, sdk.Usage(used=0.4, wait=30 * MINUTE))
    await budgets.told(call, sdk.Usage(used=0.01, wait=30 * MINUTE))
    assert await made(budgets, call, 200) == 60
    time.at += 31 * MINUTE
    assert await made(budgets, call, 200) == 30


@pytest.mark.parametrize("other", [{"scope": "app"}, {"match": "GET /*"}], ids=str)
async def test_what_is_told_of_another_quota_does_not_count(other: dict[str, Any]) -> None:
    """Nearly used up as it is, this one is not."""
    budgets, call = impatient(Time()), a_call(a_budget(10))
    await budgets.told(call, sdk.Usage.model_validate({"used": 0.8, **other}))
    assert await made(budgets, call) == 10


@pytest.mark.parametrize("declared", [(), (a_budget(1000, HOUR),)], ids=["undeclared", "declared"])
async def test_a_quota_that_the_platform_calls_exhausted_is_held(declared: tuple[sdk.Budget, ...]) -> None:
    """As long as it says, whether declared or not."""
    time = Time()
    budgets, call = impatient(time), a_call(*declared)
    await budgets.told(call, sdk.Usage(used=1.0, wait=10 * MINUTE))
    assert await made(budgets, call) == 0
    assert await made(budgets, a_call(*declared, account="b"), 5) == 5
    time.at += 10 * MINUTE
    assert await made(budgets, call, 5) == 5


async def test_what_is_told_holds_the_lower_lanes_first() -> None:
    """And counts until something else is told, or for a minute."""
    time = Time()
    budgets = impatient(time)
    for used, passing in ((0.4, 3), (0.6, 2), (0.95, 1), (1.0, 0), (0.1, 3)):
        await budgets.told(a_call(), sdk.Usage(used=used))
        assert [await made(budgets, a_call(of=of), 1) for of in LANES] == [1] * passing + [0] * (3 - passing)
    await budgets.told(a_call(), sdk.Usage(used=1.0))
    time.at += MINUTE
    assert await made(budgets, a_call(), 1) == 1


@pytest.mark.parametrize(
    ("scope", "held"),
    [("app", {"own", "sibling", "other endpoint"}), ("account", {"own", "other endpoint"}), ("endpoint", {"own"})],
)
async def test_a_refusal_holds_the_quota_of_its_scope(scope: sdk.Scope, held: set[str]) -> None:
    """And lets the others go on."""
    budgets, own = impatient(Time()), a_call()
    calls = {
        "own": own,
        "sibling": a_call(account="b"),
        "other endpoint": a_call(path="/you"),
        "other app": a_call(app="x"),
    }
    await budgets.limited(own, sdk.RateLimited(wait=MINUTE, scope=scope))
    assert {name for name, call in calls.items() if await budgets.wait_for(call) == MINUTE} == held
    assert {name for name, call in calls.items() if not await budgets.wait_for(call)} == set(calls) - held


async def test_an_endpoint_is_what_was_declared_as_one() -> None:
    """Its pattern, or what the platform named; else the very path, whatever characters it has."""
    search = a_budget(10, scope="endpoint", match="GET /search/*")
    budgets = impatient(Time())
    await budgets.limited(a_call(search, path="/search/1"), sdk.RateLimited(wait=MINUTE, scope="endpoint"))
    await budgets.limited(a_call(search, path="/odd[1]*"), sdk.RateLimited(wait=MINUTE, scope="endpoint"))
    await budgets.told(a_call(search), sdk.Usage(used=1, wait=MINUTE, match="GET /list/*", scope="app"))
    waits = {path: await budgets.wait_for(a_call(search, path=path)) for path in ("/search/2", "/odd[1]*", "/list/1")}
    assert set(waits.values()) == {MINUTE}
    assert not await budgets.wait_for(a_call(search, path="/odd1x"))
    assert not await budgets.wait_for(a_call(search))


async def test_a_refusal_that_does_not_say_how_long_holds_longer_each_time() -> None:
    """Up to a limit; and begins anew when all went well for a while."""
    time = Time()
    budgets, call = impatient(time), a_call()
    held = []
    for _ in range(6):
        await budgets.limited(call, sdk.RateLimited())
        held.append(await budgets.wait_for(call) / MINUTE)
        time.at += await budgets.wait_for(call)
    assert held == [1, 2, 4, 8, 15, 15]
    time.at += 31 * MINUTE
    await budgets.limited(call, sdk.RateLimited())
    assert await budgets.wait_for(call) == MINUTE


async def test_a_shorter_refusal_does_not_shorten_a_longer_one() -> None:
    """Answers may come late."""
    budgets, call = impatient(Time()), a_call()
    await budgets.limited(call, sdk.RateLimited(wait=HOUR))
    await budgets.limited(call, sdk.RateLimited(wait=SECOND))
    assert await budgets.wait_for(call) == HOUR


async def test_what_nobody_uses_any_more_is_forgotten() -> None:
    """Nothing grows for ever."""
    time = Time()
    budgets = impatient(time)
    for number in range(SWEEP - 1):
        call = a_call(a_budget(5), account=str(number))
        await budgets.ask(call)
        await budgets.told(call, sdk.Usage(used=0.1))
    time.at += 2 * MINUTE
    await budgets.ask(a_call(a_budget(5), account="last"))
    kept = budgets._buckets, budgets._gauges  # what is forgotten shows nowhere else
    assert [len(each) for each in kept] == [1, 0]
