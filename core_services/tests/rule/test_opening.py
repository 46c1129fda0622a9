"""Calendars are right through every clock change, and say since when and until when."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from chorally_core.ports.calendars import WEEKDAYS, Country, Hours, holidays_of
from chorally_core.ports.opening import HORIZON, State, openings_on, reason_on, state
from chorally_core.services.rule.hours import OpeningHours
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

ZONES = ("Europe/Rome", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu", "UTC")
BEGIN = datetime(2017, 1, 1, tzinfo=UTC)
TEN_YEARS_S = 10 * 365 * 86400
OFFICE = [{"opens": "09:00", "closes": "13:00"}, {"opens": "14:00", "closes": "18:00"}]


def a_calendar(zone: str = "Europe/Rome", **fields: Any) -> Hours:
    """Open on working days from nine to one and from two to six, unless told otherwise."""
    office = {"time_zone": zone, "weekly": dict.fromkeys(WEEKDAYS[:5], OFFICE)}
    return OpeningHours.model_validate(office | fields).stored()


def each_day(opens: str, closes: str, zone: str = "Europe/Rome", **fields: Any) -> Hours:
    """Open on every day."""
    return a_calendar(zone, weekly={key: [{"opens": opens, "closes": closes}] for key in WEEKDAYS}, **fields)


def at(text: str) -> datetime:
    """An instant."""
    return datetime.fromisoformat(text)


def by_the_wall(calendar: Hours, instant: datetime) -> bool:
    """Whether the hours of the day, or those of the night before, say so; not for hours that the clock repeats."""
    wall = instant.astimezone(calendar.zone)
    minute = wall.hour * 60 + wall.minute
    today, yesterday = (_hours(calendar, wall.date() - timedelta(days=back)) for back in (0, 1))
    is_special = any(each.on == wall.date() for each in calendar.exceptions)
    is_special = is_special or any(each.falls_on(wall.date()) for each in calendar.festivities)
    return any(begins <= minute < begins + length for begins, length in today) or (
        not is_special and any(begins <= minute + 1440 < begins + length for begins, length in yesterday)
    )


def _hours(calendar: Hours, day: date) -> list[tuple[int, int]]:
    for exception in calendar.exceptions:
        if exception.on == day:
            return [(each.opens, each.length) for each in exception.open]
    if any(each.falls_on(day) for each in calendar.festivities):
        return []
    return [(each.opens, each.length) for each in calendar.weekly.get(WEEKDAYS[day.weekday()], ())]


def is_repeated(calendar: Hours, instant: datetime) -> bool:
    """Whether the clock on the wall shows this time twice."""
    wall = instant.astimezone(calendar.zone).replace(tzinfo=None)
    return len({wall.replace(tzinfo=calendar.zone, fold=fold).utcoffset() for fold in (0, 1)}) > 1


intervals = st.lists(st.integers(0, 95), min_size=2, max_size=6, unique=True).map(
    lambda quarters: [
        {"opens": opens * 15, "closes": closes * 15}
        for opens, closes in zip(sorted(quarters)[::2], sorted(quarters)[1::2], strict=False)
    ]
)
nights = st.tuples(st.integers(60, 95), st.integers(0, 20)).map(
    lambda both: [{"opens": both[0] * 15, "closes": both[1] * 15}]
)
hours: st.SearchStrategy[list[dict[str, int]]] = st.one_of(
    st.just([]), intervals, nights, st.just([{"opens": 0, "closes": 1440}])
)
days = st.dates(date(2017, 1, 1), date(2026, 12, 31))
calendars = st.builds(
    lambda zone, weekly, closed, special: OpeningHours.model_validate(
        {
            "time_zone": zone,
            "weekly": weekly,
            "festivities": [{"on": day.isoformat()} for day in closed],
            "exceptions": [{"on": day, "open": open_} for day, open_ in special.items()],
        }
    ).stored(),
    st.sampled_from(ZONES),
    st.dictionaries(st.sampled_from(WEEKDAYS), hours),
    st.lists(days, max_size=5),
    st.dictionaries(days, hours, max_size=5),
)


@st.composite
def instants(draw: st.DrawFn) -> datetime:
    """Any instant of ten years, clock changes more often than others."""
    near = draw(st.one_of(st.none(), st.sampled_from(["03-26", "10-29", "04-01", "10-01", "11-05", "03-12"])))
    instant = BEGIN + timedelta(seconds=draw(st.integers(0, TEN_YEARS_S)))
    if near is None:
        return instant
    jump = datetime.fromisoformat(f"{instant.year}-{near}T00:00:00+00:00")
    return jump + timedelta(minutes=draw(st.integers(-7 * 1440, 7 * 1440)))


@settings(max_examples=200, deadline=None)
@given(calendar=calendars, instant=instants())
def test_it_is_open_when_the_clock_on_the_wall_says_so(calendar: Hours, instant: datetime) -> None:
    """In every zone, at any instant of ten years that the clock does not show twice."""
    assume(not is_repeated(calendar, instant))

    assert state(calendar, instant).is_open == by_the_wall(calendar, instant)


@settings(max_examples=150, deadline=None)
@given(calendar=calendars, instant=instants())
def test_since_and_until_are_where_it_changes(calendar: Hours, instant: datetime) -> None:
    """Nothing changes between them, and everything at them."""
    told = state(calendar, instant)
    second = timedelta(seconds=1)

    if told.until is not None:
        assert told.until > instant
        assert state(calendar, told.until).is_open is not told.is_open
        assert state(calendar, told.until - second).is_open is told.is_open
    if told.since is not None:
        assert told.since <= instant
        assert state(calendar, told.since).is_open is told.is_open
        assert state(calendar, told.since - second).is_open is not told.is_open
        assert state(calendar, told.since).until == told.until


@settings(max_examples=150, deadline=None)
@given(calendar=calendars, instant=instants())
def test_the_openings_of_days_are_those_of_the_state(calendar: Hours, instant: datetime) -> None:
    """An instant is open when one of the openings that began on its day, or on the days before, covers it."""
    here = instant.astimezone(calendar.zone).date()
    spans = [span for back in (2, 1, 0) for span in openings_on(calendar, here - timedelta(days=back))]

    told = state(calendar, instant)
    assert told.is_open == any(begins <= instant < ends for begins, ends in spans)
    assert (told.reason, told.name) == reason_on(calendar, here)


def changes_of(zone: str) -> Iterator[datetime]:
    """Return when the clocks of a zone change within ten years, to the minute."""
    there, at = ZoneInfo(zone), BEGIN
    while at < BEGIN + timedelta(seconds=TEN_YEARS_S):
        before, after = at, at + timedelta(days=1)
        at = after
        if before.astimezone(there).utcoffset() == after.astimezone(there).utcoffset():
            continue
        while after - before > timedelta(minutes=1):
            middle = before + (after - before) // 2
            changed = middle.astimezone(there).utcoffset() != before.astimezone(there).utcoffset()
            before, after = (before, middle) if changed else (middle, after)
        yield after.replace(second=0, microsecond=0)


@pytest.mark.parametrize(
    ("zone", "count"),
    [("Europe/Rome", 20), ("America/New_York", 20), ("Australia/Lord_Howe", 20), ("America/Sao_Paulo", 5),
     ("Africa/Casablanca", 23), ("Asia/Kathmandu", 0), ("Pacific/Apia", 9)],
)  # fmt: skip
def test_every_clock_change_of_ten_years_keeps_to_the_wall(zone: str, count: int) -> None:
    """Four hours before it and after, each ten minutes, by day, by night, around the clock and in the very hour."""
    hours = [
        a_calendar(zone), each_day("22:00", "03:00", zone), each_day("00:00", "24:00", zone),
        each_day("01:30", "02:30", zone), each_day("02:15", "02:15", zone),
    ]  # fmt: skip
    changes = list(changes_of(zone))
    assert len(changes) == count
    for change in changes:
        for step in range(-24, 25):
            instant = change + timedelta(minutes=10 * step)
            for calendar in hours:
                if not is_repeated(calendar, instant):
                    assert state(calendar, instant).is_open == by_the_wall(calendar, instant), (change, instant)


def test_the_public_holidays_of_ten_years_are_closed_from_midnight_to_midnight() -> None:
    """By the clock there, on days that have 23, 24 or 25 hours."""
    zone = ZoneInfo("Europe/Rome")
    office = each_day("00:00", "24:00", countries=[{"country": "IT", "region": "MI"}])
    found = 0
    for year in range(2017, 2027):
        for day, name in holidays_of(Country("IT", "MI"), year).items():
            first = datetime(day.year, day.month, day.day, tzinfo=zone)
            last = first + timedelta(days=1) - timedelta(seconds=1)
            for instant in (first, last):
                told = state(office, instant)
                assert (told.is_open, told.reason, told.name) == (False, "holiday", name)
            found += 1
    assert found >= 120


def test_a_calendar_with_a_thousand_dates_is_asked_quickly() -> None:
    """What never opens within the horizon is looked through once, not once for each date."""
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(1000)]
    closed = each_day("09:00", "17:00", exceptions=[{"on": day} for day in days])

    told = state(closed, at("2027-06-01T12:00:00+00:00"))
    assert (told.is_open, told.until, told.reason) == (False, None, "exception")


@pytest.mark.parametrize(
    ("instant", "is_open", "until"),
    [
        ("2026-11-23T10:30:00+00:00", True, "2026-11-23T12:00:00+00:00"),
        ("2026-11-23T12:30:00+00:00", False, "2026-11-23T13:00:00+00:00"),
        ("2026-11-27T18:00:00+00:00", False, "2026-11-30T08:00:00+00:00"),
        ("2026-12-24T18:00:00+00:00", False, "2026-12-28T08:00:00+00:00"),
    ],
)
def test_working_hours_lunch_weekend_and_christmas(instant: str, is_open: bool, until: str) -> None:
    """An office in Italy: Christmas and Saint Stephen's Day are closed, and a weekend follows."""
    told = state(a_calendar(countries=[{"country": "IT"}]), at(instant))

    assert (told.is_open, told.until) == (is_open, at(until))


