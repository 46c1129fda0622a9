"""Renewal under every order of steps: processes that are killed, that freeze and wake up late, rights that end."""

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk import oauth
from tests.support.world import Clock

NAME = "page-1"
PROCESSES = 3
STEPS = 10
"""As many as a renewal has, and one more."""


@dataclass
class World:
    """A store and a platform whose every step waits until it is let go."""

    tolerant: bool
    kept: oauth.Kept = field(default_factory=oauth.Kept)
    holder: int | None = None
    serial: int = 1
    gates: dict[int, asyncio.Future[None]] = field(default_factory=dict)
    uses: list[tuple[int, str, bool]] = field(default_factory=list)
    """Who presented which refresh token, and whether it was taken."""
    stored: list[int] = field(default_factory=list)
    late: bool = False
    """Whether a process was killed or lost its right while it was at work."""

    async def step(self, process: int) -> None:
        """Wait until this process may go on."""
        gate = self.gates[process] = asyncio.get_running_loop().create_future()
        await gate

    def issue(self) -> sdk.Grant:
        """Return the grant of now."""
        return sdk.Grant(access=SecretStr(f"a{self.serial}"), refresh=SecretStr(f"{self.serial}"))


class Store:
    """What one process sees of the store."""

    def __init__(self, world: World, process: int) -> None:
        self.world = world
        self.process = process

    async def load(self, name: str) -> oauth.Kept | None:
        """Read, when let go."""
        await self.world.step(self.process)
        return self.world.kept

    async def swap(self, name: str, kept: oauth.Kept) -> bool:
        """Compare and swap, when let go."""
        await self.world.step(self.process)
        if self.world.kept.version != kept.version:
            return False
        self.world.kept = kept.model_copy(update={"version": kept.version + 1})
        if kept.grant is not None:
            self.world.stored.append(int(kept.grant.access.get_secret_value()[1:]))
        return True

    async def hold(self, name: str) -> bool:
        """Take the right, when let go."""
        await self.world.step(self.process)
        if self.world.holder not in (None, self.process):
            return False
        self.world.holder = self.process
        return True

    async def release(self, name: str) -> None:
        """Give it back."""
        if self.world.holder == self.process:
            self.world.holder = None


def a_process(world: World, process: int, clock: Clock) -> "asyncio.Task[str]":
    """Begin a process that is refused the first token and wants another."""

    async def renew(name: str, grant: sdk.Grant | None) -> sdk.Grant:
        await world.step(process)  # the request is on its way
        assert grant is not None
        assert grant.refresh is not None
        given = int(grant.refresh.get_secret_value())
        good = given == world.serial or (world.tolerant and given == world.serial - 1)
        world.uses.append((process, str(given), good))
        made = None
        if good:
            world.serial += 1
            made = world.issue()
        await world.step(process)  # the answer is on its way
        if made is None:
            raise sdk.Reauthorize("invalid_grant")
        return made

    async def sleep(_: float) -> None:
        await world.step(process)

    ours = oauth.Renewing(
        Store(world, process), renew, now=clock, sleep=sleep, random=lambda: 0.0, new_id=lambda: f"attempt-{process}"
    )
    first = sdk.Grant(access=SecretStr("a1"))

    async def run() -> str:
        return (await ours.fresh(NAME, first)).access.get_secret_value()

    return asyncio.create_task(run())


