"""Jobs while workers cannot be woken: who asks for one runs it, also where processes disagree on that."""

import asyncio

from chorally_core.adapters.redis.errors import Unavailable

from tests.support.coordination import FakeServer, Time, a_coordination
from tests.support.jobs import Count, Counting, Office, settle


async def test_where_workers_cannot_be_woken_who_asks_runs_the_job(office: Office, counting: Counting) -> None:
    """At once where that is asked for, and only then; with Redis it is left to a worker."""
    process = office.process("one", kind := counting.kind())
    assert (await process.jobs.submit(kind, Count(), tenant="acme", inline_when_degraded=True)).state == "queued"
    process.degraded = True
    assert (await process.jobs.submit(kind, Count(), tenant="acme")).state == "queued"
    here = await process.jobs.submit(kind, Count(to=2), tenant="acme", inline_when_degraded=True, wait=True)
    assert (here.state, here.result, counting.begun) == ("done", {"counted": 2}, [here.id])


async def test_it_runs_in_the_background_unless_it_is_waited_for(office: Office, counting: Counting) -> None:
    """Who asks goes on, and the job ends by itself."""
    counting.open = False
    process = office.process("one", kind := counting.kind())
    process.degraded = True
    job = await process.jobs.submit(kind, Count(), tenant="acme", inline_when_degraded=True)
    assert job.state == "running"
    counting.let(job.id)
    await process.hands.idle()
    assert (await office.job(job)).state == "done"


async def test_no_more_are_run_here_than_there_is_room_for(office: Office, counting: Counting) -> None:
    """What is too much waits for a worker, which looks by itself."""
    counting.open = False
    process = office.process("one", kind := counting.kind(), most_inline=2)
    process.degraded = True
    states = [
        (await process.jobs.submit(kind, Count(), tenant="acme", inline_when_degraded=True)).state for _ in range(4)
    ]
    assert states == ["running", "running", "queued", "queued"]


async def test_what_is_due_later_is_not_run_here(office: Office, counting: Counting) -> None:
    """Nobody would be there to begin it."""
    process = office.process("one", kind := counting.kind())
    process.degraded = True
    later = office.time.at.replace(year=2030)
    job = await process.jobs.submit(kind, Count(), tenant="acme", run_at=later, inline_when_degraded=True)
    assert job.state == "queued"


async def test_a_worker_that_sees_the_same_job_does_not_run_it_too(office: Office, counting: Counting) -> None:
    """One process believes that Redis is away, the other does not: the document decides."""
    kind = counting.kind()
    asking, working = office.process("one", kind), office.process("two", kind)
    asking.degraded = True
    looks = [working.worker.turn() for _ in range(3)]
    jobs = [asking.jobs.submit(kind, Count(), tenant="acme", inline_when_degraded=True) for _ in range(20)]
    await asyncio.gather(*jobs, *looks)
    for process in (asking, working):
        await process.drain()
    assert sorted(counting.begun) == sorted(job.id for job in await office.all())
    assert {job.state for job in await office.all()} == {"done"}


async def test_a_worker_wakes_for_what_another_process_asks_and_looks_by_itself_without_redis(
    office: Office, counting: Counting
) -> None:
    """With Redis it is woken; without it the job is found at the next look; when Redis is back it is woken again."""
    time = Time()
    server = FakeServer(time)
    ours, theirs = a_coordination(server, time), a_coordination(server, time)
    await ours.start()
    await theirs.start()
    kind = counting.kind()
    asking = office.process("one", kind, coordination=ours)
    working = office.process("two", kind, coordination=theirs, look_s=60.0)
    running = asyncio.create_task(working.worker.run())

    async def done(count: int) -> None:
        async with asyncio.timeout(10):
            while len(counting.begun) < count:
                await time.passes(0)

    await settle()
    await asking.jobs.submit(kind, Count(), tenant="acme")
    await done(1)

    server.trouble = Unavailable("gone")
    await ours.take("r", limit=10, per_s=60)
    await theirs.take("r", limit=10, per_s=60)
    await asking.jobs.submit(kind, Count(), tenant="acme")
    await time.passes(0)
    assert len(counting.begun) == 1
    await working.drain()  # the next look
    assert len(counting.begun) == 2

    server.trouble = None
    await asking.jobs.submit(kind, Count(), tenant="acme")
    await time.passes(6)  # the subscription is back, and whoever listens is woken for what it may have missed
    await done(3)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await ours.close()
    await theirs.close()
