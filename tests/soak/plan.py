"""What a run shall be like; the same seed makes the same choices, though not the same timing."""

from dataclasses import dataclass, field

from tests.crash.plan import Plan as CrashPlan

FAULTS = ("kill", "broker", "redis", "failover", "rebalance", "slow")
"""Everything that can be made to go wrong, by name."""

FRONT = ("identity", "io", "author", "message", "log")
MEMBERS: dict[str, tuple[str, ...]] = {
    "front": (*FRONT, "--role", "api"),
    "io": ("io", "--role", "consumer", "--role", "worker"),
    "message": ("message", "--role", "consumer", "--role", "worker"),
    "author-log": ("author", "log", "--role", "consumer", "--role", "worker"),
}
"""What each kind of process is told to be."""


@dataclass(frozen=True, kw_only=True)
class Plan(CrashPlan):
    """The size of a run, and of the cluster."""

    messages: int = 10_000
    kills: int = 16
    authors: int = 300
    posts: int = 40
    agents: int = 2
    pull_every_s: float = 10.0
    pause_s: float = 0.045
    patience_s: float = 240.0
    faults: tuple[str, ...] = FAULTS
    copies: dict[str, int] = field(default_factory=lambda: {"front": 2, "io": 2, "message": 2, "author-log": 2})
    """How many processes there are of each kind."""
    partitions: int = 6
    broker_away_s: float = 8.0
    redis_away_s: float = 8.0
    storm_s: float = 30.0
    """Seconds in which consumers come and go."""
    slow_s: float = 20.0
    """Seconds in which the platform is slow."""
    slow_call_s: float = 1.5
    """How long it then takes to answer."""
    usual_s: float = 1.0
    """Seconds from what a person says to its ticket above which the system counts as not recovered."""
    calm_s: float = 6.0
    """Seconds without a slow message after which it counts as recovered."""
    felt_s: float = 90.0
    """Seconds that a trouble may be felt before the next one comes all the same."""
