"""What a worker does about time, leases, tenants and its own end."""

import asyncio
from typing import Any

from chorally_core.ports.job_kinds import Context, JobKind, NoArguments
from chorally_core.ports.jobs import LARGEST_BYTES
from chorally_core.ports.schedules import Every
from chorally_core.runner.jobs_metrics import JobFigures
from prometheus_client import CollectorRegistry, generate_latest

from tests.support.jobs import TTL_S, Count, Counting, Office, settle


def a_kind(run: Any, **terms: Any) -> JobKind[NoArguments]:
    """A kind without arguments."""
    return JobKind(name="odd", service="io-service", arguments=NoArguments, run=run, **terms)


async def test_a_job_that_takes_long_is_renewed_and_nobody_takes_it_over(office: Office, counting: Counting) -> None:
    """However long it is at one step."""
    counting.open = False
    kind = counting.kind()
    one, other = office.process("one", kind), office.process("two", kind)
    job = await one.jobs.submit(kind, Count(), tenant="acme")
    await one.worker.turn()
    for _ in range(10):
        await office.time.passes(TTL_S / 2)
        assert await other.worker.take_over() == 0
    counting.let(job.id)
    await one.hands.idle()
    assert ((await office.job(job)).state, len(counting.begun)) == ("done", 1)


async def test_a_process_that_is_cut_off_ends_its_run_before_another_may_begin(
    office: Office, counting: Counting
) -> None:
    """It stops a margin before its lease ends, and can change nothing when it is back."""
    counting.open = False
    kind = counting.kind()
    one, other = office.process("one", kind), office.process("two", kind)
    job = await one.jobs.submit(kind, Count(to=2), tenant="acme")
    await one.worker.turn()
    await settle()
    await other.worker.take_over()
    one.line.state = "down"
    await office.time.passes(TTL_S - 0.1)
    assert not one.hands.running
    assert await other.worker.take_over() == 0
    await office.time.passes(0.2)
    one.line.state = "up"
    counting.open = True
    await other.drain()
    await other.worker.take_over()
    await other.drain()
    done = await office.job(job)
    assert (done.state, done.epoch, counting.steps) == ("done", 2, [(job.id, 1), (job.id, 2)])
    assert one.store.counts["count", "lost"] == 1


async def test_a_process_that_slept_through_its_lease_changes_nothing(office: Office, counting: Counting) -> None:
    """It wakes up while another runs the job, and leaves it to that one."""
    counting.open = False
    kind = counting.kind()
    one, other = office.process("one", kind), office.process("two", kind)
    job = await one.jobs.submit(kind, Count(), tenant="acme")
    await one.worker.turn()
    await other.worker.take_over()
    office.time._to(office.time.seconds + TTL_S + 1)
    await other.worker.take_over()
    await other.worker.turn()
    await office.time.passes(0.1)
    assert (list(one.hands.running), [run.is_certain for run in other.hands.running.values()]) == ([], [True])
    assert (await office.job(job)).holder == "two"


async def test_a_stop_lets_jobs_end_their_step_and_gives_them_back(office: Office, counting: Counting) -> None:
    """Another goes on from there at once; that was no attempt."""
    counting.open = False
    kind = counting.kind()
    one, other = office.process("one", kind), office.process("two", kind)
    job = await one.jobs.submit(kind, Count(to=3), tenant="acme")
    await one.worker.turn()
    await settle()
    stopping = asyncio.create_task(one.hands.stop(grace_s=30))
    await settle()
    counting.let(job.id)
    await stopping
    back = await office.job(job)
    assert (back.state, back.attempts, back.lane) == ("queued", 0, "acme")
    counting.open = True
    await other.drain()
    assert ((await office.job(job)).state, len(counting.steps)) == ("done", 3)
    assert await one.worker.turn() == 0


async def test_a_job_that_does_not_end_in_time_is_broken_off_and_given_back(office: Office) -> None:
    """It never looks whether it should end."""

    async def stuck(arguments: NoArguments, context: Context) -> None:
        await context.progress(1, keep={"n": 1})
        await asyncio.Event().wait()

    process = office.process("one", kind := a_kind(stuck))
    job = await process.jobs.submit(kind, NoArguments(), tenant="acme")
    await process.worker.turn()
    await settle()
    await process.hands.stop(grace_s=0.01)
    back = await office.job(job)
    assert (back.state, back.kept, back.holder) == ("queued", {"n": 1}, None)


async def test_a_cancelled_job_that_never_looks_is_broken_off(office: Office) -> None:
    """It has the time between two renewals to end by itself."""
    ended = []

    async def stuck(arguments: NoArguments, context: Context) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(office.time.seconds)

    process = office.process("one", kind := a_kind(stuck))
    job = await process.jobs.submit(kind, NoArguments(), tenant="acme")
    await process.worker.turn()
    await settle()
    running = await office.job(job)
    await process.store.put(running, running.asked_to_cancel(office.time.now()))
    asked = office.time.seconds
    await office.time.passes(TTL_S)
    assert ((await office.job(job)).state, ended) == ("cancelled", [asked + TTL_S / 2])


