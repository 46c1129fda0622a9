"""The breaker: when calls go through, when a probe is due."""

import math
from typing import Any

from chorally_core.adapters.redis.breaker import Breaker, State
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

FIRST_S, MOST_S, LIMIT = 0.25, 5.0, 3


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def a_breaker(clock: Clock, **changes: Any) -> Breaker:
    """A breaker whose waits have their full length."""
    fields: dict[str, Any] = {"failures": LIMIT, "first_s": FIRST_S, "most_s": MOST_S, "jitter": lambda: 1.0}
    return Breaker(monotonic=clock, **(fields | changes))


def opened(clock: Clock, **changes: Any) -> Breaker:
    """A breaker that has just opened."""
    breaker = a_breaker(clock, **changes)
    assert breaker.trip()
    return breaker


def test_failures_in_a_row_open_it() -> None:
    """The last of them says so; a success between them begins the count anew."""
    breaker = a_breaker(Clock())
    assert [breaker.failed(0), breaker.failed(0)] == [False, False]
    breaker.succeeded(0)
    assert [breaker.failed(0), breaker.failed(0), breaker.failed(0)] == [False, False, True]
    assert breaker.enter() is None


def test_a_late_answer_tells_nothing_of_now() -> None:
    """What was begun before it opened neither opens it again nor hides failures of today."""
    clock = Clock()
    breaker = opened(clock)
    clock.at += FIRST_S
    assert breaker.probe()
    breaker.recovered()
    now = breaker.enter()
    assert now is not None
    assert [breaker.failed(0) for _ in range(LIMIT)] == [False] * LIMIT
    breaker.failed(now)
    breaker.failed(now)
    breaker.succeeded(0)
    assert breaker.failed(now)


def test_one_probe_at_a_time_and_none_before_its_time() -> None:
    """A second probe is refused until the first has reported."""
    clock = Clock()
    breaker = opened(clock)
    assert (breaker.probe(), breaker.wait_s()) == (False, FIRST_S)
    clock.at += FIRST_S
    assert (breaker.probe(), breaker.probe()) == (True, False)
    breaker.refused()
    assert (breaker.probe(), breaker.wait_s()) == (False, 2 * FIRST_S)


def test_jitter_takes_away_at_most_half_of_a_wait() -> None:
    """Processes that lost the server at the same time do not all come back at the same time."""
    waits = [opened(Clock(), jitter=lambda at=at: at).wait_s() for at in (0.0, 0.5, 1.0)]
    assert waits == [FIRST_S / 2, FIRST_S * 0.75, FIRST_S]


class Lives(RuleBasedStateMachine):
    """Any order of calls, results, probes and time, beside a model told in other words."""

    @initialize()
    def begin(self) -> None:
        """Begin closed."""
        self.clock = Clock()
        self.breaker = a_breaker(self.clock)
        self.open = self.probing = False
        self.in_a_row = self.refusals = 0
        self.due_at = -math.inf
        self.under_way: list[tuple[int, bool]] = []

    @rule()
    def a_call_begins(self) -> None:
        """It is let through exactly while closed."""
        entered = self.breaker.enter()
        assert (entered is None) == self.open
        if entered is not None:
            self.under_way.append((entered, True))

    @precondition(lambda self: self.under_way)
    @rule(went_well=st.booleans(), which=st.randoms(use_true_random=False))
    def a_call_ends(self, went_well: bool, which: Any) -> None:
        """Only the result of a call of this time counts."""
        entered, current = self.under_way.pop(which.randrange(len(self.under_way)))
        if went_well:
            self.breaker.succeeded(entered)
            self.in_a_row = 0 if current else self.in_a_row
            return
        self.in_a_row += current
        opens = current and self.in_a_row == LIMIT
        assert self.breaker.failed(entered) == opens
        if opens:
            self.refusals = 0
            self._opens()

    @rule(seconds=st.floats(0, 2 * MOST_S))
    def time_passes(self, seconds: float) -> None:
        """Time alone lets no call through."""
        self.clock.at += seconds

    @rule(went_well=st.booleans(), reports=st.booleans())
    def a_probe(self, went_well: bool, reports: bool) -> None:
        """One is made when it is due; it decides."""
        may = self.open and not self.probing and self.clock.at >= self.due_at
        assert self.breaker.probe() == may
        self.probing = self.probing or may
        if self.probing and reports:
            self.probing = False
            if went_well:
                self.breaker.recovered()
                self.open = False
                self.in_a_row = 0
            else:
                self.breaker.refused()
                self.refusals += 1
                self._opens()

    def _opens(self) -> None:
        self.open = True
        self.under_way = [(entered, False) for entered, _ in self.under_way]
        self.due_at = self.clock.at + min(MOST_S, FIRST_S * 2**self.refusals)

    @invariant()
    def the_state_is_as_told(self) -> None:
        """Closed, open or half-open; the wait ends when the probe is due."""
        expected = State.HALF_OPEN if self.probing else State.OPEN if self.open else State.CLOSED
        assert self.breaker.state is expected
        waits = self.open and not self.probing
        assert self.breaker.wait_s() == (max(0.0, self.due_at - self.clock.at) if waits else 0.0)


TestLives = Lives.TestCase
TestLives.__doc__ = Lives.__doc__
