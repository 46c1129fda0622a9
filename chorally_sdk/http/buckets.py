"""One quota each: what was spent of it here, and what the platform tells of it. No clock, no waiting."""

import math
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

SLOTS = 60  # steps in which what was spent comes back
LONGEST_ACTIVE = timedelta(minutes=5)
"""How long after its last question an account still has its part kept for it."""

UNTOLD = timedelta(minutes=1)
"""How long what a platform tells holds, where it does not say."""

_OTHERS = "\0"  # whoever else spends what the platform counts
_NOTHING = 1e-9


class Bucket:
    """A quota whose tokens come back a period after they were spent, or all at once where it resets."""

    def __init__(self, limit: int, per: timedelta, resets: str = "") -> None:
        """Begin full.

        Args:
            limit: Tokens within ``per``.
            per: The period.
            resets: Clock time with its zone at which a period begins; empty where every moment does.
        """
        self._limit = limit
        self._per = per
        self._resets = resets
        self._slot = per / SLOTS
        self._active_for = min(per, LONGEST_ACTIVE)
        self._back: dict[datetime, dict[str, float]] = {}
        """What comes back when, by who spent it."""
        self._spent: dict[str, float] = {}
        self._asked: dict[str, datetime] = {}

    def opens(self, now: datetime, account: str, cost: float, share: float, reserved: float) -> datetime:
        """Return when an account may spend, not before ``now``.

        Args:
            now: The time it is.
            account: Who asks; the others that asked lately have their parts kept for them.
            cost: Tokens.
            share: Part of the quota that is for this process.
            reserved: Part of that which is left to others, unless nothing at all is spent.
        """
        self._forget(now)
        self._asked[account] = now
        if self._fits(self._spent, account, cost, share, reserved):
            return now
        spent, at = dict(self._spent), now
        for at in sorted(self._back):
            for who, amount in self._back[at].items():
                spent[who] -= amount
            if self._fits(spent, account, cost, share, reserved):
                break
        return at

    def spend(self, now: datetime, account: str, cost: float, share: float) -> None:
        """Take tokens; more than the whole share stays away for as many periods."""
        self._put(self._returns(now, max(1.0, cost / (self._limit * share))), account, cost)

    def raise_to(self, now: datetime, used: float, wait: timedelta | None, share: float) -> None:
        """Count what others have spent, where the platform says that more is used than was spent here."""
        self._forget(now)
        missing = min(used, 1.0) * self._limit * share - sum(self._spent.values())
        if missing > 0:
            self._put(now + wait if wait is not None else self._returns(now, 1.0), _OTHERS, missing)

    def is_idle(self, now: datetime) -> bool:
        """Whether nothing is spent, and nobody asked lately."""
        self._forget(now)
        return not self._back and not self._asked

    def _fits(self, spent: dict[str, float], account: str, cost: float, share: float, reserved: float) -> bool:
        whole, total = self._limit * share, sum(spent.values())
        part = whole * (1 - reserved)
        if total + cost > part + _NOTHING:
            return False
        others = [who for who in self._asked if who != account]
        fair = whole / (len(others) + 1)
        if not others or spent.get(account, 0.0) + cost <= fair:
            return True
        kept = sum(max(fair - spent.get(who, 0.0), 0.0) for who in others)
        return total + cost + kept <= whole + _NOTHING

    def _put(self, at: datetime, who: str, amount: float) -> None:
        amounts = self._back.setdefault(at, {})
        amounts[who] = amounts.get(who, 0.0) + amount
        self._spent[who] = self._spent.get(who, 0.0) + amount

    def _returns(self, now: datetime, periods: float) -> datetime:
        """When what is spent now comes back: at the next reset, or the end of its slot a period later."""
        if self._resets:
            return next_reset(self._resets, self._per, now) + self._per * math.ceil(periods - 1)
        slot = self._slot.total_seconds()
        end = math.ceil(now.timestamp() / slot) * slot
        return datetime.fromtimestamp(max(end, now.timestamp()), now.tzinfo) + self._per * periods

    def _forget(self, now: datetime) -> None:
        for at in [at for at in self._back if at <= now]:
            for who, amount in self._back.pop(at).items():
                self._spent[who] -= amount
        self._spent = {who: amount for who, amount in self._spent.items() if amount > _NOTHING} if self._back else {}
        for who in [who for who, at in self._asked.items() if now - at >= self._active_for]:
            del self._asked[who]


def next_reset(resets: str, per: timedelta, now: datetime) -> datetime:
    """Return when a quota that resets by the clock is whole again, after ``now``; see ``Budget.resets``."""
    clock, _, name = resets.partition(" ")
    zone = ZoneInfo(name)
    hour, minute = map(int, clock.split(":"))
    return _following(datetime.combine(now.astimezone(zone).date(), time(hour, minute), zone), now, per)


def _following(begins: datetime, now: datetime, per: timedelta) -> datetime:
    """The first begin of a period after now; whole days are those of the clock on the wall."""
    instant = now.astimezone(UTC)
    if per % timedelta(days=1):
        first = begins.astimezone(UTC)
        return (first + per * (math.floor((instant - first) / per) + 1)).astimezone(now.tzinfo)
    while begins > instant:
        begins -= per  # on the wall: the arithmetic of a zone
    while begins <= instant:
        begins += per
    return begins.astimezone(now.tzinfo)


class Gauge:
    """What the platform told of a quota last, and until when it counts."""

    def __init__(self) -> None:
        """Begin with nothing told."""
        self._used = 0.0
        self._until: datetime | None = None
        self._held: datetime | None = None
        self._last = timedelta(0)

    def tell(self, now: datetime, used: float, wait: timedelta | None) -> None:
        """Take in how much is used; what was told before counts no longer."""
        self._used, self._until = used, now + (UNTOLD if wait is None else wait)

    def hold(self, now: datetime, wait: timedelta | None, first: timedelta, longest: timedelta) -> None:
        """Let nobody pass for as long as the platform says, or twice as long as the last time."""
        again = self._held is not None and now < self._held + 2 * self._last
        self._last = wait if wait is not None else (min(2 * self._last, longest) if again and self._last else first)
        self._held = max(self._held or now, now + self._last)

    def opens(self, now: datetime, reserved: float) -> datetime:
        """Return when a call may be made that leaves a part to others, not before ``now``."""
        opens = now if self._held is None else max(now, self._held)
        if self._until is not None and self._used >= 1 - reserved:
            opens = max(opens, self._until)
        return opens

    def is_idle(self, now: datetime) -> bool:
        """Whether nothing told counts any more."""
        forgotten = self._held is None or now >= self._held + 2 * self._last
        return forgotten and (self._until is None or self._until <= now)