def test_a_holiday_of_a_region_is_one_there_only() -> None:
    """Whit Monday in South Tyrol."""
    noon = at("2026-05-25T10:00:00+00:00")

    assert state(a_calendar(countries=[{"country": "IT"}]), noon).is_open
    told = state(a_calendar(countries=[{"country": "IT", "region": "BZ"}]), noon)
    assert (told.is_open, told.reason, bool(told.name)) == (False, "holiday", True)


def test_a_skipped_opening_opens_at_the_jump_and_a_repeated_closing_closes_the_second_time() -> None:
    """A bar that is open at night, in Rome's spring and autumn."""
    spring, autumn = each_day("02:30", "04:00"), each_day("22:00", "02:30")

    assert state(spring, at("2026-03-29T00:59:59+00:00")).until == at("2026-03-29T01:00:00+00:00")
    assert state(spring, at("2026-03-29T01:30:00+00:00")) == State(
        True, at("2026-03-29T01:00:00+00:00"), at("2026-03-29T02:00:00+00:00"), "hours"
    )
    assert state(autumn, at("2026-10-25T00:15:00+00:00")).until == at("2026-10-25T01:30:00+00:00")


def test_a_night_that_runs_into_a_closed_date_ends_at_midnight() -> None:
    """And a date with hours of its own has no others."""
    closed = each_day("22:00", "02:00", festivities=[{"on": "12-25"}])
    special = each_day(
        "22:00", "02:00", exceptions=[{"on": "2026-12-25", "open": [{"opens": "10:00", "closes": "12:00"}]}]
    )

    assert state(closed, at("2026-12-24T22:00:00+00:00")).until == at("2026-12-24T23:00:00+00:00")
    assert state(special, at("2026-12-24T23:30:00+00:00")).until == at("2026-12-25T09:00:00+00:00")


