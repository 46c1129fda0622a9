"""An answer in parts is deleted, with a process that is killed at any commit: in the end no part is left."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from chorally_core.ports.documents import Key
from chorally_core.services.io.model import Moderation
from chorally_core.services.message import commands
from chorally_core.services.message.changes import Actor
from chorally_core.services.message.model import Message, Ticket

from tests.crash.mortal import EachByItself, Life, MortalDatabase, When, calling
from tests.flow.test_parts_changed import LONG, NOTE, Changing, ChangingPlatform
from tests.support.hooks import SECRET, receive
from tests.support.world import Clock, World


class Story:
    """An answer of three parts that is taken back, over as many processes as it takes."""

    def __init__(self, folder: Path, in_order: bool) -> None:
        self.folder = folder
        self.in_order = in_order
        self.clock = Clock()
        self.platform = ChangingPlatform()

    async def live(self, life: Life, *, answer: bool = False) -> Any:
        """Go on for a life; return the message and its moderation, None where the life ended before."""
        made: list[World] = []
        final: list[Any] = []

        async def go_on() -> None:
            world = World(
                self.folder, {"studio": Changing}, clock=self.clock, database=lambda path: MortalDatabase(path, life),
                transports={"studio": calling(life, self._answer)}, in_order=self.in_order, documents=EachByItself,
            )  # fmt: skip
            made.append(world)
            await world.start()
            if answer:
                await world.app("studio", {"secret": SECRET})
                await world.account("studio")
                await receive(world, NOTE, platform="studio")
                (ticket,) = await world.tickets()
                await world.reply(ticket, LONG)
            else:
                await self._delete(world)
            for _ in range(12):
                await world.settle()
                self.clock.forward(seconds=40)
            final.append((await world.get(Message, "answer-1"), await world.get(Moderation, "action-1")))

        await life.live(go_on())
        for world in made:
            world.kill()
        return final[0] if final and not life.ended.is_set() else None

    async def _delete(self, world: World) -> None:
        message = await world.get(Message, "answer-1")
        if message.deleted_at is not None or await world.get(Moderation, "action-1"):
            return

        def decide(found: Any) -> Any:
            known, ticket = found.get(Message, message.id), found.get(Ticket, message.ticket_id)
            actor = Actor("agent", "agent-1")
            return commands.moderate(
                known, ticket, "delete", body="", actor=actor, action_id="action-1", at=self.clock()
            )

        await world.actions.act([Key.by_id(Message, message.id), Key.by_id(Ticket, message.ticket_id)], decide)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        return self.platform.answer(request)


@pytest.mark.parametrize("in_order", [False, True], ids=["one transaction", "in order"])
def test_a_kill_at_each_commit_of_a_deletion_leaves_no_part(in_order: bool) -> None:
    """Each commit there is, before it is durable and after it; what was done is at most done once more."""

    async def one(at: int | None, when: When) -> int:
        with TemporaryDirectory() as folder:
            story = Story(Path(folder), in_order)
            assert await story.live(Life(), answer=True) is not None
            assert len(story.platform.answers) == 3
            life = Life() if at is None else Life(at, when)
            ended = await story.live(life) or await story.live(Life())
            message, moderation = ended
            assert message.deleted_at is not None
            assert (moderation.state, [target.is_done for target in moderation.targets]) == ("done", [True] * 3)
            names = [name for _, name, _ in story.platform.done]
            assert list(dict.fromkeys(names)) == ["a3", "a2", "a1"]
            assert len(names) <= 4
            return life.commits

    async def every() -> None:
        commits = await one(None, "before")
        assert commits > 5
        for at in range(commits):
            for when in ("before", "after"):
                await one(at, when)

    asyncio.run(every())
