"""Platforms' quotas, kept by several processes as one: each counts for itself, and all of them together.

What a process counts for itself (``LocalBudgets``) is exact, leaves room for answers and is fair; the rates that
processes share bound what they spend together, and keep the same order. What a platform tells one of them is a note
that the others read. While the coordination is away each takes its fixed share, which is the coordination's affair.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

import chorally_sdk as sdk
from chorally_core.ports.coordination import Coordination
from chorally_sdk.errors import Scope
from chorally_sdk.http.buckets import UNTOLD, next_reset
from chorally_sdk.http.budgets import PATIENCE, RESERVED, Call, Lane, LocalBudgets
from chorally_sdk.http.quota import Usage

log = structlog.get_logger(__name__)

_LOOK_EVERY = timedelta(seconds=1)
"""Between two looks at what others were told of an app's quotas."""

_TENANT_FOR_S = 60.0
"""Seconds after its last question for which a tenant's part of an app's quota is kept for it."""

_WORTH_TELLING = 1 - max(RESERVED.values())
"""Part of a quota below which no lane acts on what is used."""

_STEP = 0.05
"""Part of a quota by which what is used must differ to be told again."""

_SLOW = 100
"""A rate that is to be whole again by the clock only refills that many times slower: it is named by its period."""


class _Full(NamedTuple):
    wait: timedelta
    scope: Scope


