"""Background work goes on after an error."""

import asyncio
from pathlib import Path

from tests.support.hooks import SECRET, receive
from tests.support.wall import Wall, WallPlatform
from tests.support.world import World, a_world

NOTE = {"id": "n1", "signer": {"id": "ada", "name": "Ada"}, "text": "hello", "at": "2026-11-23T08:00:00+00:00"}


class _Failing:
    """Fails the first time, and then does what it stands for."""

    def __init__(self, world: World) -> None:
        self._dispatch = world.io.outbox.dispatch
        self.calls = 0

    async def __call__(self) -> int:
        self.calls += 1
        if self.calls == 1:
            raise OSError("the disk is full")
        return await self._dispatch()


async def test_answers_go_out_after_the_disk_was_full(tmp_path: Path) -> None:
    """An error while deliveries are looked at ends neither the task nor the answers."""
    platform = WallPlatform()
    async with a_world(tmp_path, {"wall": Wall}, transports={"wall": platform.transport()}) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        await receive(world, NOTE)
        (ticket,) = await world.tickets()
        await world.reply(ticket, "hi")
        await world.pump.drain()
        world.io.outbox.dispatch = failing = _Failing(world)  # type: ignore[method-assign]
        running = asyncio.create_task(world.io.outbox.run(idle_s=0.001))
        async with asyncio.timeout(10):
            while not platform.answers and not running.done():  # noqa: ASYNC110 - the platform has no event
                await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    assert [answer["text"] for answer in platform.answers] == ["hi"]
    assert failing.calls > 1
