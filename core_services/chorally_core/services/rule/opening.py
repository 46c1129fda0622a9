"""Whether a calendar is open at an instant, since when and until when; right through every clock change.

Hours are those of the clock on the wall. Where the clock goes back, what opens in the repeated hour opens the first
time and what closes in it closes the second time; where it goes forward, a skipped time is the instant of the jump. A
festivity or exception holds for its whole date, also for the hours that began the evening before.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from chorally_core.services.rule.calendars import MIDNIGHT, WEEKDAYS, Calendar, Country, Interval

HORIZON = timedelta(days=400)
"""How far ahead and back openings and closings are looked for."""
_DAY = timedelta(days=1)
_LONGEST = timedelta(hours=26)  # of one opening: a day by the clock, and what the clock may go back

Span = tuple[datetime, datetime]
"""An opening and its closing, in UTC."""


@dataclass(frozen=True, slots=True)
class State:
    """What a calendar says of an instant."""

    is_open: bool
    since: datetime | None
    """When it opened or closed; None where that is further back than the horizon."""
    until: datetime | None
    """When it closes or opens next; None where that is beyond the horizon."""
    reason: str
    """``hours``, ``holiday``, ``exception``."""
    name: str = ""
    """The name of the festivity or exception."""


def state(calendar: Calendar, at: datetime) -> State:
    """Return what a calendar says of an instant (aware)."""
    at = at.astimezone(UTC)
    here = at.astimezone(calendar.zone).date()
    reason, name = _reason(calendar, here)
    last = _last(calendar, at, here)
    if last is not None and at < last[1]:
        since = last[0] if at - last[0] < HORIZON else None
        return State(True, since, _end(calendar, last[1], here), reason, name)
    return State(False, last and last[1], _next(calendar, at, here), reason, name)


def _last(calendar: Calendar, at: datetime, here: date) -> Span | None:
    """Return the last opening that began by then, with those joined that it continues."""
    last: Span | None = None
    for back in range(HORIZON.days + 2):
        day = here - back * _DAY
        for begins, ends in reversed(_of_day(calendar, day)):
            if begins > at:
                continue
            if last is None:
                last = begins, ends
            elif ends >= last[0]:
                last = begins, max(ends, last[1])
        if last is not None and _instant(calendar, day, 0, 0) < last[0] - _LONGEST:
            return last  # nothing that began earlier reaches it
    return last


def _end(calendar: Calendar, end: datetime, here: date) -> datetime | None:
    """Return when an opening ends, with those that continue it; None where that is beyond the horizon."""
    for ahead in range(HORIZON.days):
        day = here + ahead * _DAY
        for begins, ends in _of_day(calendar, day):
            if begins <= end:
                end = max(end, ends)
        if _instant(calendar, day + _DAY, 0, 0) > end:
            return end
    return None


def _next(calendar: Calendar, at: datetime, here: date) -> datetime | None:
    """Return when it opens next; None where that is beyond the horizon."""
    for ahead in range(HORIZON.days):
        for begins, _ in _of_day(calendar, here + ahead * _DAY):
            if begins > at:
                return begins
    return None


def _of_day(calendar: Calendar, day: date) -> list[Span]:
    """Return the openings that begin on a day, without what a special date behind them takes away."""
    special = _special(calendar, day)
    intervals = calendar.weekly.get(WEEKDAYS[day.weekday()], ()) if special is None else special
    spans = []
    for interval in sorted(intervals, key=lambda each: each.opens):
        begins, ends = _span(calendar, day, interval)
        if interval.opens + interval.length > MIDNIGHT and _special(calendar, day + _DAY) is not None:
            ends = min(ends, _instant(calendar, day + _DAY, 0, 0))
        if begins < ends:
            spans.append((begins, ends))
    return spans


def _special(calendar: Calendar, day: date) -> tuple[Interval, ...] | None:
    """Return the hours of a special date; None on an ordinary one."""
    for exception in calendar.exceptions:
        if exception.on == day:
            return exception.open
    return () if _festivity(calendar, day) is not None else None


def _festivity(calendar: Calendar, day: date) -> str | None:
    for festivity in calendar.festivities:
        if festivity.falls_on(day):
            return festivity.name
    for country in calendar.countries:
        name = _of_year(country, day.year).get(day)
        if name is not None:
            return name
    return None


@lru_cache(maxsize=512)
def _of_year(country: Country, year: int) -> dict[date, str]:
    import holidays  # slow to import, and needed by few

    found: Any = holidays.country_holidays(country.country, subdiv=country.region or None, years=year)
    return {day: str(name) for day, name in found.items()}


def _reason(calendar: Calendar, day: date) -> tuple[str, str]:
    for exception in calendar.exceptions:
        if exception.on == day:
            return "exception", exception.name
    name = _festivity(calendar, day)
    return ("hours", "") if name is None else ("holiday", name)


def _span(calendar: Calendar, day: date, interval: Interval) -> Span:
    return (
        _instant(calendar, day, interval.opens, 0),
        _instant(calendar, day, interval.opens + interval.length, 1),
    )


def _instant(calendar: Calendar, day: date, minute: int, fold: int) -> datetime:
    """Return the instant of a minute of a day; one that the clock skips is the instant of the jump."""
    wall = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001  # the zone follows
    zone = calendar.zone
    at = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None, fold=0) == wall:
        return at
    # a skipped time: by the offset before the jump it is as long after the jump as it is after the skipped hour's begin
    before, after = (wall.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    assert before is not None  # noqa: S101  # the zone gives one
    assert after is not None  # noqa: S101
    low, high = wall - after, wall - before  # the jump is between them, in UTC
    low, high = min(low, high), max(low, high)
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) < wall:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0, tzinfo=UTC)
