"""Opening hours as people write them: checked, with mistakes named by field, before they become a calendar."""

import itertools
import re
from datetime import date, time
from typing import Annotated, Any, Self

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from chorally_core.ports.calendars import MIDNIGHT, Hours, Weekday, supported
from chorally_core.ports.calendars import Interval as StoredInterval
from chorally_core.ports.zones import zone_mistake

INTERVALS = 12
"""Intervals in one day."""
DATES = 1000
"""Dates of one calendar's own."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _minute(value: Any) -> Any:
    """Return the minute of the day that ``HH:MM`` says; 24:00 is the end of the day."""
    if isinstance(value, str):
        if not (found := re.fullmatch(r"(\d{1,2}):(\d{2})", value)):
            raise ValueError(f"{value!r} is no time of day; write it as 09:00")
        hours, minutes = int(found[1]), int(found[2])
        if minutes > 59 or hours * 60 + minutes > MIDNIGHT:
            raise ValueError(f"{value!r} is no time of day; the latest is 24:00")
        return hours * 60 + minutes
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is no time of day; write it as 09:00")
    return value


Minute = Annotated[
    int,
    BeforeValidator(_minute, json_schema_input_type=str),
    Field(ge=0, le=MIDNIGHT, description="A time of day such as 09:00, up to 24:00."),
]
"""A minute of the day, 0 to 1440; people write 09:00."""


class Interval(_Strict):
    """Hours in which it is open; what closes no later than it opens, closes on the next day."""

    opens: Minute = Field(title="Opens")
    closes: Minute = Field(title="Closes")

    @model_validator(mode="after")
    def _not_at_the_end(self) -> Self:
        if self.opens == MIDNIGHT:
            raise ValueError("what opens at 24:00 opens at 00:00 of the next day; put it there")
        return self


Intervals = Annotated[tuple[Interval, ...], Field(max_length=INTERVALS)]


class Country(_Strict):
    """The public holidays of a country, or of a part of it, as the ``holidays`` library knows them."""

    country: str = Field(title="Country", pattern="^[A-Z]{2}$", description="ISO 3166-1, such as IT.")
    region: str = Field(default="", title="Region", description="ISO 3166-2 without the country, such as BZ.")

    @model_validator(mode="after")
    def _known(self) -> Self:
        regions = supported().get(self.country)
        if regions is None:
            raise ValueError(f"the holidays of {self.country!r} are not known")
        if self.region and self.region not in regions:
            raise ValueError(f"{self.country} has no region {self.region!r}; it has {', '.join(regions) or 'none'}")
        return self


class Festivity(_Strict):
    """A closed date of one's own, once or each year."""

    on: str = Field(title="On", description="2026-12-24 for once, 12-24 for each year.")
    name: str = Field(default="", title="Name", max_length=100)

    @model_validator(mode="after")
    def _is_a_date(self) -> Self:
        whole = self.on if len(self.on) > 5 else f"2024-{self.on}"  # a leap year: 02-29 is a date
        try:
            if date.fromisoformat(whole).isoformat() != whole:
                raise ValueError(self.on)
        except ValueError:
            raise ValueError(f"{self.on!r} is no date; write 2026-12-24, or 12-24 for each year") from None
        return self


class Exceptional(_Strict):
    """A date with hours of its own, whatever else the calendar says of it; closed without any."""

    on: date = Field(title="On")
    open: Intervals = Field(default=(), title="Open")
    name: str = Field(default="", title="Name", max_length=100)


def _zone(name: str) -> str:
    if why := zone_mistake(name):
        raise ValueError(why)
    return name


class OpeningHours(_Strict):
    """When somebody is there."""

    time_zone: Annotated[str, AfterValidator(_zone)] = Field(
        title="Time zone", description="IANA, such as Europe/Rome."
    )
    weekly: dict[Weekday, Intervals] = Field(default={}, title="Opening hours by weekday")
    countries: tuple[Country, ...] = Field(default=(), title="Public holidays of", max_length=20)
    festivities: tuple[Festivity, ...] = Field(default=(), title="Closed dates", max_length=DATES)
    exceptions: tuple[Exceptional, ...] = Field(default=(), title="Dates with hours of their own", max_length=DATES)

    @model_validator(mode="after")
    def _apart(self) -> Self:
        stored = self.stored()
        for name, intervals in (*stored.weekly.items(), *((str(each.on), each.open) for each in stored.exceptions)):
            ordered = sorted(intervals, key=lambda each: each.opens)
            for one, next_one in itertools.pairwise(ordered):
                if one.opens + one.length > next_one.opens:
                    raise ValueError(f"the hours of {name} overlap: {_shown(one)} and {_shown(next_one)}")
        days = [each.on for each in self.exceptions]
        if len(set(days)) < len(days):
            raise ValueError(f"{next(day for day in days if days.count(day) > 1)} has two exceptions")
        return self

    def stored(self) -> Hours:
        """Return them as a calendar keeps them."""
        return msgspec.convert(self.model_dump(), Hours)


def clock(minute: int) -> str:
    """Return a minute of the day as people write it."""
    return "24:00" if minute == MIDNIGHT else time(minute // 60, minute % 60).isoformat("minutes")


def _shown(interval: StoredInterval) -> str:
    return f"{clock(interval.opens)}-{clock(interval.closes)}"
