"""The index is made anew from the documents, as a job that may end anywhere and goes on."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chorally_core.bootstrap.services.search import SOURCES
from chorally_core.ports.job_kinds import Later, NoArguments, Stopping
from chorally_core.ports.search import Asked, Entry
from chorally_core.services.message.model import Message
from chorally_core.services.search.rebuilding import Rebuilding

from .place import Place, a_message, a_ticket

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Running:
    """What a job's function sees: it remembers, and may be made to stop."""

    tenant = ""
    job_id = "0199-Job_1"

    def __init__(self) -> None:
        self.kept: Mapping[str, Any] = {}
        self.told: list[tuple[int, int | None]] = []
        self.stops_after = -1

    def now(self) -> datetime:
        """Return the time."""
        return NOW

    def check(self) -> None:
        """Go on."""

    async def progress(
        self, done: int, total: int | None = None, note: str = "", *, keep: Mapping[str, Any] | None = None
    ) -> None:
        """Remember, and stop where that is wanted."""
        self.told.append((done, total))
        self.kept = dict(keep or self.kept)
        self.stops_after -= 1
        if self.stops_after == 0:
            raise Stopping


def a_rebuilding(place: Place) -> Rebuilding:
    """Return what does the job, two documents at a time."""
    return Rebuilding(
        place.ledger, place.search, SOURCES, now=lambda: NOW, new_id=lambda: f"{len(place.databases)}", page=2
    )


async def raw(place: Place, **more: Any) -> list[str]:
    """Return what the index gives, shown or not."""
    return sorted(hit.id for hit in (await place.search.find("acme", Asked(limit=99, **more))).hits)


async def test_everything_is_found_and_what_is_gone_is_left_out(place: Place) -> None:
    """From the documents alone, of all tenants."""
    messages = [a_message(f"m{number}") for number in range(5)]
    await place.keep(a_ticket(tags=("vip",)), *messages, a_message("x1", tenant="other"))
    running = Running()
    assert await a_rebuilding(place).kind.run(NoArguments(), running) == {"name": "0199job1", "documents": 7}
    assert await place.found("parcel", where={"tags": ["vip"]}, kinds=["message"]) == ["m0", "m1", "m2", "m3", "m4"]
    assert await place.found("parcel", tenant="other") == ["x1"]
    assert running.told[-1] == (7, 7)
    assert [done for done, _ in running.told] == sorted(done for done, _ in running.told)


@pytest.mark.parametrize("step", range(1, 8))
async def test_a_job_that_is_ended_anywhere_goes_on_where_it_was(place: Place, step: int) -> None:
    """And what changed meanwhile is in the new index too."""
    await place.keep(a_ticket(), *(a_message(f"m{number}") for number in range(5)))
    await place.settle()
    running = Running()
    running.stops_after = step
    with pytest.raises(Stopping):
        await a_rebuilding(place).kind.run(NoArguments(), running)
    await place.change(Message, "m0", deleted_at=NOW, body="")
    await place.change(Message, "m4", body="a box")
    await place.keep(a_message("m9"))
    await place.settle()
    assert await place.found("parcel") == ["m1", "m2", "m3", "m9"]
    running.stops_after = -1
    await a_rebuilding(place).kind.run(NoArguments(), running)
    assert await place.found("parcel") == ["m1", "m2", "m3", "m9"]
    assert await place.found("box") == ["m4"]
    assert await raw(place, kinds=["message"]) == ["m1", "m2", "m3", "m4", "m9"]


async def test_while_the_index_is_out_of_reach_the_job_waits(remote: Place) -> None:
    """It is no failure."""
    await remote.keep(a_ticket(), a_message())
    remote.search.is_away = True
    running = Running()
    assert await a_rebuilding(remote).kind.run(NoArguments(), running) == Later(NOW + timedelta(seconds=30))
    remote.search.is_away = False
    assert await a_rebuilding(remote).kind.run(NoArguments(), running) == {"name": "0199job1", "documents": 2}


async def test_an_index_that_was_never_filled_is_seen_to_once(place: Place) -> None:
    """Whoever asks meanwhile gets the same job."""
    rebuilding = a_rebuilding(place)
    lacks = await place.search.start()
    assert await rebuilding.see_to_it() == int(lacks)
    first = await rebuilding.ask()
    assert (await rebuilding.ask()).id == first.id
    await rebuilding.kind.run(NoArguments(), Running())
    assert await rebuilding.see_to_it() == 0


async def test_what_is_put_while_a_page_is_filled_is_not_undone(place: Place) -> None:
    """A page was read before somebody changed what is in it: the newer text stays."""
    await place.keep(a_ticket(), a_message())
    await place.settle()
    await place.search.begin_rebuild("second")
    old = Entry(kind="message", id="m1", tenant="acme", version=1, at=NOW, body="parcel", ticket_id="t1")
    await place.change(Message, "m1", body="box")
    await place.settle()
    await place.search.fill("second", [old])
    await place.search.end_rebuild("second")
    assert (await place.found("parcel"), await place.found("box")) == ([], ["m1"])