def test_a_day_that_a_country_skipped_has_no_hours() -> None:
    """Samoa had no 30 December 2011."""
    told = state(each_day("09:00", "17:00", "Pacific/Apia"), at("2011-12-30T06:00:00+00:00"))

    assert (told.is_open, told.until) == (False, at("2011-12-30T19:00:00+00:00"))


def test_what_never_changes_has_no_end() -> None:
    """Always open, and never."""
    noon = at("2026-06-01T12:00:00+00:00")

    assert state(each_day("00:00", "24:00"), noon) == State(True, None, None, "hours")
    assert state(a_calendar(weekly={}), noon) == State(False, None, None, "hours")
    yearly = a_calendar(weekly={}, exceptions=[{"on": "2026-06-01", "open": [{"opens": "00:00", "closes": "24:00"}]}])
    assert state(yearly, noon + HORIZON + timedelta(days=2)).since is None


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"time_zone": "Rome"}, "there is no time zone 'Rome'"),
        ({"time_zone": "localtime"}, "there is no time zone 'localtime'"),
        ({"weekly": {"mon": [{"opens": True, "closes": "18:00"}]}}, "write it as 09:00"),
        ({"weekly": {"mon": [{"opens": "9", "closes": "18:00"}]}}, "write it as 09:00"),
        ({"weekly": {"mon": [{"opens": "24:00", "closes": "02:00"}]}}, "put it there"),
        ({"weekly": {"mon": [*OFFICE, {"opens": "17:00", "closes": "19:00"}]}}, "overlap: 14:00-18:00 and 17:00-19:00"),
        ({"countries": [{"country": "ZZ"}]}, "'ZZ' are not known"),
        ({"countries": [{"country": "IT", "region": "XX"}]}, "no region 'XX'"),
        ({"festivities": [{"on": "2026-02-30"}]}, "is no date"),
        ({"exceptions": [{"on": "2026-12-25"}, {"on": "2026-12-25"}]}, "has two exceptions"),
    ],
)
def test_a_mistaken_calendar_is_refused_with_what_would_do(fields: dict[str, Any], says: str) -> None:
    """Before anybody relies on it."""
    with pytest.raises(ValidationError, match=says):
        a_calendar(**fields)
