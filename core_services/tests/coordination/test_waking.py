"""Wake-ups while Redis comes and goes."""

from chorally_core.adapters.redis.errors import Unavailable

from tests.support.coordination import FakeServer, Time, a_coordination


async def test_a_wake_up_reaches_the_listeners_of_every_process() -> None:
    """Those here at once, the others as soon as it was told."""
    time = Time()
    server = FakeServer(time)
    one, other = a_coordination(server, time), a_coordination(server, time)
    heard: list[str] = []
    await one.start()
    await other.start()
    one.listen("jobs", lambda: heard.append("one"))
    end = other.listen("jobs", lambda: heard.append("other"))
    await one.wake("jobs")
    assert heard == ["one"]
    await time.passes(0)
    assert "other" in heard
    end()
    heard.clear()
    await one.wake("jobs")
    await time.passes(0)
    assert set(heard) == {"one"}
    await one.close()
    await other.close()


async def test_many_wake_ups_at_once_are_told_as_few() -> None:
    """Who wakes a thousand times does not ask Redis a thousand times."""
    time = Time()
    server = FakeServer(time)
    coordination = a_coordination(server, time)
    for _ in range(1000):
        await coordination.wake("jobs")
    await time.passes(0)
    assert server.asked == 1
    await coordination.close()


async def test_without_redis_wake_ups_stay_in_the_process_and_nothing_fails() -> None:
    """After the outage every listener is woken once, for what it may have missed."""
    time = Time()
    server = FakeServer(time)
    coordination = a_coordination(server, time)
    await coordination.start()
    heard: list[str] = []
    coordination.listen("jobs", lambda: heard.append("jobs"))
    coordination.listen("io/hooks", lambda: heard.append("io/hooks"))
    server.trouble = Unavailable("gone")
    await coordination.take("r", limit=10, per_s=60)
    await time.passes(0)
    assert (server.hearers, heard) == ({}, [])
    asked = server.asked
    await coordination.wake("jobs")
    await time.passes(0)
    assert (heard, server.asked) == (["jobs"], asked)
    heard.clear()
    server.trouble = None
    await time.passes(6)
    assert sorted(heard) == ["io/hooks", "jobs"]
    await coordination.close()
    assert server.hearers == {}


async def test_a_subscription_that_is_lost_by_itself_is_renewed() -> None:
    """Rates and notes go on through Redis meanwhile; the waits grow, and begin anew once it holds."""
    time = Time()
    server = FakeServer(time)
    coordination = a_coordination(server, time)
    await coordination.start()
    heard: list[str] = []
    coordination.listen("jobs", lambda: heard.append("jobs"))
    server.trouble = Unavailable("not for subscribers")
    server.cut()
    await time.passes(60)
    assert 10 < server.subscriptions < 30
    assert not coordination.status().degraded
    server.trouble = None
    await time.passes(6)
    assert (heard, coordination.status().degraded) == (["jobs"], False)
    before = server.subscriptions
    server.cut()
    await time.passes(0.5)
    assert server.subscriptions == before + 1
    await coordination.close()


async def test_a_place_where_nobody_listens_any_more_is_forgotten() -> None:
    """Listening and ending it leaves nothing (G13)."""
    time = Time()
    coordination = a_coordination(FakeServer(time), time)
    ends = [coordination.listen(f"place {number}", lambda: None) for number in range(100)]
    for end in ends:
        end()
        end()
    assert not coordination._hearing._places
    await coordination.close()
