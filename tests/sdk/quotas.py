"""Quotas in virtual time, and calls that they count."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import chorally_sdk as sdk
from chorally_sdk.http.budgets import Call, Lane, LocalBudgets

START = datetime(2026, 11, 23, 9, 0, 0, 1, UTC)
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=seconds) for seconds in (1, 60, 3600, 86400))
LANES: Sequence[Lane] = ("reply", "live", "import")


class Time:
    """Goes on while somebody sleeps, and otherwise where it is set."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        """Tell the time."""
        return self.at

    async def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)


def a_budget(limit: int = 10, per: timedelta = MINUTE, **options: Any) -> sdk.Budget:
    """Return a quota."""
    return sdk.Budget(limit=limit, per=per, **options)


def a_call(*declared: sdk.Budget, account: str = "a", of: Lane = "reply", app: str = "app", path: str = "/me") -> Call:
    """Return a call."""
    return Call(app, account, of, "GET", path, declared)


def impatient(time: Time, **options: Any) -> LocalBudgets:
    """Return quotas at which nobody waits."""
    return LocalBudgets(now=time.now, sleep=time.sleep, patience=dict.fromkeys(LANES, timedelta(0)), **options)


async def made(budgets: LocalBudgets, call: Call, most: int = 100) -> int:
    """Return how many calls may be made at once."""
    for count in range(most):
        try:
            await budgets.ask(call)
        except sdk.RateLimited:
            return count
    return most
