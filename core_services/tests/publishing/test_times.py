"""Times by the clock, also on the days on which clocks change, and the series that are made of them."""

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from chorally_core.services.publishing.recurrence import LONGEST, instants, mistake_in, times
from chorally_core.services.publishing.times import instant, note, wall
from hypothesis import given, settings
from hypothesis import strategies as st

ROME, YORK, HOWE = "Europe/Rome", "America/New_York", "Australia/Lord_Howe"
NINE = datetime.fromisoformat("2027-03-26T09:00:00")


def between(begins: str, ends: str) -> st.SearchStrategy[datetime]:
    """Times by the clock."""
    return st.datetimes(datetime.fromisoformat(begins), datetime.fromisoformat(ends))


@pytest.mark.parametrize(
    ("local", "zone", "in_utc", "told"),
    [
        ("2027-03-28T01:59:00", ROME, "2027-03-28T00:59:00", ""),
        ("2027-03-28T02:30:00", ROME, "2027-03-28T01:30:00", "skip"),
        ("2027-03-28T03:00:00", ROME, "2027-03-28T01:00:00", ""),
        ("2026-10-25T02:30:00", ROME, "2026-10-25T00:30:00", "twice"),
        ("2026-10-25T03:00:00", ROME, "2026-10-25T02:00:00", ""),
        ("2026-11-01T01:30:00", YORK, "2026-11-01T05:30:00", "twice"),
        ("2027-03-14T02:30:00", YORK, "2027-03-14T07:30:00", "skip"),
        ("2026-10-04T02:15:00", HOWE, "2026-10-03T15:45:00", "skip"),
    ],
)
def test_a_time_by_the_clock_is_one_instant(local: str, zone: str, in_utc: str, told: str) -> None:
    """One that clocks skip is taken as long after; of one that they show twice it is the first; both are told of."""
    at = datetime.fromisoformat(local)
    assert instant(at, zone) == datetime.fromisoformat(in_utc).replace(tzinfo=UTC)
    assert (told in note(at, zone)) if told else note(at, zone) == ""


@given(
    at=between("2000-01-01", "2037-01-01").map(lambda at: at.replace(second=0, microsecond=0)),
    zone=st.sampled_from([ROME, YORK, HOWE, "Asia/Kolkata", "America/Sao_Paulo", "Africa/Casablanca"]),
)
def test_what_the_clock_shows_is_what_was_wanted_unless_it_skips_it(at: datetime, zone: str) -> None:
    """Never earlier than wanted, never by more than the clocks are put forward."""
    shown = wall(instant(at, zone), zone)
    assert timedelta(0) <= shown - at <= timedelta(hours=1)
    assert shown == at or "skip" in note(at, zone)


def test_a_series_keeps_its_time_of_day_when_clocks_change() -> None:
    """Nine o'clock is an hour earlier in UTC from then on; the interval of that day has 23 or 25 hours."""
    found = [
        at
        for _, at in islice(
            instants("FREQ=DAILY", NINE, ROME, datetime(2027, 3, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)), 4
        )
    ]
    assert [at.hour for at in found] == [8, 8, 7, 7]
    assert found[2] - found[1] == timedelta(hours=23)


def test_an_occurrence_at_a_time_that_is_skipped_is_there_all_the_same() -> None:
    """A series at half past two has one on each day, also on that one."""
    starts = datetime.fromisoformat("2027-03-27T02:30:00")
    window = (datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 3, 30, tzinfo=UTC))
    found = list(instants("FREQ=DAILY", starts, ROME, *window))
    assert [local.day for local, _ in found] == [27, 28, 29]
    assert [wall(at, ROME).hour for _, at in found] == [2, 3, 2]


def test_an_occurrence_at_a_time_that_is_shown_twice_is_there_once() -> None:
    """At the first of both."""
    starts = datetime.fromisoformat("2026-10-24T02:30:00")
    window = (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 27, tzinfo=UTC))
    found = [at for _, at in instants("FREQ=DAILY", starts, ROME, *window)]
    assert [(at.day, at.hour) for at in found] == [(24, 0), (25, 0), (26, 1)]


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("FREQ=WEEKLY;BYDAY=MO,TH;COUNT=3", [29, 1, 5]), ("RRULE:FREQ=DAILY;INTERVAL=2;COUNT=2", [26, 28]),
        ("freq=daily;until=20270328", [26, 27, 28]), ("FREQ=DAILY;UNTIL=20270328T065959Z", [26, 27]),
        ("FREQ=DAILY;UNTIL=20270328T070000Z", [26, 27, 28]), ("FREQ=MONTHLY;BYDAY=-1FR;COUNT=2", [26, 30]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=2", [31, 30]),
    ],
)  # fmt: skip
def test_rules_are_those_of_the_calendar_standard(rule: str, days: list[int]) -> None:
    """An end in UTC is understood by the clock of the zone, and includes its instant."""
    assert [local.day for local in times(rule, NINE, ROME)] == days


