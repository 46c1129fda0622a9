"""Webhooks that arrive while others are read or stored, and those that name no account."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from chorally_core.ports.documents import Query
from chorally_core.ports.ledger import Work
from chorally_core.services.io.model import Hook

import chorally_sdk as sdk
from tests.support.hooks import SECRET, a_hook, receive
from tests.support.wall import Wall, WallPlatform
from tests.support.world import World, a_world


def _note(name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": name, "signer": {"id": "ada", "name": "Ada"}, "text": name, "at": "2026-11-23T08:00:00+00:00", **more,
    }  # fmt: skip


class VagueWall(Wall):
    """Does not say which account some notes belong to."""

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Read the notes, and forget the wall of those called vague."""
        return [
            event.model_copy(update={"account": None})
            if isinstance(event, sdk.Message) and event.external_id == "vague"
            else event
            for event in super().parse(hook)
        ]


@pytest.fixture
async def world(tmp_path: Path, in_order: bool) -> AsyncIterator[World]:
    """A core with one wall connected."""
    transports = {"wall": WallPlatform().transport()}
    async with a_world(tmp_path, {"wall": VagueWall}, transports=transports, in_order=in_order) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        await world.settle()
        yield world


def _after_each_find(world: World, monkeypatch: pytest.MonkeyPatch, follow: Callable[[], Any]) -> None:
    """Let something happen when hooks were looked for, before what was found is returned."""
    find = world.ledger.documents.find

    async def found(query: Query) -> list[Any]:
        documents = await find(query)
        if query.of is Hook and query.limit > 1:
            await follow()
        return documents

    monkeypatch.setattr(world.ledger.documents, "find", found)


async def test_a_hook_that_arrives_while_the_journal_is_read_is_read_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a start, or a turn that was given up, hooks are looked for while new ones arrive."""
    journal = world.io.journal
    await journal.receive("wall", "", a_hook(world, _note("n1")))
    await journal.load()
    more = iter(("n2", "n3"))

    async def arrive() -> None:
        name = next(more, None)
        if name is not None:
            await journal.receive("wall", "", a_hook(world, _note(name)))

    _after_each_find(world, monkeypatch, arrive)
    first = await journal.take(200)
    journal.reached(first[-1], len(first))
    monkeypatch.undo()
    await journal.receive("wall", "", a_hook(world, _note("n4")))

    rest = await journal.take(200)
    assert len(first) == 1
    assert [b'"n2"' in hook.body for hook in rest] == [True, False]
    await journal.load()
    await world.settle()
    assert [m.external_id for m in await world.messages()] == ["n1", "n2", "n4"]


async def test_reading_far_behind_gives_each_hook_once_and_in_order(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backlog larger than a batch, with arrivals in between."""
    journal = world.io.journal
    for i in range(7):
        await journal.receive("wall", "", a_hook(world, _note(f"n{i}")))
    await journal.load()
    more = iter(range(7, 12))

    async def arrive() -> None:
        number = next(more, None)
        if number is not None:
            await journal.receive("wall", "", a_hook(world, _note(f"n{number}")))

    _after_each_find(world, monkeypatch, arrive)
    seen: list[str] = []
    while hooks := await journal.take(3):
        journal.reached(hooks[-1], len(hooks))
        seen += [hook.id for hook in hooks]

    stored = [hook.id for hook in await world.ledger.documents.find(Query(Hook, None, limit=100))]
    assert seen == stored[: len(seen)]
    assert len(seen) == len(stored)


async def test_equal_deliveries_at_the_same_instant_are_stored_once(world: World) -> None:
    """Both are answered, and hooks that arrive with them are not refused on their account."""
    hooks = [a_hook(world, _note("n1"), delivery="d1") for _ in range(3)]
    hooks.insert(1, a_hook(world, _note("n2"), delivery="d2"))

    verdicts = await asyncio.gather(*(world.io.journal.receive("wall", "", hook) for hook in hooks))
    await world.settle()

    assert [verdict.kind for verdict in verdicts] == ["accept"] * 4
    assert [m.external_id for m in await world.messages()] == ["n1", "n2"]
    assert len(await world.all(Hook)) == 2
    assert world.io.journal.counts["wall:repeated"] == 2


async def test_an_equal_delivery_is_not_answered_before_the_first_is_stored(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the first cannot be stored, the platform repeats both."""

    async def full(_: Work) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(world.ledger, "commit", full)
    hooks = [a_hook(world, _note("n1"), delivery="d1") for _ in range(2)]
    refused = await asyncio.gather(
        *(world.io.journal.receive("wall", "", hook) for hook in hooks), return_exceptions=True
    )
    monkeypatch.undo()
    await receive(world, _note("n1"), delivery="d1")

    assert [type(error).__name__ for error in refused] == ["Unavailable", "Unavailable"]
    assert [m.external_id for m in await world.messages()] == ["n1"]


async def test_what_names_no_account_is_counted_and_kept_aside(world: World) -> None:
    """A hook of an app, whose connector does not say whom an item is about, loses nothing in silence."""
    await receive(world, _note("n1"), _note("vague"))

    assert [m.external_id for m in await world.messages()] == ["n1"]
    assert [(u.platform, u.external_id, u.events) for u in await world.io.intake.unknown.of("")] == [("wall", "", 1)]
    assert len(await world.all(Hook)) == 1
