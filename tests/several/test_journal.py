"""Webhooks come in at several doors, and one process at a time reads them, in order."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from chorally_core.events import topics
from chorally_core.ports.documents import Conflict
from chorally_core.ports.ledger import Step, Work
from chorally_core.runner import Pump
from chorally_core.services.io.journal import Unavailable
from chorally_core.services.io.model import Hook, Lane
from chorally_core.services.io.service import IoService
from structlog.testing import capture_logs

from tests.support.hooks import a_hook
from tests.support.several import TTL_S, Process, Several
from tests.support.wall import Wall


def _note(name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": name, "signer": {"id": "ada", "name": "Ada"}, "text": name, "at": "2026-11-23T08:00:00+00:00", **more,
    }  # fmt: skip


async def _a_note_at(door: Process, name: str, **options: Any) -> None:
    verdict = await door.receive(a_hook(door, _note(name), **options))
    assert verdict.kind == "accept"


async def _said(several: Several) -> list[str]:
    return [event.data.external_id for event in await several.published(topics.MESSAGES)]


async def _a_wall(several: Several, at: Process) -> None:
    await several.app(at)
    await several.account(at)
    await several.everywhere()


async def test_hooks_are_read_in_the_order_in_which_they_were_answered_whichever_door_took_them(
    several: Several,
) -> None:
    """Three doors, one reader, which is none of them."""
    doors = [await several.start(f"door-{number}", "api") for number in range(3)]
    worker = await several.start("worker", "worker")
    await _a_wall(several, doors[0])

    for number in range(12):
        await _a_note_at(doors[number * 7 % 3], f"n{number}")
        if number == 5:
            await worker.read()
    await worker.read()

    assert await _said(several) == [f"n{number}" for number in range(12)]


async def test_a_hook_that_arrives_during_a_round_waits_for_the_next(several: Several) -> None:
    """Another door may have answered an earlier one after its lane was looked at."""
    one, two = await several.start("one", "api"), await several.start("two", "api")
    worker = await several.start("worker", "worker")
    await _a_wall(several, one)
    await _a_note_at(one, "n0")
    await worker.read()
    find, arrived = several.ledger.documents.find, False

    async def found(query: Any) -> list[Any]:
        nonlocal arrived
        documents = await find(query)
        if query.of is Hook and not arrived and one.beside.lane.name in str(query.where):
            arrived = True
            await _a_note_at(one, "first")
            await _a_note_at(two, "second")
        return documents

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(several.ledger.documents, "find", found)
        await worker.read()
    await worker.read()

    assert await _said(several) == ["n0", "first", "second"]


async def test_another_process_reads_on_when_the_reader_is_killed(several: Several) -> None:
    """Within the time of a lease and a little; nothing is lost, and nothing that was read comes again."""
    door = await several.start("door", "api")
    first, second = await several.start("first", "worker"), await several.start("second", "worker")
    await _a_wall(several, door)
    await _a_note_at(door, "n1")
    await first.read()
    assert await second.read() == 0

    await _a_note_at(door, "n2")
    await first.kill()
    for _ in range(4):
        assert await second.read() == 0
        await several.pass_time(TTL_S / 3)
    await second.read()

    assert await _said(several) == ["n1", "n2"]


async def test_a_slow_former_reader_does_not_move_the_position_back(several: Several) -> None:
    """What it published comes twice, under the same ids, and its commit is refused."""
    door = await several.start("door", "api")
    slow, quick = await several.start("slow", "worker"), await several.start("quick", "worker")
    await _a_wall(several, door)
    await _a_note_at(door, "n1")
    await slow.reader.look()
    hooks = await slow.reader.take(10)
    moved = await slow.reader.moved(hooks)
    await slow.leases.release("io/journal")
    await quick.read()
    await _a_note_at(door, "n2")
    await quick.read()

    with pytest.raises(Conflict):
        await several.ledger.commit(Work([Step.of(moved)]))
    with pytest.raises(Conflict):
        await slow.reader.moved(hooks)
    await slow.reader.load()
    await quick.read()

    assert await _said(several) == ["n1", "n2"]


async def test_the_lane_of_a_killed_process_is_read_to_its_end_and_closed(several: Several) -> None:
    """It is forgotten when none of its hooks are stored any more."""
    door, other = await several.start("door", "api"), await several.start("other", "api")
    worker = await several.start("worker", "worker")
    await _a_wall(several, door)
    await _a_note_at(door, "n1")
    await worker.read()
    await _a_note_at(door, "n2")
    lane = door.beside.lane.name
    await door.kill()
    await several.pass_time(40)
    closed = {found.id: found.closed_at is not None for found in await several.all(Lane)}
    assert closed[lane] is False

    await worker.read()
    await several.pass_time(20)

    closed = {found.id: found.closed_at is not None for found in await several.all(Lane)}
    assert closed == {lane: True, other.beside.lane.name: False}
    assert await _said(several) == ["n1", "n2"]
    await several.ledger.documents.delete(Hook, [hook.id for hook in await several.all(Hook)])
    several.clock.forward(hours=2)
    await several.pass_time(20)
    assert [found.id for found in await several.all(Lane)] == [other.beside.lane.name]


async def test_what_becomes_visible_late_in_a_lane_that_was_closed_is_read(several: Several) -> None:
    """A write of a dead process may reach the store after it."""
    door = await several.start("door", "api")
    worker = await several.start("worker", "worker")
    await _a_wall(several, door)
    await _a_note_at(door, "n1")
    await worker.read()
    lane = door.beside.lane
    await door.kill()
    await several.pass_time(40)
    assert [found.closed_at is not None for found in await several.all(Lane)] == [True]

    [stored] = await several.all(Hook)
    late = Hook(
        id=f"{stored.id[:15]}f-{lane.name}", tenant="", lane=lane.name, place=lane.next_place(), platform="wall",
        app_id=stored.app_id, method="POST", path="/", body=stored.body.replace(b"n1", b"n2"),
        received_at=stored.received_at,
    )  # fmt: skip
    await several.ledger.commit(Work([Step.of([late])]))
    await several.pass_time(40)
    await worker.read()

    assert await _said(several) == ["n1", "n2"]


class Failing:
    """A ledger whose next commit of hooks fails, before or after it was stored."""

    def __init__(self, several: Several) -> None:
        self._ledger = several.ledger
        self.documents = several.ledger.documents
        self.bus = several.ledger.bus
        self.turn = several.ledger.turn
        self.fate = ""

    async def commit(self, work: Work) -> None:
        """Commit, or not, or both."""
        fate = self.fate if any(isinstance(w.document, Hook) for step in work.steps for w in step.writes) else ""
        if fate:
            self.fate = ""
        if fate != "before":
            await self._ledger.commit(work)
        if fate:
            raise ConnectionError("the line is cut")


@pytest.mark.parametrize("fate", ["before", "after"])
async def test_a_door_that_cannot_tell_whether_hooks_were_stored_goes_on_in_another_lane(
    several: Several, fate: str
) -> None:
    """What is stored after all is the last of its lane, so that it is read; the platform repeats it in any case."""
    ledger = Failing(several)
    door = await several.start("door", "api", ledger=ledger)
    worker = await several.start("worker", "worker")
    await _a_wall(several, door)
    await _a_note_at(door, "n1", delivery="d1")
    before = door.beside.lane.name

    ledger.fate = fate
    with pytest.raises(Unavailable):
        await door.receive(a_hook(door, _note("n2"), delivery="d2"))
    await _a_note_at(door, "n3", delivery="d3")
    await _a_note_at(door, "n2", delivery="d2")
    await worker.read()

    assert door.beside.lane.name != before
    assert sorted(await _said(several)) == ["n1", "n2", "n3"]


async def test_the_same_delivery_at_two_doors_is_stored_once(several: Several) -> None:
    """At the same instant, beside others that are not refused on its account."""
    one, two = await several.start("one", "api"), await several.start("two", "api")
    worker = await several.start("worker", "worker")
    await _a_wall(several, one)

    await asyncio.gather(
        _a_note_at(one, "n1", delivery="d1"),
        _a_note_at(two, "n2", delivery="d2"),
        _a_note_at(two, "n1", delivery="d1"),
        _a_note_at(two, "n3"),
    )
    await worker.read()

    assert sorted(await _said(several)) == ["n1", "n2", "n3"]
    assert len(await several.all(Hook)) == 3


async def test_a_process_that_stood_still_begins_another_lane(several: Several) -> None:
    """Others may have taken it for dead meanwhile."""
    door = await several.start("door", "api")
    worker = await several.start("worker", "worker")
    await _a_wall(several, door)
    before = door.beside.lane.name
    several.processes.remove(door)
    await several.pass_time(60)
    several.processes.append(door)

    await _a_note_at(door, "n1")
    await worker.read()

    assert door.beside.lane.name not in ("", before)
    assert await _said(several) == ["n1"]


async def test_hooks_that_wait_in_any_lane_count_against_every_door(several: Several) -> None:
    """As far as they were stored a moment ago; what is read makes room."""
    one = await several.start("one", "api", max_lag=3)
    two = await several.start("two", "api", max_lag=3)
    worker = await several.start("worker", "worker")
    await _a_wall(several, one)
    for number in range(3):
        await _a_note_at(one, f"n{number}")
    await several.pass_time(2)

    with pytest.raises(Unavailable):
        await two.receive(a_hook(two, _note("n9")))
    await worker.read()
    await several.pass_time(2)
    await _a_note_at(two, "n9")

    assert two.io.journal.waiting == 1


async def test_what_was_not_read_is_not_to_be_removed(several: Several) -> None:
    """Of whichever lane it is."""
    one, two = await several.start("one", "api"), await several.start("two", "api")
    worker = await several.start("worker", "worker")
    await _a_wall(several, one)
    await _a_note_at(one, "n1")
    await worker.read()
    assert (await worker.io.journal.were_read()).test == ">"
    await _a_note_at(two, "n2")
    await _a_note_at(one, "n3")

    condition = await worker.io.journal.were_read()
    hooks = sorted(await several.all(Hook), key=lambda hook: hook.id)
    assert (condition.test, condition.value) == ("<", hooks[1].id)


async def test_a_hook_from_the_future_is_read_after_a_moment(several: Several) -> None:
    """A door whose clock is ahead holds nothing up for long."""
    door = await several.start("door", "api")
    worker = await several.start("worker", "worker")
    await _a_wall(several, door)
    hook = a_hook(door, _note("n1"))
    await door.receive(hook.model_copy(update={"received_at": hook.received_at + timedelta(hours=1)}))

    assert await worker.read() == 0
    several.at += 1.5
    await worker.read()

    assert await _said(several) == ["n1"]


async def test_hooks_that_arrive_all_the_time_are_no_sign_of_a_wrong_clock(several: Several) -> None:
    """What is a moment ahead of one look has arrived by the next."""
    door = await several.start("door", "api")
    worker = await several.start("worker", "worker")
    await _a_wall(several, door)
    with capture_logs() as told:
        for number in range(8):
            hook = a_hook(door, _note(f"n{number}"))
            await door.receive(hook.model_copy(update={"received_at": several.clock() + timedelta(seconds=0.3)}))
            await worker.read()
            several.at += 0.4
            several.clock.forward(seconds=0.4)
        await worker.read()

    assert await _said(several) == [f"n{number}" for number in range(8)]
    assert [entry["event"] for entry in told if "ahead" in entry["event"]] == []


async def test_what_the_only_process_left_unread_is_read_by_several(several: Several) -> None:
    """An installation may grow."""
    door = await several.start("door", "api")
    worker = await several.start("worker", "worker")
    await _a_wall(several, door)
    await _a_note_at(door, "n1")
    [stored] = await several.all(Hook)
    old = Hook(
        id="0000000000010000-main", tenant="", lane="main", platform="wall", app_id=stored.app_id, method="POST",
        path="/", body=stored.body.replace(b"n1", b"n0"), received_at=stored.received_at,
    )  # fmt: skip
    await several.ledger.commit(Work([Step.of([old, Lane(id="main", tenant="")])]))

    await worker.read()

    assert await _said(several) == ["n0", "n1"]


async def test_what_several_left_unread_is_read_by_the_only_process(several: Several) -> None:
    """An installation may shrink, and grow again; what comes then is behind it."""
    door = await several.start("door", "api", "worker")
    await _a_wall(several, door)
    for number in range(3):
        await _a_note_at(door, f"n{number}")
    await door.stop()
    only = IoService(
        {"wall": Wall}, several.ledger, several.objects, several.vault, now=several.clock, new_id=lambda: "0",
    )  # fmt: skip
    await only.load()
    await only.journal.receive("wall", "", a_hook(several, _note("n3")))
    await Pump(several.ledger, [only.intake]).drain()
    await only.stop()

    door = await several.start("again", "api", "worker")
    await _a_note_at(door, "n4")
    await door.read()

    assert await _said(several) == ["n0", "n1", "n2", "n3", "n4"]


async def test_what_a_hook_says_beside_what_it_stores_keeps_its_place(several: Several) -> None:
    """A ping or an echo that goes with a message does not put it behind what was said later."""
    only = await several.start("only")
    await _a_wall(several, only)
    ping = {"ping": "notes"}

    await only.receive(a_hook(only, _note("n1"), ping))
    await only.receive(a_hook(only, _note("n2")))
    await only.read()

    assert await _said(several) == ["n1", "n2"]