@settings(deadline=None, max_examples=50)
@given(
    freq=st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]), interval=st.integers(1, 40),
    count=st.none() | st.integers(1, 50),
    more=st.sampled_from(["", ";BYDAY=MO", ";BYDAY=MO,WE,SU", ";BYMONTHDAY=31", ";BYMONTH=2,7", ";BYDAY=1TU"]),
    starts=between("2026-01-01", "2027-12-31").map(lambda at: at.replace(microsecond=0)),
)  # fmt: skip
def test_a_series_ends_and_names_no_day_twice(
    freq: str, interval: int, count: int | None, more: str, starts: datetime
) -> None:
    """Whatever the rule, at most one occurrence a day, at one time of day, within ten years; and in their order."""
    rule = f"FREQ={freq};INTERVAL={interval}{more}" + (f";COUNT={count}" if count else "")
    if mistake_in(rule, starts, ROME):
        return
    found = list(islice(times(rule, starts, ROME), 4000))
    days = [local.date() for local in found]
    assert days == sorted(set(days))
    assert {local.time() for local in found} == {starts.time()}
    assert found[-1] <= starts + LONGEST
    assert count is None or len(found) <= count
    half = found[len(found) // 2]
    assert list(times(rule, starts, ROME, after=half)) == [local for local in found if local > half]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("FREQ=MONTHLY;BYDAY=99MO", "never comes"), ("FREQ=MONTHLY;BYDAY=6MO", "never comes"),
        ("FREQ=YEARLY;BYDAY=54MO", "never comes"), ("FREQ=MONTHLY;BYDAY=0MO", "never comes"),
        ("FREQ=WEEKLY;BYDAY=2MO", "counts no weekdays"), ("FREQ=DAILY;BYDAY=+1MO", "counts no weekdays"),
        ("FREQ=WEEKLY;BYDAY=XX", "no weekday"), ("FREQ=WEEKLY;BYDAY=MO,", "no weekday"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY is from 1 to 31"), ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY"),
        ("FREQ=YEARLY;BYMONTH=13", "BYMONTH is from 1 to 12"), ("FREQ=YEARLY;BYMONTH=-1", "BYMONTH"),
        ("FREQ=YEARLY;BYWEEKNO=99", "BYWEEKNO"), ("FREQ=YEARLY;BYYEARDAY=-367", "BYYEARDAY"),
        ("FREQ=DAILY;UNTIL=99993112", "month"),
    ],
)  # fmt: skip
def test_numbers_that_are_no_days_are_refused_and_never_taken_for_others(rule: str, said: str) -> None:
    """Also those that the library takes for none, or stumbles over only as it reckons."""
    assert said in mistake_in(rule, NINE, ROME)


@pytest.mark.parametrize("until", ["99991231", "99991231T235959Z", "99991231T235959"])
def test_a_series_until_the_end_of_time_lasts_as_long_as_one_without_an_end(until: str) -> None:
    """As calendars write one that never ends."""
    assert list(times(f"FREQ=MONTHLY;UNTIL={until}", NINE, ROME)) == list(times("FREQ=MONTHLY", NINE, ROME))


@given(
    rule=st.lists(
        st.one_of(
            st.tuples(st.just("BYDAY"), st.from_regex(r"[+-]?[0-9]{0,2}(MO|SU)(,[+-]?[0-9]{0,2}FR)?", fullmatch=True)),
            st.tuples(
                st.sampled_from(["BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS", "INTERVAL", "COUNT"]),
                st.integers(-400, 400).map(str),
            ),
        ),
        max_size=3,
    ),
    often=st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
)
@settings(max_examples=150, deadline=None)
def test_a_rule_is_refused_or_kept_to(rule: list[tuple[str, str]], often: str) -> None:
    """Nothing that is taken stumbles later."""
    text = ";".join([f"FREQ={often}", *(f"{name}={value}" for name, value in rule)])
    if not mistake_in(text, NINE, ROME):
        assert next(times(text, NINE, ROME)) >= NINE
