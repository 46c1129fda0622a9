"""What goes wrong, one thing after another; each returns when its cause is gone."""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tests.crash.core import NotServing
from tests.soak.members import Cluster, Member
from tests.soak.plan import Plan
from tests.soak.platform import Platform
from tests.soak.servers import Servers
from tests.soak.timing import Trouble

_JOINS_S = 12.0  # that one more process has to become a member


class Fault(NamedTuple):
    """One thing that shall go wrong."""

    what: str
    happen: Callable[[], Awaitable[Trouble]]


class Faults:
    """Makes them."""

    def __init__(self, plan: Plan, cluster: Cluster, servers: Servers, platform: Platform) -> None:
        self._plan = plan
        self._cluster = cluster
        self._servers = servers
        self._platform = platform
        self._rng = random.Random(f"faults {plan.seed}")  # noqa: S311 - chance that can be repeated

    def planned(self) -> list[Fault]:
        """Return all of them, in the order of this seed; every process is killed about as often as the others."""
        faults = [
            Fault(name, happen)
            for name, happen in (
                ("broker", self._broker),
                ("redis", self._redis),
                ("failover", self._failover),
                ("rebalance", self._rebalance),
                ("slow", self._slow),
            )
            if name in self._plan.faults
        ]
        if "kill" in self._plan.faults:
            members = [*self._cluster.members]
            self._rng.shuffle(members)
            for number in range(self._plan.kills):
                member = members[number % len(members)]
                faults.append(Fault(f"kill {member.name}", self._killing(member)))
        self._rng.shuffle(faults)
        return faults

    def _killing(self, member: Member) -> Callable[[], Awaitable[Trouble]]:
        async def kill() -> Trouble:
            moment = self._rng.choice(("any", "any", "before an answer", "after an answer", "young"))
            if moment.endswith("answer") and member.kind == "io":
                self._platform.hold("before" if moment == "before an answer" else "after")
                await at_most(self._platform.is_holding.wait(), 5.0)
            else:
                await asyncio.sleep(self._rng.uniform(0, 0.5))
            began = time.monotonic()
            await member.kill()
            self._platform.let_go()
            await member.start()
            if moment == "young":
                await asyncio.sleep(self._rng.uniform(0.5, 3.0))
                await member.kill()
                await member.start()
                return Trouble(what=f"kill {member.name}, twice", began=began, healed=time.monotonic())
            return Trouble(what=f"kill {member.name}", began=began, healed=began)

        return kill

    async def _broker(self) -> Trouble:
        """The broker stops, and comes back with what it had."""
        return await self._away("kafka", "the broker restarts", self._plan.broker_away_s)

    async def _redis(self) -> Trouble:
        """Redis and its Sentinels stop, and come back empty."""
        return await self._away("redis", "Redis is away", self._plan.redis_away_s)

    async def _away(self, kind: str, what: str, away_s: float) -> Trouble:
        began = time.monotonic()
        await self._servers.do(kind, "stop")
        await asyncio.sleep(away_s)
        await self._servers.do(kind, "start")
        return Trouble(what=what, began=began, healed=time.monotonic())

    async def _failover(self) -> Trouble:
        """The master of Redis ends, and the Sentinels promote the replica."""
        began = time.monotonic()
        await self._servers.do("redis", "fail")
        return Trouble(what="Redis fails over", began=began, healed=time.monotonic())

    async def _rebalance(self) -> Trouble:
        """Consumers come and go, by goodbye or without."""
        began = time.monotonic()
        while time.monotonic() - began < self._plan.storm_s:
            extra = self._cluster.spare(self._rng.choice(("message", "author-log", "io")))
            await extra.start()
            with contextlib.suppress(NotServing):  # one that is slow to start comes and goes all the same
                await extra.ready(_JOINS_S)
            await asyncio.sleep(self._rng.uniform(0.0, 4.0))
            if self._rng.random() < 0.5:
                await extra.kill()
            else:
                self._cluster.ended[extra.name] = await extra.stop()
        return Trouble(what="consumers come and go", began=began, healed=time.monotonic())

    async def _slow(self) -> Trouble:
        """The platform takes its time for every call."""
        began = time.monotonic()
        self._platform.slow_s = self._plan.slow_call_s
        await asyncio.sleep(self._plan.slow_s)
        self._platform.slow_s = 0.0
        return Trouble(what="the platform is slow", began=began, healed=time.monotonic())


async def at_most(what: Awaitable[object], seconds: float) -> None:
    """Wait for something, but no longer than that."""
    try:
        async with asyncio.timeout(seconds):
            await what
    except TimeoutError:
        return
