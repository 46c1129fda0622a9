"""Whatever happens to doors and readers: what was answered is read, once, and in the order in which it was answered."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chorally_core.events import topics
from chorally_core.services.io.journal import Unavailable
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.hooks import a_hook
from tests.support.several import Process, Several

DOORS = st.integers(0, 2)
DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("tells"), DOORS, st.integers(1, 4)),
        st.tuples(st.just("tells at once"), DOORS, st.integers(2, 4)),
        st.tuples(st.just("reads"), st.integers(0, 1), st.integers(1, 3)),
        st.tuples(st.just("gives up"), st.integers(0, 1), st.just(0)),
        st.tuples(st.just("is killed"), DOORS, st.just(0)),
        st.tuples(st.just("is killed"), st.integers(3, 4), st.just(0)),
        st.tuples(st.just("passes"), st.just(0), st.sampled_from([1, 4, 12])),
    ),
    min_size=3,
    max_size=14,
)


class History:
    """Three doors and two workers; whoever is killed is started again under another name."""

    def __init__(self, several: Several) -> None:
        self.several = several
        self.doors: list[Process] = []
        self.workers: list[Process] = []
        self.told: list[list[str]] = []
        """What was answered, in order; what was told at the same time stands together."""
        self.names = 0

    async def begin(self) -> None:
        """Start everybody, and connect a wall."""
        for number in range(5):
            await self._start(number)
        await self.several.app(self.doors[0])
        await self.several.account(self.doors[0])
        await self.several.everywhere()

    async def _start(self, number: int) -> None:
        self.names += 1
        role = "api" if number < 3 else "worker"
        process = await self.several.start(f"{self.names:04d}-{role}", role)
        place, at = (self.doors, number) if number < 3 else (self.workers, number - 3)
        place[at : at + 1] = [process]

    async def tells(self, door: int, count: int) -> None:
        """A platform tells something, then the next thing."""
        for _ in range(count):
            await self._tell(door, 1)

    async def tells_at_once(self, door: int, count: int) -> None:
        """A platform tells several things at the same time, at different doors."""
        await self._tell(door, count)

    async def _tell(self, door: int, count: int) -> None:
        names = [f"n{len(self.told)}-{number}" for number in range(count)]
        hooks = [a_hook(self.several, _note(name)) for name in names]
        doors = [self.doors[(door + number) % 3] for number in range(count)]
        answers = await asyncio.gather(
            *(at.receive(hook) for at, hook in zip(doors, hooks, strict=True)), return_exceptions=True
        )
        assert not [answer for answer in answers if isinstance(answer, Exception)
                    and not isinstance(answer, Unavailable)]  # fmt: skip
        told = [name for name, answer in zip(names, answers, strict=True) if not isinstance(answer, Unavailable)]
        self.told.append(told)

    async def reads(self, worker: int, rounds: int) -> None:
        """A worker reads on, if it is the reader."""
        await self.workers[worker].read(rounds)

    async def gives_up(self, worker: int, _: int) -> None:
        """A worker finds hooks, and gives up its turn before anything is stored."""
        reader = self.workers[worker].reader
        await reader.look()
        if hooks := await reader.take(2):
            await reader.moved(hooks)
        await reader.load()

    async def is_killed(self, number: int, _: int) -> None:
        """A process is killed, and another is started in its place."""
        await (self.doors[number] if number < 3 else self.workers[number - 3]).kill()
        await self._start(number)

    async def passes(self, _: int, seconds: int) -> None:
        """Time passes."""
        await self.several.pass_time(seconds, step=4)

    async def end(self) -> list[str]:
        """Let everything be read; return what was said, in order."""
        for _ in range(8):
            for worker in self.workers:
                await worker.read()
            await self.several.pass_time(12, step=4)
        return [event.data.external_id for event in await self.several.published(topics.MESSAGES)]


def _note(name: str) -> dict[str, Any]:
    return {
        "id": name, "signer": {"id": "ada", "name": "Ada"}, "text": name, "at": "2026-11-23T08:00:00+00:00"
    }  # fmt: skip


async def _live(folder: Path, deeds: list[tuple[str, int, int]]) -> None:
    several = Several(folder)
    history = History(several)
    try:
        await history.begin()
        for deed, who, how in deeds:
            await getattr(history, deed.replace(" ", "_"))(who, how)
        said = await history.end()
    finally:
        await several.close()
    told = history.told
    assert sorted(said) == sorted(name for together in told for name in together)
    assert [name.partition("-")[0] for name in said] == [name.partition("-")[0] for t in told for name in t]


@given(deeds=DEEDS)
@settings(max_examples=15, deadline=None)
def test_what_was_answered_is_read_once_and_in_order(deeds: list[tuple[str, int, int]]) -> None:
    """Doors and readers come and go, readers give up their turn, and time passes."""
    with TemporaryDirectory() as folder:
        asyncio.run(_live(Path(folder), deeds))