async def _played(world: World, moves: list[tuple[str, int]]) -> list[object]:
    """Play the moves, then let everybody who lives go on to the end; return what each process got."""
    clock = Clock()
    world.kept = oauth.Kept(grant=world.issue(), generation=1, version=1)
    tasks = [a_process(world, process, clock) for process in range(PROCESSES)]
    dead: set[int] = set()
    frozen: set[int] = set()

    async def go(process: int) -> None:
        gate = world.gates.get(process)
        if gate is not None and not gate.done() and process not in dead | frozen:
            gate.set_result(None)
        for _ in range(12):
            await asyncio.sleep(0)

    for _ in range(12):
        await asyncio.sleep(0)
    for kind, process in moves:
        if kind == "go":
            await go(process)
        elif kind == "kill" and len(dead) < PROCESSES - 1 and not tasks[process].done():
            dead.add(process)
            world.late = world.late or world.holder == process
            if world.holder == process:
                world.holder = None
        elif kind == "freeze" and world.holder == process:  # its right ends, and it will wake up after the others
            frozen.add(process)
            world.late = True
            world.holder = None
    for _ in range(2):
        for _ in range(300):
            for process in range(PROCESSES):
                await go(process)
            if all(task.done() for process, task in enumerate(tasks) if process not in dead | frozen):
                break
        frozen.clear()
    for process in dead:
        tasks[process].cancel()
    return [
        found
        for process, found in enumerate(await asyncio.gather(*tasks, return_exceptions=True))
        if process not in dead
    ]


MOVES = st.lists(
    st.tuples(st.sampled_from(["go"] * 12 + ["kill", "freeze"]), st.integers(0, PROCESSES - 1)), max_size=120
)


def _holds(world: World, got: list[object]) -> None:
    """What must hold whatever happened."""
    assert world.stored == sorted(world.stored), "an older grant was stored over a newer one"
    for result in got:
        assert isinstance(result, str | sdk.ConnectorError), result
    if not world.late:
        assert len(world.uses) <= 1, "two processes presented a refresh token"
        assert all(isinstance(result, str) for result in got)
    if any(isinstance(result, sdk.Reauthorize) for result in got):
        assert world.late, "a person is asked though no answer was lost"
    if all(isinstance(result, str) for result in got):
        assert set(got) <= {f"a{serial}" for serial in world.stored}, "a grant was used that nobody stored"


@settings(max_examples=100, deadline=None)
@given(moves=MOVES, tolerant=st.booleans())
def test_in_any_order_of_steps_and_accidents_nothing_newer_is_lost(
    moves: list[tuple[str, int]], tolerant: bool
) -> None:
    """What is stored only gets newer, and who lives gets a stored grant or a clear refusal."""
    world = World(tolerant)
    with asyncio.Runner() as runner:
        _holds(world, runner.run(_played(world, moves)))


@pytest.mark.parametrize("tolerant", [True, False])
@pytest.mark.parametrize("accident", ["kill", "freeze"])
def test_an_accident_at_every_step_of_one_process_and_of_the_next(accident: str, tolerant: bool) -> None:
    """Wherever it happens, and wherever it happens again to who takes over."""
    for first in range(STEPS):
        for second in range(STEPS):
            moves = [("go", 0)] * first + [(accident, 0)] + [("go", 1)] * second + [("freeze", 1)]
            world = World(tolerant)
            with asyncio.Runner() as runner:
                _holds(world, runner.run(_played(world, moves)))


@settings(max_examples=50, deadline=None)
@given(moves=st.lists(st.tuples(st.just("go"), st.integers(0, PROCESSES - 1)), max_size=120))
def test_without_accidents_one_asks_and_all_have_the_same(moves: list[tuple[str, int]]) -> None:
    """In every order of steps."""
    world = World(tolerant=False)
    with asyncio.Runner() as runner:
        got = runner.run(_played(world, moves))
    assert (got, len(world.uses)) == (["a2"] * PROCESSES, 1)


def test_a_frozen_process_that_wakes_with_the_newest_grant_saves_it() -> None:
    """Its right had ended and the next was refused; what it brings is newer than what is kept, so it is kept."""
    before = oauth.Kept(grant=sdk.Grant(access=SecretStr("a1")), generation=1, version=1)
    at = Clock()()
    frozen = before.begun("frozen", at)
    refused = frozen.begun("next", at).is_refused(1, "next", "invalid_grant")
    assert refused is not None
    saved = refused.renewed(1, sdk.Grant(access=SecretStr("a2")), at)
    assert saved is not None
    assert (saved.refused, saved.generation) == ("", 2)
    assert saved.renewed(1, sdk.Grant(access=SecretStr("a1b")), at) is None
    assert saved.is_refused(1, "next", "too late") is None
