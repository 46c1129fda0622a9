"""Quotas kept before the platform has to: the client asks before a call, and says what the answer told.

``Budgets`` is what a client needs of it. ``LocalBudgets`` keeps them within one process; a host of several
shares them behind the same methods.
"""

import asyncio
import glob
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple, Protocol

from chorally_sdk.errors import RateLimited, Scope
from chorally_sdk.http.buckets import Bucket, Gauge
from chorally_sdk.http.quota import Usage
from chorally_sdk.model.endpoints import ANY, matches
from chorally_sdk.model.manifest import Budget

Lane = Literal["reply", "live", "import"]
"""What a call is for: people who wait for an answer, what happens now, or history."""

RESERVED: Mapping[Lane, float] = {"reply": 0.0, "live": 0.1, "import": 0.5}
"""Part of each quota that a lane leaves to those before it."""

PATIENCE: Mapping[Lane, timedelta] = {
    "reply": timedelta(seconds=10),
    "live": timedelta(seconds=5),
    "import": timedelta(seconds=30),
}
"""How long a call waits here for its quota; for longer the caller is told to come back."""

HELD = timedelta(minutes=1)
"""How long a quota is held where the platform does not say; twice as long each time it refuses again."""

LONGEST_HELD = timedelta(minutes=15)
SWEEP = 1000  # calls between two sweeps of what nobody uses any more

_lane: ContextVar[Lane | None] = ContextVar("chorally_lane", default=None)


@contextmanager
def lane(name: Lane) -> Iterator[None]:
    """Say what the calls within are for; where nothing is said, visible calls are replies and the others live."""
    token = _lane.set(name)
    try:
        yield
    finally:
        _lane.reset(token)


def lane_now(visible: bool) -> Lane:
    """Return what a call made now is for."""
    return _lane.get() or ("reply" if visible else "live")


class Call(NamedTuple):
    """One request, and whose quotas count it."""

    app: str
    """Whose calls count together where a quota is the app's: unique over platforms and tenants."""
    account: str
    lane: Lane
    method: str
    path: str
    """After the base URL's, or ``//host/path``."""
    declared: tuple[Budget, ...] = ()
    tenant: str = ""
    """Among whom a quota of the app's is shared out evenly; among its accounts where empty."""

    def payer(self, budget: Budget) -> str:
        """Return in whose part of a quota the call counts."""
        return (self.tenant if budget.scope == "app" else "") or self.account


class Budgets(Protocol):
    """Keeps calls within quotas."""

    async def ask(self, call: Call) -> None:
        """Return when the call may be made, and count it.

        Raises:
            RateLimited: Not soon; its ``wait`` and ``scope`` say when and for whom.
        """

    async def wait_for(self, call: Call) -> timedelta:
        """Return how long the call would wait, zero where it need not, and count nothing: for polls to be skipped."""

    async def told(self, call: Call, usage: Usage) -> None:
        """Take in what the answer told of a quota."""

    async def limited(self, call: Call, refusal: RateLimited) -> None:
        """Hold the quota that the platform says is used up."""


