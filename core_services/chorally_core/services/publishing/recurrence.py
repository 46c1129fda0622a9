"""Recurring times: rules of RFC 5545 (``RRULE``) by the clock of a time zone, at most once a day."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice

from dateutil.rrule import rrule, rrulestr

from chorally_core.services.publishing.times import instant, wall

LONGEST = timedelta(days=3660)
"""How long a series lasts at most, which also bounds what there is to reckon."""

_YEARS = 7600
"""How far ahead the library is made to reckon: it looks for a day that never comes until the year 9999.

The calendar repeats itself every 400 years, with its weekdays.
"""
_PARTS = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYMONTH",
                    "BYSETPOS", "WKST"})  # fmt: skip
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_PART = re.compile(r"([A-Z]+)=([A-Z0-9,+-]+)")
_UNTIL = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")
_DAY = re.compile(r"(?:([+-]?\d{1,2})?)(MO|TU|WE|TH|FR|SA|SU)")
_NUMBER = re.compile(r"[+-]?\d{1,3}")
_WITHIN = {"BYMONTH": (1, 12), "BYMONTHDAY": (-31, 31), "BYYEARDAY": (-366, 366), "BYWEEKNO": (-53, 53)}
"""The numbers that these parts may name, without nought."""
_WEEKS = {"MONTHLY": 5, "YEARLY": 53}
"""How many of one weekday there are at most."""
_LONG = 400


def mistake_in(rule: str, starts: datetime, zone: str) -> str:
    """Return why a rule cannot be kept to, with what to do; empty where it can."""
    try:
        if next(times(rule, starts, zone), None) is None:
            return "the rule names no time within ten years; correct it"
    except (ValueError, TypeError, OverflowError) as error:
        return f"it is no recurrence rule that is taken: {error}"
    return ""


def times(rule: str, starts: datetime, zone: str, *, after: datetime | None = None) -> Iterator[datetime]:
    """Return the times of a series by the clock of its zone, in their order.

    Args:
        rule: ``FREQ=WEEKLY;BYDAY=MO,TH`` and the like.
        starts: The first time that it may name, by the clock; its time of day is that of all.
        zone: Whose clock; ``UNTIL`` in UTC is understood by it.
        after: Leaves out those up to this one.

    Raises:
        ValueError: The rule is none, or has parts that are not taken.
    """
    found = _parsed(rule, starts, zone)
    if after is not None and after > starts + LONGEST:
        return iter(())
    begun = after is None or after < starts
    return (_back(far) for far in (found if begun or after is None else found.xafter(_far(after))))


def instants(
    rule: str, starts: datetime, zone: str, begins: datetime, ends: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Return the times of a series from one instant to before another, by the clock and in UTC."""
    for local in times(rule, starts, zone, after=wall(begins, zone) - timedelta(days=1)):
        at = instant(local, zone)
        if at >= ends:
            return
        if at >= begins:
            yield local, at


@lru_cache(maxsize=512)
def _parsed(rule: str, starts: datetime, zone: str) -> rrule:
    text = rule.strip().upper().removeprefix("RRULE:")
    if len(text) > _LONG:
        raise ValueError(f"it has more than {_LONG} characters")
    parts: dict[str, str] = {}
    for part in text.split(";"):
        found = _PART.fullmatch(part)
        if found is None:
            raise ValueError(f"{part[:50]!r} is no part of a rule; write it as FREQ=WEEKLY;BYDAY=MO")
        if found[1] not in _PARTS:
            raise ValueError(f"{found[1]} is not taken; there are {', '.join(sorted(_PARTS))}")
        if found[1] in parts:
            raise ValueError(f"{found[1]} is there twice")
        parts[found[1]] = found[2]
    if parts.get("FREQ") not in _FREQUENCIES:
        raise ValueError(f"FREQ is one of {', '.join(_FREQUENCIES)}")
    if "INTERVAL" in parts and not 1 <= int(parts["INTERVAL"]) <= LONGEST.days:
        raise ValueError(f"INTERVAL is from 1 to {LONGEST.days}")
    if "COUNT" in parts and "UNTIL" in parts:
        raise ValueError("COUNT and UNTIL do not go together")
    _check_numbers(parts)
    _check_days(parts)
    last = min(starts + LONGEST, _until(parts.pop("UNTIL"), zone)) if "UNTIL" in parts else starts + LONGEST
    if last < starts:
        raise ValueError("UNTIL comes before it starts")
    count = int(parts.pop("COUNT")) if "COUNT" in parts else None
    if count is not None and not 1 <= count <= LONGEST.days:
        raise ValueError(f"COUNT is from 1 to {LONGEST.days}")
    text = ";".join(f"{name}={value}" for name, value in parts.items())
    made = rrulestr(text, dtstart=_far(starts))
    if not isinstance(made, rrule):
        raise ValueError("it is more than one rule")
    bounded = made.replace(until=_far(last))
    return bounded if count is None else _first(bounded, count)


def _check_numbers(parts: Mapping[str, str]) -> None:
    """Refuse numbers that the library takes for others, or stumbles over."""
    for name, (least, most) in _WITHIN.items():
        for text in parts[name].split(",") if name in parts else ():
            if not _NUMBER.fullmatch(text) or not least <= int(text) <= most or int(text) == 0:
                raise ValueError(f"{name} is from {max(least, 1)} to {most}{', or negative' if least < 0 else ''}")


def _check_days(parts: Mapping[str, str]) -> None:
    """Refuse weekdays that there are not, and a count of them where nothing is counted in."""
    most = _WEEKS.get(parts["FREQ"], 0)
    for text in parts["BYDAY"].split(",") if "BYDAY" in parts else ():
        found = _DAY.fullmatch(text)
        if found is None:
            raise ValueError(f"{text[:20]!r} is no weekday; write it as MO, or 1MO for the first")
        if found[1] is None:
            continue
        if not most:
            raise ValueError(f"FREQ={parts['FREQ']} counts no weekdays; write {found[2]}, or FREQ=MONTHLY")
        if not 1 <= abs(int(found[1])) <= most:
            raise ValueError(f"{text} never comes; FREQ={parts['FREQ']} has at most {most} {found[2]}")


def _first(made: rrule, count: int) -> rrule:
    """Return a rule that ends after so many times, within the time that a series lasts at most."""
    wanted = list(islice(made, count))
    return made.replace(until=wanted[-1]) if wanted else made


def _far(local: datetime) -> datetime:
    return local.replace(year=local.year + _YEARS)


def _back(far: datetime) -> datetime:
    return far.replace(year=far.year - _YEARS)


def _until(text: str, zone: str) -> datetime:
    """Return the last time by the clock that an ``UNTIL`` allows; a date includes its day."""
    found = _UNTIL.fullmatch(text)
    if found is None:
        raise ValueError(f"UNTIL is a date such as 20271231, or 20271231T080000Z, and not {text!r}")
    if found[1].startswith("9999"):  # as some say that it never ends; a year less can be reckoned with
        found = _UNTIL.fullmatch(text.replace("9999", "9998", 1)) or found
    at = datetime.fromisoformat(f"{found[1]}T{found[2] or '000000'}")
    if found[2] is None:
        return at + timedelta(days=1) - timedelta(seconds=1)
    return wall(at.replace(tzinfo=UTC), zone) if found[3] else at
