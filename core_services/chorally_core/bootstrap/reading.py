"""What reads: the runners of the chosen services, the webhook journal, and the search index behind everything."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from chorally_core.bootstrap.parts import Parts, Role
from chorally_core.ports.ledger import Ledger
from chorally_core.ports.search import Search
from chorally_core.runner import Pump, Runner
from chorally_core.runner.pump import Stage
from chorally_core.services.author import handlers as author
from chorally_core.services.io.arriving import TakeAttachments
from chorally_core.services.io.handlers import GROUP as IO
from chorally_core.services.io.service import IoService
from chorally_core.services.log import handlers as log_service
from chorally_core.services.message import handlers as message
from chorally_core.services.message.indexing import Indexer
from chorally_core.services.publishing import handlers as publishing
from chorally_core.services.rule_engine import handlers as rule_engine

_INDEXED = 400  # facts that the search index takes at once, and how long it lets more come: each commit costs
_INDEX_LINGER_S = 0.05
_LAST_TURN_S = 8.0  # seconds that the turn in hand is given at the end


class Reading:
    """Stages in the order in which data flows, driven by one pump."""

    def __init__(
        self,
        parts: Parts,
        ledger: Ledger,
        io: IoService,
        search: Search,
        *,
        now: Callable[[], datetime],
        linger_s: float,
        answers_wait: Callable[[], None],
        copies_files: bool = False,
    ) -> None:
        """Put the stages together.

        Args:
            parts: What the process consists of.
            ledger: Where work becomes durable.
            io: Hosts the connectors.
            search: The index that is fed.
            now: The clock.
            linger_s: Seconds to let more arrive before a turn begins.
            answers_wait: Called when there are new deliveries.
            copies_files: Files that people send are copied as they arrive.
        """
        groups = {
            "author": (author.GROUP, author.HANDLERS),
            "message": (message.GROUP, message.HANDLERS),
            "log": (log_service.GROUP, log_service.HANDLERS),
            "rule-engine": (rule_engine.GROUP, rule_engine.handlers()),
            "publishing": (publishing.GROUP, publishing.HANDLERS),
            "io": (IO, [*io.handlers(), *([TakeAttachments()] if copies_files else [])]),
        }
        self._io = io
        self._answers_wait = answers_wait
        self._taken = 0
        self.runners = [
            Runner(group, handlers, ledger, now=now)
            for name, (group, handlers) in groups.items()
            if handlers and parts.has(name, Role.CONSUMER)
        ]
        stages: list[Stage] = [io.intake] if parts.has("io", Role.WORKER) else []
        stages += self.runners
        behind = [Indexer(ledger, search, batch=_INDEXED)] if parts.has("message", Role.CONSUMER) else []
        self.pump = Pump(ledger, stages, linger_s=linger_s, after_turn=self._after_turn)
        self.indexer = Pump(ledger, behind, idle_s=1.0, linger_s=_INDEX_LINGER_S, alone=True)
        self._pumps = {"pump": self.pump} if stages else {}
        if behind:
            self._pumps["indexer"] = self.indexer
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