class LocalBudgets:
    """Quotas of one process: fair between the tenants or accounts of an app, answers before imports.

    What is spent comes back after the quota's period, or when it resets, so that no period holds more than
    the limit. What the platform tells makes a quota tighter, never wider.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        share: Callable[[], float] = lambda: 1.0,
        patience: Mapping[Lane, timedelta] = PATIENCE,
    ) -> None:
        """Begin with nothing spent.

        Args:
            now: The clock.
            sleep: Awaited with seconds while a call waits.
            share: This process's part of every quota, above 0 and up to 1, where several share without a word.
            patience: How long a call of a lane waits here.
        """
        self._now = now
        self._sleep = sleep
        self._share = share
        self._patience = patience
        self._buckets: dict[tuple[str, ...], Bucket] = {}
        self._gauges: dict[tuple[str, str], dict[tuple[Scope, str], Gauge]] = {}
        """By app, and account where it is not the app's; then by scope and pattern of what they are about."""
        self._asked = 0

    async def ask(self, call: Call) -> None:
        """Return when the call may be made, and count it.

        Raises:
            RateLimited: It would wait longer than its lane bears.
        """
        self._sweep()
        give_up = self._now() + self._patience[call.lane]
        while True:
            now = self._now()
            at, scope = self._earliest(call, now)
            if at <= now:
                break
            if at > give_up:
                why = f"the {scope}'s quota is used up for now; there is more at {at:%Y-%m-%d %H:%M:%S %Z}"
                raise RateLimited(why, wait=at - now, scope=scope)
            await self._sleep((at - now).total_seconds())
        for bucket, cost, budget in self._counting(call):
            bucket.spend(now, call.payer(budget), cost, self._share())

    async def wait_for(self, call: Call) -> timedelta:
        """Return how long the call would wait; zero where it need not."""
        now = self._now()
        at, _ = self._earliest(call, now)
        return max(at - now, timedelta(0))

    async def told(self, call: Call, usage: Usage) -> None:
        """Take in what the answer told of a quota."""
        now = self._now()
        self._gauge(call, usage.scope, usage.match).tell(now, usage.used, usage.wait)
        for bucket, _, budget in self._counting(call):
            if budget.scope == usage.scope and usage.match in (ANY, budget.match):
                bucket.raise_to(now, usage.used, usage.wait, self._share())

    async def limited(self, call: Call, refusal: RateLimited) -> None:
        """Hold the quota that the platform says is used up."""
        self._gauge(call, refusal.scope, ANY).hold(self._now(), refusal.wait, HELD, LONGEST_HELD)

    def _earliest(self, call: Call, now: datetime) -> tuple[datetime, Scope]:
        """When the call may be made, and whose quota is in the way longest."""
        found: list[tuple[datetime, Scope]] = [(now, "account")]
        reserved = RESERVED[call.lane]
        for account in {"", call.account}:
            for (scope, pattern), gauge in self._gauges.get((call.app, account), {}).items():
                if matches(pattern, call.method, call.path):
                    found.append((gauge.opens(now, reserved), scope))
        for bucket, cost, budget in self._counting(call):
            found.append((bucket.opens(now, call.payer(budget), cost, self._share(), reserved), budget.scope))
        return max(found, key=lambda each: each[0])

    def _counting(self, call: Call) -> Iterator[tuple[Bucket, int, Budget]]:
        for place, budget in enumerate(call.declared):
            cost = budget.cost(call.method, call.path)
            if cost:
                key = (call.app, "" if budget.scope == "app" else call.account, str(place))
                bucket = self._buckets.get(key)
                if bucket is None:
                    bucket = self._buckets[key] = Bucket(budget.limit, budget.per, budget.resets)
                yield bucket, cost, budget

    def _gauge(self, call: Call, scope: Scope, match: str) -> Gauge:
        pattern = _endpoint(call) if scope == "endpoint" and match == ANY else match
        place = (call.app, "" if scope == "app" else call.account)
        return self._gauges.setdefault(place, {}).setdefault((scope, pattern), Gauge())

    def _sweep(self) -> None:
        self._asked += 1
        if self._asked % SWEEP == 0:
            now = self._now()
            self._buckets = {key: each for key, each in self._buckets.items() if not each.is_idle(now)}
            for place, gauges in list(self._gauges.items()):
                kept = {key: each for key, each in gauges.items() if not each.is_idle(now)}
                self._gauges[place] = kept
                if not kept:
                    del self._gauges[place]


def _endpoint(call: Call) -> str:
    """The pattern that stands for the call's endpoint: the one declared for it, else its very path."""
    declared = (b.match for b in call.declared if b.scope == "endpoint" and matches(b.match, call.method, call.path))
    return next(declared, f"{call.method.upper()} {glob.escape(call.path)}")
