"""What holds for any calls in any order: no quota is overspent, all of it may be used, everybody gets a part."""

import math
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chorally_sdk.http.budgets import Lane, LocalBudgets
from tests.sdk.quotas import DAY, HOUR, LANES, SECOND, START, Time, a_budget, a_call, impatient, made

STEPS = st.lists(
    st.tuples(
        st.floats(0, 30, allow_nan=False).map(lambda seconds: timedelta(seconds=round(seconds, 3))),
        st.sampled_from("abc"),
        st.sampled_from(["reply", "live", "import"]),
        st.sampled_from(["/search", "/me"]),
    ),
    max_size=80,
)


@given(steps=STEPS, limit=st.integers(1, 12), per=st.integers(1, 60), cost=st.integers(1, 5))
async def test_no_period_ever_holds_more_than_the_limit(
    steps: list[tuple[timedelta, str, Lane, str]], limit: int, per: int, cost: int
) -> None:
    """Whichever period one looks at, whoever asks, and in whatever order."""
    time = Time()
    budgets = impatient(time)
    budget = a_budget(limit, per * SECOND, scope="app", costs={"GET /search": min(cost, limit)})
    spent: list[tuple[datetime, int]] = []
    for passed, account, of, path in steps:
        time.at += passed
        call = a_call(budget, account=account, of=of, path=path)
        free = not await budgets.wait_for(call)
        if await made(budgets, call, 1):
            spent.append((time.at, budget.cost("GET", path)))
        assert free == bool(spent and spent[-1][0] == time.at) or not free
    for begins, _ in spent:
        assert sum(cost for at, cost in spent if begins <= at < begins + budget.per) <= limit


@given(steps=STEPS, limit=st.integers(1, 12), per=st.integers(1, 60))
async def test_one_account_alone_may_use_all_of_its_quota(
    steps: list[tuple[timedelta, str, Lane, str]], limit: int, per: int
) -> None:
    """What is left is given to the most urgent lane, a sixtieth of a period late at most."""
    time = Time()
    budgets, budget = impatient(time), a_budget(limit, per * SECOND)
    spent: list[datetime] = []
    for passed, *_ in steps:
        time.at += passed
        granted = await made(budgets, a_call(budget), 1)
        within = [at for at in spent if time.at - at < budget.per * 61 / 60 + timedelta(milliseconds=1)]
        assert granted or len(within) >= limit
        spent += [time.at] * granted


@given(
    accounts=st.integers(2, 5),
    limit=st.integers(5, 60),
    greed=st.lists(st.integers(0, 4), min_size=1, max_size=5),
    of=st.sampled_from(["reply", "live", "import"]),
)
async def test_every_account_that_asks_gets_its_fair_part(
    accounts: int, limit: int, greed: list[int], of: Lane
) -> None:
    """However often the others ask in between."""
    budgets, budget = impatient(Time()), a_budget(limit, HOUR, scope="app")
    calls = [a_call(budget, account=str(number), of=of) for number in range(accounts)]
    for call in calls:
        await budgets.wait_for(call)
    granted = [0] * accounts
    for turn in range(2 * limit):
        for number, call in enumerate(calls):
            granted[number] += await made(budgets, call, 1 + greed[(turn + number) % len(greed)])
    usable = {"reply": 1.0, "live": 0.9, "import": 0.5}[of] * limit
    assert sum(granted) <= limit
    if of == "reply":
        assert min(granted) >= math.floor(usable / accounts)
    else:
        assert sum(granted) >= math.floor(usable) - accounts


@given(calls=st.integers(1, 40), limit=st.integers(1, 5), per=st.integers(1, 9))
async def test_those_who_wait_are_all_served_in_the_end(calls: int, limit: int, per: int) -> None:
    """In as many periods as it takes, and hardly longer."""
    time = Time()
    budgets = LocalBudgets(now=time.now, sleep=time.sleep, patience=dict.fromkeys(LANES, DAY))
    for _ in range(calls):
        await budgets.ask(a_call(a_budget(limit, per * SECOND)))
    periods = (calls - 1) // limit
    assert time.at - START <= periods * per * SECOND * 61 / 60 + SECOND
