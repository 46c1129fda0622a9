"""Whether a calendar is open at an instant, since when and until when; right through every clock change.

Hours are those of the clock on the wall. Where the clock goes back, what opens in the repeated hour opens the first
time and what closes in it closes the second time; where it goes forward, a skipped time is the instant of the jump. A
festivity or exception holds for its whole date, also for the hours that began the evening before.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from chorally_core.ports.calendars import MIDNIGHT, WEEKDAYS, Exceptional, Hours, Interval, holidays_of

HORIZON = timedelta(days=400)
"""How far ahead and back openings and closings are looked for."""
_CALENDARS = 1000  # whose dates stay ready to be looked up
_DAYS = 5000  # of all calendars, of which is remembered what was said
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


def state(hours: Hours, at: datetime) -> State:
    """Return what a calendar says of an instant (aware)."""
    at = at.astimezone(UTC)
    here = at.astimezone(hours.zone).date()
    known = _told_of_day(hours, here)
    for told in known:
        if (told.since is None or told.since <= at) and (told.until is None or at < told.until):
            return told
    known.append(told := _state(hours, at, here))
    return told


_told: OrderedDict[tuple[int, date], tuple[Hours, list[State]]] = OrderedDict()


def _told_of_day(hours: Hours, here: date) -> list[State]:
    """What was said of the day before, which is the same for all instants between the same two changes."""
    known = _told.get((id(hours), here))
    if known is None or known[0] is not hours:
        _told[id(hours), here] = known = hours, []
        if len(_told) > _DAYS:
            _told.popitem(last=False)
    return known[1]


def _state(hours: Hours, at: datetime, here: date) -> State:
    reason, name = reason_on(hours, here)
    last = _last(hours, at, here)
    if last is not None and at < last[1]:
        since = last[0] if _instant(hours, here, 0, 0) - last[0] < HORIZON else None
        return State(True, since, _end(hours, last[1], here), reason, name)
    return State(False, last and last[1], _next(hours, at, here), reason, name)


def _last(hours: Hours, at: datetime, here: date) -> Span | None:
    """Return the last opening that began by then, with those joined that it continues."""
    last: Span | None = None
    for back in range(HORIZON.days + 2):
        day = here - back * _DAY
        for begins, ends in reversed(openings_on(hours, day)):
            if begins > at:
                continue
            if last is None:
                last = begins, ends
            elif ends >= last[0]:
                last = begins, max(ends, last[1])
        if last is not None and _instant(hours, day, 0, 0) < last[0] - _LONGEST:
            return last  # nothing that began earlier reaches it
    return last


def _end(hours: Hours, end: datetime, here: date) -> datetime | None:
    """Return when an opening ends, with those that continue it; None where that is beyond the horizon."""
    for ahead in range(HORIZON.days):
        day = here + ahead * _DAY
        for begins, ends in openings_on(hours, day):
            if begins <= end:
                end = max(end, ends)
        if _instant(hours, day + _DAY, 0, 0) > end:
            return end
    return None


def _next(hours: Hours, at: datetime, here: date) -> datetime | None:
    """Return when it opens next; None where that is beyond the horizon."""
    for ahead in range(HORIZON.days):
        for begins, _ in openings_on(hours, here + ahead * _DAY):
            if begins > at:
                return begins
    return None


def openings_on(hours: Hours, day: date) -> list[Span]:
    """Return the openings that begin on a day, in order, without what a special date behind them takes away."""
    special = _special(hours, day)
    intervals = hours.weekly.get(WEEKDAYS[day.weekday()], ()) if special is None else special
    spans = []
    for interval in sorted(intervals, key=lambda each: each.opens):
        begins, ends = _span(hours, day, interval)
        if interval.opens + interval.length > MIDNIGHT and _special(hours, day + _DAY) is not None:
            ends = min(ends, _instant(hours, day + _DAY, 0, 0))
        if begins < ends:
            spans.append((begins, ends))
    return spans


def reason_on(hours: Hours, day: date) -> tuple[str, str]:
    """Return by what a day has its hours, ``hours``, ``holiday`` or ``exception``, and the name of it."""
    dates = _dates(hours)
    exception = dates.exceptions.get(day)
    if exception is not None:
        return "exception", exception.name
    name = _festivity(hours, dates, day)
    return ("hours", "") if name is None else ("holiday", name)


class _Dates(NamedTuple):
    """The dates of a calendar's own, to be looked up."""

    of: Hours
    exceptions: dict[date, Exceptional]
    festivities: dict[str, str]


_looked_up: OrderedDict[int, _Dates] = OrderedDict()


def _dates(hours: Hours) -> _Dates:
    known = _looked_up.get(id(hours))
    if known is not None and known.of is hours:
        return known
    exceptions = {each.on: each for each in hours.exceptions}
    festivities = {each.on: each.name for each in reversed(hours.festivities)}
    _looked_up[id(hours)] = dates = _Dates(hours, exceptions, festivities)
    if len(_looked_up) > _CALENDARS:
        _looked_up.popitem(last=False)
    return dates


def _special(hours: Hours, day: date) -> tuple[Interval, ...] | None:
    """Return the hours of a special date; None on an ordinary one."""
    dates = _dates(hours)
    exception = dates.exceptions.get(day)
    if exception is not None:
        return exception.open
    return () if _festivity(hours, dates, day) is not None else None


def _festivity(hours: Hours, dates: _Dates, day: date) -> str | None:
    if dates.festivities:
        written = day.isoformat()
        name = dates.festivities.get(written, dates.festivities.get(written[5:]))
        if name is not None:
            return name
    for country in hours.countries:
        name = holidays_of(country, day.year).get(day)
        if name is not None:
            return name
    return None


def _span(hours: Hours, day: date, interval: Interval) -> Span:
    return (
        _instant(hours, day, interval.opens, 0),
        _instant(hours, day, interval.opens + interval.length, 1),
    )


def _instant(hours: Hours, day: date, minute: int, fold: int) -> datetime:
    """Return the instant of a minute of a day; one that the clock skips is the instant of the jump."""
    wall = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001  # the zone follows
    zone = hours.zone
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
