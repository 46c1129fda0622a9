"""When what is done again and again is due."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from chorally_core.ports.schedules import Daily, Every, Schedule
from hypothesis import given
from hypothesis import strategies as st

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ROME = ZoneInfo("Europe/Rome")

instants = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001


def test_an_interval_keeps_its_rhythm_and_passes_over_what_was_missed() -> None:
    """Due at noon and looked at a quarter to three: at three, not at four and not four times."""
    hourly = Every(3600)
    assert hourly.first(NOON) == NOON
    assert hourly.following(NOON, NOON) == NOON + timedelta(hours=1)
    assert hourly.following(NOON, NOON + timedelta(hours=2, minutes=45)) == NOON + timedelta(hours=3)


def test_a_time_of_day_is_that_of_the_zone() -> None:
    """Half past three in Rome, in winter and in summer; today if it is still to come."""
    nightly = Daily("03:30", "Europe/Rome")
    assert nightly.first(NOON) == datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
    assert nightly.first(datetime(2026, 7, 1, 0, 0, tzinfo=UTC)) == datetime(2026, 7, 1, 1, 30, tzinfo=UTC)


def test_the_days_the_clocks_change_have_one_run_each() -> None:
    """A time that is left out is due an hour later by the clock, one that comes twice the first time."""
    nightly = Daily("02:30", "Europe/Rome")
    left_out = nightly.following(NOON, datetime(2026, 3, 28, 12, tzinfo=UTC))
    assert left_out.astimezone(ROME).isoformat() == "2026-03-29T03:30:00+02:00"
    twice = nightly.following(NOON, datetime(2026, 10, 24, 12, tzinfo=UTC))
    assert twice == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert nightly.following(twice, twice).date().isoformat() == "2026-10-26"


@given(
    st.builds(Every, st.floats(0.001, 1e6))
    | st.builds(
        lambda hour, minute, zone: Daily(f"{hour:02}:{minute:02}", zone),
        st.integers(0, 23), st.integers(0, 59), st.sampled_from(["Europe/Rome", "Asia/Kolkata", "America/St_Johns"]),
    ),
    instants,
    st.floats(0, 1e8),
)  # fmt: skip
def test_the_next_time_is_always_still_to_come(schedule: Schedule, due: datetime, late_s: float) -> None:
    """And not further away than one interval, or a day and the hour that the clocks go back."""
    now = due + timedelta(seconds=late_s)
    following = schedule.following(due, now)
    longest = timedelta(seconds=schedule.seconds) if isinstance(schedule, Every) else timedelta(hours=26)
    assert timedelta(0) <= following - now <= longest + timedelta(milliseconds=1)
    assert following > due
    days = [following := schedule.following(following, following) for _ in range(3)]
    assert all(later > earlier for earlier, later in pairwise(days))


@pytest.mark.parametrize("schedule", [Every(5), Daily("03:30", "Europe/Rome")])
def test_a_schedule_comes_back_as_it_was_stored(schedule: Schedule) -> None:
    """Each says which it is."""
    assert msgspec.json.decode(msgspec.json.encode(schedule), type=Schedule) == schedule


def test_what_can_never_be_due_is_refused() -> None:
    """At once, not when it would be due."""
    for seconds in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="above 0"):
            Every(seconds)
    with pytest.raises(ValueError, match="hour must be in"):
        Daily("25:00", "Europe/Rome")
    with pytest.raises(KeyError):
        Daily("03:30", "Europe/Atlantis")
