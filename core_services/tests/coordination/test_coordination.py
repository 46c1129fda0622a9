"""Coordination while Redis comes and goes: a server of ten lines, and time that passes when told to."""

import asyncio

import pytest
from chorally_core.adapters.redis.breaker import Breaker
from chorally_core.adapters.redis.errors import Crowded, Unavailable
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.support.coordination import NOON, FakeServer, Time, a_coordination


async def test_without_redis_each_process_gives_its_share() -> None:
    """Ten a minute among four: two at once each, and then a quarter of the rate."""
    time = Time()
    server = FakeServer(time)
    coordination = a_coordination(server, time)
    server.trouble = Unavailable("gone")
    taken = [await coordination.take("r", limit=10, per_s=60) for _ in range(3)]
    assert [t.granted for t in taken] == [True, True, False]
    assert taken[-1].wait_s == pytest.approx(60 / 10 * 4)
    await coordination.close()


async def test_a_rate_smaller_than_the_processes_is_given_slowly_not_never() -> None:
    """Two a minute among four: each gives one, and the next after two minutes."""
    time = Time()
    server = FakeServer(time)
    coordination = a_coordination(server, time)
    server.trouble = Unavailable("gone")
    assert (await coordination.take("r", limit=2, per_s=60)).granted
    refused = await coordination.take("r", limit=2, per_s=60)
    assert not refused.granted
    assert refused.wait_s == pytest.approx(120)
    time.at += 120.1
    assert (await coordination.take("r", limit=2, per_s=60)).granted
    await coordination.close()


async def test_more_than_the_limit_is_refused_without_redis_too() -> None:
    """What the shared rate never gives, a share does not give either; an amount above the share is saved up for."""
    time = Time()
    server = FakeServer(time)
    coordination = a_coordination(server, time)
    server.trouble = Unavailable("gone")
    assert not (await coordination.take("r", limit=8, per_s=60, amount=9)).granted
    assert (await coordination.take("s", limit=8, per_s=60, amount=5)).granted
    refused = await coordination.take("s", limit=8, per_s=60, amount=5)
    assert not refused.granted
    assert refused.wait_s == pytest.approx(5 * 60 / 8 * 4)
    await coordination.close()


async def test_while_open_no_call_reaches_for_redis() -> None:
    """The first failure is the last question; only the probe asks again."""
    time = Time()
    server = FakeServer(time)
    coordination = a_coordination(server, time)
    server.trouble = Unavailable("gone")
    for _ in range(20):
        await coordination.take("r", limit=10, per_s=60)
        await coordination.note("p", "ada", "viewing", 60)
        await coordination.notes("p")
    assert (server.asked, server.probed) == (1, 0)
    await coordination.close()


async def test_the_status_says_since_when_and_why() -> None:
    """The reason is that of the last probe, the time that of the first failure; nothing is left of either after."""
    time = Time()
    server = FakeServer(time)
    coordination = a_coordination(server, time)
    assert coordination.status() == (False, None, "")
    server.trouble = Unavailable("gone")
    await coordination.take("r", limit=10, per_s=60)
    assert coordination.status() == (True, NOON, "gone")
    server.trouble = Unavailable("a replica")
    await time.passes(1)
    assert coordination.status() == (True, NOON, "a replica")
    server.trouble = None
    await time.passes(6)
    assert coordination.status() == (False, None, "")
    await coordination.close()


async def test_notes_of_this_process_are_there_when_redis_goes() -> None:
    """What was left while Redis was up is known when it is away, and what was taken back is not."""
    time = Time()
    server = FakeServer(time)
    coordination = a_coordination(server, time)
    await coordination.note("p", "ada", "viewing", 60)
    await coordination.note("p", "bob", "viewing", 60)
    await coordination.note("p", "bob", "", 60)
    server.trouble = Unavailable("gone")
    assert await coordination.notes("p") == {"ada": "viewing"}
    await coordination.close()


async def test_too_many_calls_at_once_are_not_held_against_redis() -> None:
    """They are answered by the share, and the next one asks Redis again."""
    time = Time()
    server = FakeServer(time)
    coordination = a_coordination(server, time)
    server.trouble = Crowded()
    assert (await coordination.take("r", limit=10, per_s=60)).granted
    server.trouble = None
    await coordination.take("r", limit=10, per_s=60)
    assert (server.asked, coordination.status().degraded) == (2, False)
    await coordination.close()


