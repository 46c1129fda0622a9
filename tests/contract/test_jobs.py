"""What becomes of jobs, over any ledger."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from chorally_core.events import LogAdd, topics
from chorally_core.ports.job_kinds import Context, JobKind, Later, NoArguments, WillNeverWork
from chorally_core.ports.jobs import Actor
from chorally_core.ports.refused import Refused

from tests.contract.conftest import Opened
from tests.support.jobs import TTL_S, Count, Counting, Office


@pytest.fixture
async def office(ledger: Opened) -> AsyncIterator[Office]:
    """Processes over one store."""
    async with ledger() as opened:
        office = Office(opened)
        yield office
        await office.close()


async def told(office: Office) -> list[str]:
    """Kinds of the facts that the log was told."""
    consumer = office.ledger.bus.consumer("test", [topics.LOGS])
    events: list[Any] = [found.event for found in (await consumer.poll(100)).delivered]
    assert all(isinstance(event.data, LogAdd) and event.data.subject_type == "job" for event in events)
    return [event.data.kind for event in events]


async def test_a_job_is_done_once_and_tells_its_result(office: Office) -> None:
    """It is queued durably, claimed, done, and left alone from then on."""
    counting = Counting()
    process = office.process("one", kind := counting.kind())
    queued = await process.jobs.submit(kind, Count(to=3), tenant="acme", created_by=Actor("agent", "ada"))
    assert (queued.state, queued.attempts, queued.created_by) == ("queued", 0, "ada")
    await process.drain()
    await process.drain()
    done = await office.job(queued)
    assert (done.state, done.result, done.done, done.total, done.note) == ("done", {"counted": 3}, 3, 3, "at 3")
    assert (done.holder, done.lane, done.due_at, done.error) == (None, None, None, "")
    assert counting.begun == [queued.id]


async def test_the_same_thing_is_not_queued_twice(office: Office) -> None:
    """Under one key there is one job until it is over; other kinds and tenants have keys of their own."""
    counting = Counting()
    kind, other = counting.kind(), counting.kind("other")
    process = office.process("one", kind, other)
    first = await process.jobs.submit(kind, Count(), tenant="acme", key="k")
    again = await process.jobs.submit(kind, Count(to=9), tenant="acme", key="k")
    assert (again.id, again.arguments) == (first.id, first.arguments)
    await process.jobs.submit(other, Count(), tenant="acme", key="k")
    await process.jobs.submit(kind, Count(), tenant="umbrella", key="k")
    assert len(await office.all()) == 3
    await process.drain()
    after = await process.jobs.submit(kind, Count(), tenant="acme", key="k")
    assert after.id != first.id


async def test_a_repeated_request_meets_its_job(office: Office) -> None:
    """Under one id there is one job, whatever became of it."""
    counting = Counting()
    process = office.process("one", kind := counting.kind())
    await process.jobs.submit(kind, Count(), tenant="acme", job_id="j1")
    await process.drain()
    again = await process.jobs.submit(kind, Count(), tenant="acme", job_id="j1")
    assert again.state == "done"
    await process.drain()
    assert counting.begun == ["j1"]


async def test_a_job_that_fails_is_tried_again_later_and_later_and_then_is_dead(office: Office) -> None:
    """A person sees why, and the log was told; nothing tries it any more."""
    tried = []

    async def fails(arguments: NoArguments, context: Context) -> None:
        tried.append(office.time.at)
        raise RuntimeError("not today")

    kind = JobKind(name="fails", service="io-service", arguments=NoArguments, run=fails, attempts=3, first_wait_s=10)
    process = office.process("one", kind)
    job = await process.jobs.submit(kind, NoArguments(), tenant="acme")
    await process.drain()
    waiting = await office.job(job)
    assert (waiting.state, waiting.attempts, waiting.error) == ("queued", 1, "RuntimeError: not today")
    for seconds in (9, 2, 18, 3, 1000):
        await office.time.passes(seconds)
        await process.drain()
    dead = await office.job(job)
    assert (dead.state, dead.attempts, dead.open_key) == ("dead", 3, None)
    waits = [(later - before).total_seconds() for before, later in pairwise(tried)]
    assert [round(wait) for wait in waits] == [11, 21]
    assert await told(office) == ["job_died"]


async def test_what_will_never_work_is_dead_at_once(office: Office) -> None:
    """So are arguments that do not fit what is declared today."""

    async def never(arguments: Count, context: Context) -> None:
        raise WillNeverWork("the account is gone; connect it again")

    kind = JobKind(name="never", service="io-service", arguments=Count, run=never)
    process = office.process("one", kind)
    job = await process.jobs.submit(kind, Count(), tenant="acme")
    odd: Any = NoArguments()
    old = await process.jobs.submit(JobKind(name="never", service="io-service", arguments=NoArguments, run=never), odd,
                                    tenant="acme")  # fmt: skip
    await process.store.put(old, old._with(arguments={"to": "many"}))
    await process.drain()
    assert (await office.job(job)).error == "the account is gone; connect it again"
    assert "the arguments do not fit" in (await office.job(old)).error
    assert {(await office.job(one)).state for one in (job, old)} == {"dead"}


async def test_a_dead_job_is_repeated_from_where_it_had_come(office: Office) -> None:
    """It has all its attempts again; one that is not dead is not repeated."""
    counting = Counting()
    kind = counting.kind(attempts=1)
    process = office.process("one", kind)
    job = await process.jobs.submit(kind, Count(to=2, fails=1), tenant="acme", key="k")
    with pytest.raises(Refused, match="only one that is dead"):
        job.repeated(office.time.now())
    await process.drain()
    dead = await office.job(job)
    assert dead.state == "dead"
    await process.store.put(dead, dead.repeated(office.time.now()))
    assert (await process.jobs.submit(kind, Count(), tenant="acme", key="k")).id == job.id
    await process.drain()
    done = await office.job(job)
    assert (done.state, counting.steps) == ("done", [(job.id, 1), (job.id, 2)])


async def test_a_job_of_a_process_that_died_goes_on_from_what_it_kept(office: Office) -> None:
    """Another takes it over once it has seen it unchanged for the whole time of its lease, by its own clock."""
    counting = Counting()
    counting.open = False
    kind = counting.kind()
    first, second = office.process("one", kind), office.process("two", kind)
    job = await first.jobs.submit(kind, Count(to=3), tenant="acme")
    await first.worker.turn()
    counting.let(job.id)
    while not counting.steps or (await office.job(job)).kept != {"n": 1}:
        await office.time.passes(0)
    await first.killed()

    counting.open = True
    await second.worker.take_over()
    office.time.seconds += TTL_S - 0.1
    assert await second.worker.take_over() == 0
    office.time.seconds += 0.2
    assert await second.worker.take_over() == 1
    await second.drain()
    done = await office.job(job)
    assert (done.state, done.epoch) == ("done", 2)
    assert counting.steps == [(job.id, 1), (job.id, 2), (job.id, 3)]


async def test_a_job_that_ends_its_process_each_time_is_dead_in_the_end(office: Office) -> None:
    """It takes down as many processes as it has attempts, and no more."""
    counting = Counting()
    counting.open = False
    kind = counting.kind(attempts=2)
    first = office.process("one", kind)
    job = await first.jobs.submit(kind, Count(), tenant="acme")
    for number in range(3):
        process = office.process(f"p{number}", kind)
        await process.worker.take_over()
        office.time.seconds += TTL_S
        await process.worker.take_over()
        await process.worker.turn()
        await process.killed()
    dead = await office.job(job)
    assert (dead.state, dead.error) == ("dead", "its process ended 2 times while it ran")
    assert await told(office) == ["job_died"]


async def test_a_cancelled_job_that_waits_is_never_run(office: Office) -> None:
    """It is over at once, and its key is free."""
    counting = Counting()
    process = office.process("one", kind := counting.kind())
    job = await process.jobs.submit(kind, Count(), tenant="acme", key="k")
    await process.store.put(job, job.asked_to_cancel(office.time.now()))
    await process.drain()
    cancelled = await office.job(job)
    assert (cancelled.state, counting.begun) == ("cancelled", [])
    with pytest.raises(Refused, match="only one that is not over"):
        cancelled.asked_to_cancel(office.time.now())
    assert (await process.jobs.submit(kind, Count(), tenant="acme", key="k")).id != job.id


async def test_a_cancelled_job_that_runs_ends_at_its_next_step(office: Office) -> None:
    """It is cancelled when it runs no more, not before; what it had told stays."""
    counting = Counting()
    counting.open = False
    process = office.process("one", kind := counting.kind())
    job = await process.jobs.submit(kind, Count(to=5), tenant="acme")
    await process.worker.turn()
    counting.let(job.id)
    while (await office.job(job)).done != 1:
        await office.time.passes(0)
    running = await office.job(job)
    await process.store.put(running, running.asked_to_cancel(office.time.now()))
    assert (await office.job(job)).is_cancelling
    counting.let(job.id)
    await process.hands.idle()
    cancelled = await office.job(job)
    assert (cancelled.state, cancelled.done, cancelled.holder) == ("cancelled", 2, None)
    assert counting.begun == [job.id]


async def test_a_job_may_ask_to_be_called_again_later(office: Office) -> None:
    """What it has kept is there; waiting is no failure."""
    waits = timedelta(hours=1)

    async def twice(arguments: NoArguments, context: Context) -> Any:
        if context.kept:
            return {"rounds": 2}
        await context.progress(1, 2, keep={"round": 1})
        return Later(context.now() + waits)

    kind = JobKind(name="twice", service="io-service", arguments=NoArguments, run=twice, attempts=1)
    process = office.process("one", kind)
    job = await process.jobs.submit(kind, NoArguments(), tenant="acme")
    await process.drain()
    assert ((await office.job(job)).state, (await office.job(job)).attempts) == ("queued", 0)
    await office.time.passes(3590)
    await process.drain()
    assert (await office.job(job)).state == "queued"
    await office.time.passes(20)
    await process.drain()
    assert ((await office.job(job)).state, (await office.job(job)).result) == ("done", {"rounds": 2})


async def test_two_processes_do_not_run_one_job(office: Office) -> None:
    """Both have seen it queued; one claims it."""
    counting = Counting()
    kind = counting.kind()
    first, second = office.process("one", kind), office.process("two", kind)
    job = await first.jobs.submit(kind, Count(), tenant="acme")
    assert [await first.hands.take(job) is None, await second.hands.take(job) is None] == [False, True]
    await first.hands.idle()
    assert counting.begun == [job.id]


async def test_lanes_are_served_in_turn(office: Office) -> None:
    """One tenant's hundred jobs hold up nobody; within a tenant the oldest comes first."""
    counting = Counting()
    process = office.process("one", kind := counting.kind(), most=1)
    many = [await process.jobs.submit(kind, Count(), tenant="acme") for _ in range(100)]
    few = [await process.jobs.submit(kind, Count(), tenant=tenant) for tenant in ("", "umbrella", "zoo", "umbrella")]
    for _ in range(6):
        await process.worker.turn()
        await process.hands.idle()
    served = counting.begun[:6]
    assert {one.id for one in few} - set(served) == set()
    assert [one for one in served if one in {job.id for job in many}] == [job.id for job in many[:2]]


async def test_a_process_leaves_kinds_alone_that_it_does_not_know(office: Office) -> None:
    """Another release, or another service, has them."""
    counting = Counting()
    known, unknown = counting.kind("known"), counting.kind("unknown")
    process = office.process("one", known)
    both = office.process("two", known, unknown)
    job = await both.jobs.submit(unknown, Count(), tenant="acme")
    await process.drain()
    assert (await office.job(job)).state == "queued"
    await both.drain()
    assert (await office.job(job)).state == "done"
