"""Drives all stages of one process in the order in which data flows, several commits to a turn."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from chorally_core.ports.documents import Conflict
from chorally_core.ports.ledger import Ledger

log = structlog.get_logger(__name__)


class Stage(Protocol):
    """Something that has work from time to time."""

    async def step(self) -> int:
        """Do some of it; return how much."""

    async def recover(self) -> None:
        """Forget what was done in memory since the last durable turn: it was given up."""


class Pump:
    """Runs the stages one after another for as long as any has work."""

    def __init__(
        self,
        ledger: Ledger,
        stages: Sequence[Stage],
        *,
        idle_s: float = 0.5,
        linger_s: float = 0.0,
        alone: bool = False,
        after_turn: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare to run.

        Args:
            ledger: Whose turns hold the stages' commits together.
            stages: In the order in which data flows.
            idle_s: Seconds after which the stages are asked again although nothing was published.
            linger_s: Seconds to let more arrive before a turn begins.
            alone: The stages hold their own turns, and take what is theirs at their leisure.
            after_turn: Called when a turn is durable.
        """
        self._ledger = ledger
        self._stages = stages
        self._idle_s = idle_s
        self._linger_s = linger_s
        self._alone = alone
        self._after_turn = after_turn
        self._ending = asyncio.Event()

    async def turn(self) -> int:
        """Let each stage do one piece of work; return how much there was.

        A turn that fails is given up as a whole and taken again stage by stage, each for itself.
        """
        try:
            if self._alone:
                return await self._steps()
            async with self._ledger.turn():
                worked = await self._steps()
            self._after_turn()
            return worked
        except Exception as error:
            level = log.debug if isinstance(error, Conflict) else log.error
            level("turn given up", exc_info=error)
        for stage in self._stages:
            await stage.recover()
        worked = 0
        for stage in self._stages:
            try:
                worked += await self._alone_step(stage)
            except Conflict:
                await stage.recover()
                worked += 1
            except Exception as error:
                await stage.recover()
                log.error("stage failed", stage=type(stage).__name__, exc_info=error)
        return worked

    async def _alone_step(self, stage: Stage) -> int:
        """One stage's piece of work in a turn of its own."""
        if self._alone:
            return await stage.step()
        async with self._ledger.turn():
            return await stage.step()

    async def _steps(self) -> int:
        worked = 0
        for stage in self._stages:
            worked += await stage.step()
        return worked

    async def drain(self, *, most: int = 1_000_000) -> int:
        """Work until nothing is left, at most ``most`` turns; return how much there was."""
        total = 0
        for _ in range(most):
            worked = await self.turn()
            if not worked:
                return total
            total += worked
        return total

    async def run(self) -> None:
        """Work until cancelled, or told to end."""
        while not self._ending.is_set():
            try:
                worked = await self.turn()
            except Exception as error:  # such as a disk that fails: the next turn may go well
                log.error("the pump cannot go on", exc_info=error)
                worked = 0
            if worked:  # whoever waits for an answer comes first, and more may arrive meanwhile
                await asyncio.sleep(self._linger_s)
                continue
            await self._wait()

    def end(self) -> None:
        """Finish the turn in hand, and begin no other."""
        self._ending.set()
        self._ledger.bus.wake()

    async def _wait(self) -> None:
        if self._alone:
            try:
                async with asyncio.timeout(self._idle_s):
                    await self._ending.wait()
            except TimeoutError:
                pass
            return
        await self._ledger.bus.wait(self._idle_s)
        if self._linger_s:
            await asyncio.sleep(self._linger_s)
