"""What reads: the runners of the chosen services, the webhook journal, and the search index behind everything."""

import asyncio
from collections.abc import Callable

from chorally_core.bootstrap.parts import Parts, Role
from chorally_core.bootstrap.service import Around
from chorally_core.bootstrap.services import declared
from chorally_core.runner import Pump, Runner
from chorally_core.runner.pump import Stage
from chorally_core.services.io.handlers import GROUP as IO

_BEHIND_LINGER_S = 0.05  # lets more come to what works behind the flow: each commit costs
_LAST_TURN_S = 8.0  # seconds that the turn in hand is given at the end


class Reading:
    """Stages in the order in which data flows, driven by one pump; behind them what follows the log."""

    def __init__(self, parts: Parts, around: Around, *, linger_s: float, answers_wait: Callable[[], None]) -> None:
        """Put the stages together.

        Args:
            parts: What the process consists of.
            around: What services stand on.
            linger_s: Seconds to let more arrive before a turn begins.
            answers_wait: Called when there are new deliveries.
        """
        self._answers_wait = answers_wait
        self._taken = 0
        ledger = around.ledger
        names = sorted(parts.of(Role.CONSUMER), key=lambda name: name == "io")  # what goes out comes last
        services = declared(names)
        reads = [service.reads(around) for service in services if service.reads is not None]
        self.runners = [Runner(group, handlers, ledger, now=around.now) for group, handlers in reads if handlers]
        stages: list[Stage] = [around.io.intake] if parts.has("io", Role.WORKER) else []
        stages += self.runners
        behind = [stage for service in services for stage in service.behind(around)]
        self.pump = Pump(ledger, stages, linger_s=linger_s, after_turn=self._after_turn)
        self.behind = Pump(ledger, behind, idle_s=1.0, linger_s=_BEHIND_LINGER_S, alone=True)
        self._pumps = {"pump": self.pump} if stages else {}
        if behind:
            self._pumps["behind"] = self.behind
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Learn which keys wait, and begin."""
        for runner in self.runners:
            await runner.start()
        self._tasks = [asyncio.create_task(pump.run(), name=name) for name, pump in self._pumps.items()]

    def _after_turn(self) -> None:
        """Let new deliveries go out without waiting for the next look."""
        taken = sum(runner.counts["handled"] for runner in self.runners if runner.group == IO)
        if taken != self._taken:
            self._taken = taken
            self._answers_wait()

    def ended(self) -> list[str]:
        """Return the names of tasks that should run and do not."""
        return [task.get_name() for task in self._tasks if task.done()]

    async def stop(self) -> None:
        """Finish and commit what is in hand; what takes too long is given up, and done again by whoever comes next."""
        for pump in self._pumps.values():
            pump.end()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LAST_TURN_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
