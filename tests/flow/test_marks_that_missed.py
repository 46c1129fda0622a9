"""A mark and its message that were handled side by side and missed each other come together all the same."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.log.model import LogEntry
from chorally_core.services.message.early import apply_early
from chorally_core.services.message.model import Early

from tests.support.hooks import SECRET, receive
from tests.support.wall import Wall, WallPlatform
from tests.support.world import World, a_world

AT = datetime(2026, 11, 23, 8, 5, tzinfo=UTC)
NOTE = {"id": "n1", "signer": {"id": "ada", "name": "Ada"}, "text": "hello", "at": "2026-11-23T08:00:00+00:00"}


@pytest.fixture(params=[False, True], ids=["one transaction", "in order"])
async def world(request: Any, tmp_path: Path) -> AsyncIterator[World]:
    """A core with a wall, over either ledger."""
    options: Any = {"in_order": request.param, "transports": {"wall": WallPlatform().transport()}}
    async with a_world(tmp_path, {"wall": Wall}, **options) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        yield world


async def _missed(world: World, state: Any) -> None:
    """The message is stored, and the mark as if it had looked for it just before."""
    await receive(world, NOTE)
    (message,) = await world.messages()
    early = Early(id=message.id, tenant=message.tenant, state=state, at=AT, look_at=AT)
    await world.ledger.commit(Work([Step.of([early])]))


@pytest.mark.parametrize(
    ("state", "fact"), [("hidden", "message_hidden"), ("deleted", "message_deleted"), ("visible", None)]
)
async def test_it_is_applied_once_and_told(world: World, state: str, fact: str | None) -> None:
    """As if the message had come first; what it knew already is not told again."""
    await _missed(world, state)
    for _ in range(2):
        assert await apply_early(world.ledger.documents, world.actions, world.clock) <= 1
    await world.settle()

    (message,) = await world.messages()
    assert (message.hidden, message.deleted_at) == (state == "hidden", AT if state == "deleted" else None)
    told = [entry.what for entry in await world.all(LogEntry) if entry.what in ("message_hidden", "message_deleted")]
    assert told == ([fact] if fact else [])
    assert await world.all(Early) == []


async def test_what_is_newer_stays(world: World) -> None:
    """The message was shown again, later than it was hidden."""
    await receive(world, NOTE)
    await receive(world, {"mark": "hidden", "id": "n1", "at": "2026-11-23T08:06:00+00:00"})
    await receive(world, {"mark": "visible", "id": "n1", "at": "2026-11-23T08:07:00+00:00"})
    (message,) = await world.messages()
    late = Early(id=message.id, tenant=message.tenant, state="hidden", at=AT, look_at=AT)
    await world.ledger.commit(Work([Step.of([late])]))
    await apply_early(world.ledger.documents, world.actions, world.clock)

    (message,) = await world.messages()
    assert not message.hidden


async def test_a_message_that_never_comes_is_looked_for_less_and_less(world: World) -> None:
    """A dozen looks in some two hours, and the mark stays for a message that is imported later."""
    await receive(world, {"mark": "hidden", "id": "n1", "at": "2026-11-23T08:05:00+00:00"})
    looks = 0
    for _ in range(3000):
        looks += await apply_early(world.ledger.documents, world.actions, world.clock)
        world.clock.forward(seconds=5)
    assert 8 <= looks <= 12
    assert [early.look_at for early in await world.all(Early)] == [None]
    await receive(world, NOTE)

    (message,) = await world.messages()
    assert message.hidden
