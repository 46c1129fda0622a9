"""Coordination within one process: what is over does not stay in memory."""

import tracemalloc

from chorally_core.adapters.local import InProcess


async def test_what_is_over_is_forgotten_though_nobody_asks_again() -> None:
    """Of ten thousand places and rates that each had their hour, few are remembered (G13)."""
    at = 0.0
    coordination = InProcess(lambda: at)
    tracemalloc.start()
    try:
        for number in range(10_000):
            await coordination.note(f"place {number}", "ada", "viewing" * 100, 60)
            await coordination.take(f"rate {number}", limit=1, per_s=60)
            at += 1.0
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 2_000_000


async def test_what_is_not_over_is_kept_however_much_there_is() -> None:
    """Many places and rates at the same time."""
    coordination = InProcess(lambda: 0.0)
    for number in range(3000):
        await coordination.note(f"place {number}", "ada", "viewing", 60)
        assert (await coordination.take(f"rate {number}", limit=1, per_s=60)).granted
    assert [await coordination.notes(f"place {number}") for number in range(3000)] == [{"ada": "viewing"}] * 3000
    assert not any([(await coordination.take(f"rate {number}", limit=1, per_s=60)).granted for number in range(3000)])