class SharedBudgets:
    """Keeps the calls of this process, together with those of the others, within quotas (``Budgets``)."""

    def __init__(
        self,
        coordination: Coordination,
        local: LocalBudgets,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        patience: Mapping[Lane, timedelta] = PATIENCE,
    ) -> None:
        """Share quotas.

        Args:
            coordination: Has the rates and the notes.
            local: Counts what this process spends.
            now: The clock.
            sleep: Awaited with seconds while a call waits.
            patience: How long a call of a lane waits here.
        """
        self._coordination = coordination
        self._local = local
        self._now = now
        self._sleep = sleep
        self._patience = patience
        self._looked_at: dict[str, datetime] = {}
        self._tenants: dict[str, list[str]] = {}
        self._here: dict[tuple[str, str], datetime] = {}
        self._notes: dict[str, dict[str, str]] = {}

    async def ask(self, call: Call) -> None:
        """Return when the call may be made, and count it.

        Raises:
            RateLimited: It would wait longer than its lane bears.
        """
        give_up = self._now() + self._patience[call.lane]
        await self._look(call)
        is_counted = False
        if await self._local.wait_for(call):
            await self._local.ask(call)
            is_counted = True
        while (full := await self._full(call)) is not None:
            at = self._now() + full.wait
            if at > give_up:
                why = f"the {full.scope}'s quota is used up for now; there is more at {at:%Y-%m-%d %H:%M:%S %Z}"
                raise sdk.RateLimited(why, wait=full.wait, scope=full.scope)
            await self._sleep(full.wait.total_seconds())
        if not is_counted:
            await self._local.ask(call)

    async def wait_for(self, call: Call) -> timedelta:
        """Return how long the call would wait as far as this process knows."""
        await self._look(call)
        return await self._local.wait_for(call)

    async def told(self, call: Call, usage: Usage) -> None:
        """Take in what the answer told of a quota, and tell the others where it matters."""
        await self._local.told(call, usage)
        name = _name("used", call, usage.scope, usage.match)
        before = self._notes.get(call.app, {}).get(name)
        was = float(json.loads(before)["used"]) if before else 0.0
        if (usage.used < _WORTH_TELLING and was < _WORTH_TELLING) or abs(usage.used - was) < _STEP:
            return
        await self._tell(call, name, usage.scope, usage.match, usage.used, UNTOLD if usage.wait is None else usage.wait)

    async def limited(self, call: Call, refusal: sdk.RateLimited) -> None:
        """Hold the quota that the platform says is used up, here and at the others."""
        await self._local.limited(call, refusal)
        wait = await self._local.wait_for(call)
        if wait:
            await self._tell(call, _name("held", call, refusal.scope, ""), refusal.scope, "", 1.0, wait)

    async def _tell(self, call: Call, name: str, scope: Scope, match: str, used: float, wait: timedelta) -> None:
        until = self._now() + wait
        value = json.dumps(
            {
                "used": used, "until": until.isoformat(), "scope": scope, "match": match, "method": call.method,
                "path": call.path, "account": "" if scope == "app" else call.account,
            }
        )  # fmt: skip
        self._notes.setdefault(call.app, {})[name] = value
        await self._coordination.note(_place(call.app), name, value, max(wait.total_seconds(), 1.0))

    async def _look(self, call: Call) -> None:
        """Take in what others were told of the app's quotas, and who else uses the app; once a second at most."""
        now = self._now()
        mine = (call.app, call.tenant)
        if call.tenant and now - self._here.get(mine, now - _LOOK_EVERY * 60) >= _LOOK_EVERY * 10:
            self._here[mine] = now
            await self._coordination.note(_tenants(call.app), call.tenant, "1", _TENANT_FOR_S)
            self._looked_at.pop(call.app, None)
        if now - self._looked_at.get(call.app, now - _LOOK_EVERY) < _LOOK_EVERY:
            return
        self._looked_at[call.app] = now
        found = await self._coordination.notes(_place(call.app))
        known = self._notes.get(call.app, {})
        self._notes[call.app] = found
        for name, value in found.items():
            if known.get(name) != value:
                await self._learn(call, name, value, now)
        if call.tenant:
            self._tenants[call.app] = sorted(await self._coordination.notes(_tenants(call.app)))

    async def _learn(self, call: Call, name: str, value: str, now: datetime) -> None:
        try:
            said = json.loads(value)
            wait = datetime.fromisoformat(said["until"]) - now
            about = call._replace(account=said["account"], method=said["method"], path=said["path"])
            if wait <= timedelta(0):
                return
            if json.loads(name)[0] == "held":
                await self._local.limited(about, sdk.RateLimited(wait=wait, scope=said["scope"]))
            else:
                told = Usage(used=said["used"], wait=wait, scope=said["scope"], match=said["match"])
                await self._local.told(about, told)
        except (ValueError, KeyError, TypeError) as error:  # of another version
            log.warning("what another process says of a quota cannot be read", app=call.app, exc_info=error)

    async def _full(self, call: Call) -> _Full | None:
        """Take the call's part of every quota that counts it; return what is in the way where one has too little."""
        now = self._now()
        for place, budget in enumerate(call.declared):
            cost = budget.cost(call.method, call.path)
            if not cost:
                continue
            whose = "" if budget.scope == "app" else call.account
            rate = json.dumps([call.app, whose, place])
            limit, per_s = budget.limit, budget.per.total_seconds()
            if budget.resets:
                rate += next_reset(budget.resets, budget.per, now).isoformat()
                limit, per_s = max(limit - limit // _SLOW, cost), per_s * _SLOW
            leaving = int(limit * RESERVED[call.lane])
            wait_s = await self._taken(call, rate, limit, per_s, cost, min(leaving, limit - cost), budget.scope)
            if wait_s:
                resets = next_reset(budget.resets, budget.per, now) - now if budget.resets else None
                return _Full(min(resets or budget.per, timedelta(seconds=wait_s)), budget.scope)
        return None

    async def _taken(
        self, call: Call, rate: str, limit: int, per_s: float, cost: int, leaving: int, scope: Scope
    ) -> float:
        """Take from one rate; return the seconds until there is as much, 0 where it was taken.

        A tenant that has had its even part gets more only of what the parts of the others leave.
        """
        tenants = self._tenants.get(call.app, []) if scope == "app" and call.tenant else []
        own_s = 0.0
        if len(tenants) > 1:
            part = max(limit // len(tenants), cost)
            own = await self._coordination.take(f"{rate}/{call.tenant}", limit=part, per_s=per_s, amount=cost)
            if not own.granted:
                own_s = own.wait_s
                leaving = max(leaving, min(limit - part, limit - cost))
        taken = await self._coordination.take(rate, limit=limit, per_s=per_s, amount=cost, leaving=leaving)
        if taken.granted:
            return 0.0
        return max(min(taken.wait_s, own_s) if own_s else taken.wait_s, 0.001)


def _place(app: str) -> str:
    return f"budget/{app}"


def _tenants(app: str) -> str:
    return f"budget-tenants/{app}"


def _name(kind: str, call: Call, scope: Scope, match: str) -> str:
    whose = "" if scope == "app" else call.account
    about = f"{call.method} {call.path}" if scope == "endpoint" and match in ("", "*") else match
    return json.dumps([kind, whose, scope, about])


__all__ = ["SharedBudgets"]
