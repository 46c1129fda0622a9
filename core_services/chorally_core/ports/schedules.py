"""When something that is done again and again is due."""

from datetime import date, datetime, time, timedelta
from math import floor
from zoneinfo import ZoneInfo

import msgspec


class Every(msgspec.Struct, frozen=True, tag="every"):
    """Due each time so many seconds have passed, first at once."""

    seconds: float

    def __post_init__(self) -> None:
        """Refuse an interval that would never end.

        Raises:
            ValueError: It is not above 0.
        """
        if not self.seconds > 0:
            raise ValueError(f"every {self.seconds} s is never; the interval must be above 0")

    def first(self, now: datetime) -> datetime:
        """Return when it is due first."""
        return now

    def following(self, due: datetime, now: datetime) -> datetime:
        """Return the first time after ``now`` in the rhythm of ``due``: what was missed meanwhile is passed over."""
        passed = floor(max(0.0, (now - due).total_seconds()) / self.seconds)
        return due + timedelta(seconds=self.seconds * (passed + 1))


class Daily(msgspec.Struct, frozen=True, tag="daily"):
    """Due each day at a time of the wall clock of a zone.

    A time that the wall clock leaves out on the day the clocks change is due an hour later, one that it shows
    twice the first time.
    """

    at: str
    """Hours and minutes, such as ``03:30``."""
    zone: str
    """Name of the time zone, such as ``Europe/Rome``."""

    def __post_init__(self) -> None:
        """Refuse what is no time or no zone.

        Raises:
            ValueError: The time cannot be read.
            KeyError: There is no such zone.
        """
        time.fromisoformat(self.at)
        ZoneInfo(self.zone)

    def first(self, now: datetime) -> datetime:
        """Return when it is due first: the next time that the clock shows it."""
        return self.following(now, now)

    def following(self, due: datetime, now: datetime) -> datetime:
        """Return the first time after ``now``: what was missed meanwhile is passed over."""
        zone = ZoneInfo(self.zone)
        today = now.astimezone(zone).date()
        days = (self._on(today + timedelta(days=ahead), zone, now) for ahead in range(3))
        return next(at for at in days if at > now)

    def _on(self, day: date, zone: ZoneInfo, now: datetime) -> datetime:
        return datetime.combine(day, time.fromisoformat(self.at), zone).astimezone(now.tzinfo)


Schedule = Every | Daily
"""A rhythm."""
