"""Never do two processes hold a name at the same instant, whatever happens to their calls."""

import asyncio
from typing import Any

from chorally_core.runner.leases import StoredLeases
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from .fakes import Gated, Shelf

PROCESSES = st.integers(0, 2)
WAITS = st.sampled_from([0.5, 1.0, 3.0, 6.5, 7.0, 8.0, 8.5, 9.0, 9.9, 10.5, 12.0, 21.0])
WAIT_FOR_THE_LINE = 1.9


class Contention(RuleBasedStateMachine):
    """Three processes, whose clocks differ and drift, want one name; their calls are late, or lost."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.at = 0.0
        self.shelf = Shelf()
        self.tasks: set[asyncio.Task[Any]] = set()
        self.lines: list[Gated] = []
        self.leases: list[StoredLeases] = []

    @initialize(
        offsets=st.tuples(*[st.floats(-1e6, 1e6)] * 3),
        rates=st.tuples(*[st.floats(0.97, 1.03)] * 3),
        ttls=st.tuples(*[st.sampled_from([10.0, 20.0])] * 3),
    )
    def start(self, offsets: tuple[float, ...], rates: tuple[float, ...], ttls: tuple[float, ...]) -> None:
        """Start the processes."""
        for number, (offset, rate, ttl) in enumerate(zip(offsets, rates, ttls, strict=True)):
            line = Gated(self.shelf, is_open=False)
            self.lines.append(line)

            def clock(offset: float = offset, rate: float = rate) -> float:
                return offset + rate * self.at

            self.leases.append(
                StoredLeases(line.as_documents(), f"p{number}", ttl_s=ttl, margin_s=ttl / 10, monotonic=clock)
            )

    def _go_on(self) -> None:
        async def turns() -> None:
            for _ in range(12):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turns())

    def _begin(self, call: Any) -> None:
        async def ignoring() -> None:
            try:
                await call
            except ConnectionError:
                return

        self.tasks.add(self.loop.create_task(ignoring()))
        self._go_on()

    @rule(who=PROCESSES)
    def asks(self, who: int) -> None:
        """A process wants the name, or renews it."""
        self._begin(self.leases[who].hold("journal"))

    @rule(who=PROCESSES)
    def asks_and_is_answered(self, who: int) -> None:
        """A process that nothing disturbs wants the name, or renews it."""
        self.asks(who)
        self.calls_go_on(who, 8)

    @rule(first=PROCESSES, by=WAITS, other=PROCESSES)
    def one_waits_for_another(self, first: int, by: float, other: int) -> None:
        """One looks, time passes, the other renews or not, and the first looks again."""
        self.asks_and_is_answered(first)
        self.time_passes(by)
        self.asks(other)
        self.time_passes(WAIT_FOR_THE_LINE)
        self.calls_go_on(other, 8)
        self.at_most_one_holds()
        self.asks_and_is_answered(first)

    @rule(who=PROCESSES)
    def releases(self, who: int) -> None:
        """A process gives the name back."""
        self._begin(self.leases[who].release("journal"))

    @rule(who=PROCESSES, steps=st.integers(1, 6))
    def calls_go_on(self, who: int, steps: int) -> None:
        """Calls reach the store, or their answers the process."""
        for _ in range(steps):
            self.lines[who].let_one_through()
            self._go_on()

    @rule(who=PROCESSES)
    def a_call_is_lost(self, who: int) -> None:
        """A call does not reach the store, or its answer does not come back."""
        self.lines[who].let_one_through(lost=True)
        self._go_on()

    @rule(by=WAITS)
    def time_passes(self, by: float) -> None:
        """Time goes on for all of them."""
        self.at += by

    @invariant()
    def at_most_one_holds(self) -> None:
        """What all of this is for."""
        holders = [leases.holder for leases in self.leases if leases.held("journal")]
        assert len(holders) <= 1, holders

    def teardown(self) -> None:
        """End what is under way."""

        async def end() -> None:
            everything = asyncio.all_tasks() - {asyncio.current_task()}
            for task in everything:
                task.cancel()
            await asyncio.gather(*everything, return_exceptions=True)

        self.loop.run_until_complete(end())
        self.loop.close()


TestContention = Contention.TestCase
TestContention.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
