"""What a run shall be like; the same seed makes the same choices, though not the same timing."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The size of a run."""

    messages: int = 3000
    """Comments of people, beside edits, removals, hidings and our answers."""
    kills: int = 25
    seed: int = 1
    authors: int = 200
    posts: int = 25
    agents: int = 3
    pull_every_s: float = 5.0
    longest_s: float = 5.0
    """Most seconds that the process works between two kills."""
    faults_every_s: float = 0.3
    """Mean time between two faults of the platform."""
    pause_s: float = 0.02
    """Most seconds between two things that people do."""
    patience_s: float = 180.0
    """Seconds to wait for each condition before the run is given up."""