async def test_a_lazy_start_goes_on_without_redis() -> None:
    """It knows at once, asks nothing more, and is back by itself."""
    time = Time()
    server = FakeServer(time)
    server.trouble = Unavailable("gone")
    coordination = a_coordination(server, time)
    await coordination.start()
    assert coordination.status().degraded
    await coordination.take("r", limit=10, per_s=60)
    assert server.asked == 0
    server.trouble = None
    await time.passes(1)
    assert not coordination.status().degraded
    await coordination.close()


async def test_a_start_that_waits_ends_when_redis_answers() -> None:
    """However long it takes."""
    time = Time()
    server = FakeServer(time)
    server.trouble = Unavailable("gone")
    coordination = a_coordination(server, time, wait=True)
    starting = asyncio.create_task(coordination.start())
    await time.passes(60)
    assert not starting.done()
    server.trouble = None
    await time.passes(6)
    assert starting.done()
    assert not coordination.status().degraded
    await coordination.close()


async def test_probes_go_on_after_an_unforeseen_error() -> None:
    """A bug in the way to Redis costs a probe, not the return."""
    time = Time()
    server = FakeServer(time)
    coordination = a_coordination(server, time)
    server.trouble = Unavailable("gone")
    await coordination.take("r", limit=10, per_s=60)
    server.trouble = KeyError("secret")
    await time.passes(1)
    assert coordination.status().reason == "the probe failed: KeyError"
    server.trouble = None
    await time.passes(6)
    assert not coordination.status().degraded
    await coordination.close()


async def test_a_rate_of_nothing_is_the_callers_mistake() -> None:
    """It is told, and not taken for a failure of Redis."""
    time = Time()
    coordination = a_coordination(FakeServer(time), time)
    with pytest.raises(ValueError, match="gives nothing"):
        await coordination.take("r", limit=0, per_s=60)
    assert not coordination.status().degraded


class Outages(RuleBasedStateMachine):
    """Redis comes and goes at any time, for any reason; calls go on."""

    @initialize()
    def begin(self) -> None:
        """Begin with Redis."""
        self.runner = asyncio.Runner()
        self.time = Time()
        self.began = self.time.at
        self.server = FakeServer(self.time)
        breaker = Breaker(failures=2, monotonic=self.time, jitter=lambda: 1.0)
        self.coordination = a_coordination(self.server, self.time, breaker=breaker)
        self.granted = 0
        self.quiet_s = 0.0
        self.failures = 0

    @rule(trouble=st.sampled_from([None, Unavailable("gone"), Crowded()]))
    def redis_changes(self, trouble: Exception | None) -> None:
        """It goes, comes back or is crowded."""
        self.server.trouble = trouble
        self.quiet_s = 0.0

    @rule()
    def a_call(self) -> None:
        """It never fails, and asks Redis exactly while that is not known to be away."""
        degraded, asked = self.coordination.status().degraded, self.server.asked
        self.granted += self.runner.run(self.coordination.take("r", limit=20, per_s=60)).granted
        assert self.server.asked == asked + (not degraded)

    @rule(seconds=st.floats(0.1, 8))
    def time_passes(self, seconds: float) -> None:
        """It is back at the latest one longest wait after Redis is."""
        self.runner.run(self.time.passes(seconds))
        self.quiet_s += seconds
        if self.server.trouble is None and self.quiet_s > 5.0:
            assert not self.coordination.status().degraded

    @invariant()
    def no_more_is_granted_than_documented(self) -> None:
        """Of the shared rate and this process's share of it: what they hold, and what has refilled since."""
        elapsed = self.time.at - self.began
        assert self.granted <= 20 + 5 + elapsed * (20 + 5) / 60 + 1e-6

    def teardown(self) -> None:
        """End the probes."""
        if hasattr(self, "runner"):
            self.runner.run(self.coordination.close())
            self.runner.close()


TestOutages = Outages.TestCase
TestOutages.__doc__ = Outages.__doc__
TestOutages.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