async def test_long_jobs_of_one_tenant_leave_room_for_others(office: Office, counting: Counting) -> None:
    """A tenant has at most half of what a worker does at once."""
    counting.open = False
    process = office.process("one", kind := counting.kind(), most=4)
    for _ in range(10):
        await process.jobs.submit(kind, Count(), tenant="acme")
    assert await process.worker.turn() == 2
    for tenant in ("umbrella", "zoo", "zoo"):
        await process.jobs.submit(kind, Count(), tenant=tenant)
    assert await process.worker.turn() == 2
    assert sorted(run.tenant for run in process.hands.running.values()) == ["acme", "acme", "umbrella", "zoo"]


async def test_a_job_that_comes_further_each_time_is_never_given_up(office: Office) -> None:
    """Attempts are counted since it last kept something new."""

    async def stumbles(arguments: NoArguments, context: Context) -> None:
        number = context.kept.get("n", 0) + 1
        await context.progress(number, keep={"n": number})
        if number < 6:
            raise RuntimeError("not today")

    process = office.process("one", kind := a_kind(stumbles, attempts=2))
    job = await process.jobs.submit(kind, NoArguments(), tenant="acme")
    for _ in range(6):
        await process.drain()
        await office.time.passes(60)
    done = await office.job(job)
    assert (done.state, done.kept, done.epoch) == ("done", {"n": 6}, 6)


async def test_a_recurring_job_is_one_document_that_queues_itself(office: Office, counting: Counting) -> None:
    """Declared by every process at each start, run once an interval, once for all that was missed."""
    kind = counting.kind(schedule=Every(3600))
    one, other = office.process("one", kind), office.process("two", kind)
    for process in (one, other, one):
        await process.jobs.schedule()
    [job] = await office.all()
    await one.drain()
    await other.drain()
    assert ((await office.job(job)).state, len(counting.begun)) == ("queued", 1)
    await office.time.passes(3600 * 5 + 60)
    await one.drain()
    await other.drain()
    again = await office.job(job)
    assert len(counting.begun) == 2
    assert round((again.run_at - office.time.at).total_seconds()) == 3540


async def test_a_recurring_job_that_fails_to_the_end_is_tried_again_at_its_next_time(office: Office) -> None:
    """It says why it failed, and nobody has to repeat it."""

    async def fails(arguments: NoArguments, context: Context) -> None:
        raise RuntimeError("not today")

    kind = a_kind(fails, attempts=1, schedule=Every(3600))
    process = office.process("one", kind)
    await process.jobs.schedule()
    await process.drain()
    [job] = await office.all()
    assert (job.state, job.error, job.attempts) == ("queued", "RuntimeError: not today", 0)
    assert process.store.counts["odd", "dead"] == 1


async def test_another_schedule_is_taken_over_at_the_start(office: Office, counting: Counting) -> None:
    """The document follows what is declared today."""
    process = office.process("one", counting.kind(schedule=Every(3600)))
    await process.jobs.schedule()
    await process.drain()
    changed = office.process("two", counting.kind(schedule=Every(60)))
    await changed.jobs.schedule()
    await changed.drain()
    [job] = await office.all()
    assert (job.schedule, len(counting.begun)) == (Every(60), 2)


async def test_a_result_that_cannot_be_kept_is_said(office: Office) -> None:
    """It is not cut, and the job is not taken for done."""

    async def large(arguments: NoArguments, context: Context) -> dict[str, Any]:
        return {"text": "x" * LARGEST_BYTES}

    process = office.process("one", kind := a_kind(large, attempts=1))
    job = await process.jobs.submit(kind, NoArguments(), tenant="acme")
    await process.drain()
    dead = await office.job(job)
    assert dead.state == "dead"
    assert "the result of a job take" in dead.error


async def test_figures_tell_what_runs_waits_and_became_of_the_rest(office: Office, counting: Counting) -> None:
    """By kind."""
    process = office.process("one", kind := counting.kind(attempts=1), most=2)
    registry = CollectorRegistry()
    JobFigures(registry, process.worker)
    await process.jobs.submit(kind, Count(to=1, fails=1), tenant="acme")
    await process.drain()
    counting.open = False
    for _ in range(3):
        await process.jobs.submit(kind, Count(), tenant="acme")
    office.time.seconds += 60
    await process.worker.turn()
    shown = generate_latest(registry).decode()
    assert 'chorally_jobs_total{name="count",outcome="dead"} 1.0' in shown
    assert 'chorally_running_jobs{name="count"} 1.0' in shown
    assert 'chorally_queued_jobs{name="count"} 3.0' in shown


async def test_a_store_that_is_away_stops_no_worker(office: Office, counting: Counting) -> None:
    """It looks again, and works when the store is back."""
    process = office.process("one", kind := counting.kind(), look_s=0.01)
    running = asyncio.create_task(process.worker.run())
    process.line.state = "down"
    await settle()
    process.line.state = "up"
    await process.jobs.submit(kind, Count(), tenant="acme")
    async with asyncio.timeout(10):
        while not counting.begun:
            await settle()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
