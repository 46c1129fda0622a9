"""Calendars of a tenant: when somebody is there, for which accounts, channels and languages.

What an instant is by a calendar says ``opening``. Each version of a calendar is a document that never changes; one list
for each tenant says which versions hold, and its version tells any process whether what it has read still does.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from chorally_core.ports.documents import Document, Key
from chorally_core.ports.handlers import Found

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MIDNIGHT = 24 * 60
"""Minutes of a day."""

_TENANTS = 1000  # whose calendars stay in memory


class Interval(msgspec.Struct, frozen=True):
    """Hours in which it is open; what closes no later than it opens, closes on the next day."""

    opens: int
    """A minute of the day, 0 to 1439."""
    closes: int
    """A minute of the day, 0 to 1440."""

    @property
    def length(self) -> int:
        """Minutes by the clock from opening to closing; a whole day where both are the same."""
        return self.closes - self.opens if self.closes > self.opens else self.closes + MIDNIGHT - self.opens


class Country(msgspec.Struct, frozen=True):
    """The public holidays of a country, or of a part of it, as the ``holidays`` library knows them."""

    country: str
    """ISO 3166-1, such as IT."""
    region: str = ""
    """ISO 3166-2 without the country, such as BZ."""


class Festivity(msgspec.Struct, frozen=True):
    """A closed date of one's own: ``2026-12-24`` for once, ``12-24`` for each year."""

    on: str
    name: str = ""

    def falls_on(self, day: date) -> bool:
        """Whether it is on this day."""
        return self.on in (day.isoformat(), day.isoformat()[5:])


class Exceptional(msgspec.Struct, frozen=True):
    """A date with hours of its own, whatever else the calendar says of it; closed without any."""

    on: date
    open: tuple[Interval, ...] = ()
    name: str = ""


class Hours(msgspec.Struct, frozen=True, omit_defaults=True):
    """When somebody is there, by the clock on the wall of a time zone."""

    time_zone: str
    """IANA, such as Europe/Rome."""
    weekly: dict[Weekday, tuple[Interval, ...]] = {}
    countries: tuple[Country, ...] = ()
    festivities: tuple[Festivity, ...] = ()
    exceptions: tuple[Exceptional, ...] = ()

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.time_zone)


class Calendar(Document, frozen=True, kw_only=True):
    """One version of a calendar; never changed."""

    kind = "calendar"

    calendar_id: str
    number: int
    """Counts its versions, from 1."""
    name: str
    hours: Hours
    accounts: tuple[str, ...] = ()
    """Ids of the accounts that it is for; empty for all."""
    channels: tuple[str, ...] = ()
    """Channels that it is for, such as ``facebook_comment``; empty for all."""
    languages: tuple[str, ...] = ()
    """Languages of those who write that it is for, such as ``it`` or ``pt-BR``; empty for all."""
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str


class Listed(msgspec.Struct, frozen=True):
    """One calendar, or one automatic reply, in its place."""

    id: str
    number: int
    """Its version."""
    stored: str
    """Id of the document that holds it."""


class Calendars(Document, frozen=True, kw_only=True):
    """The calendars of a tenant and the replies by them, each in its order; under the tenant's id."""

    kind = "calendars"

    calendars: tuple[Listed, ...] = ()
    replies: tuple[Listed, ...] = ()
    replaced: tuple[str, ...] = ()
    """What the last change replaced; kept until the next one for processes that were just reading it."""


class Known:
    """The calendars of each tenant that a process has read, for as long as they hold."""

    def __init__(self) -> None:
        self._read: OrderedDict[str, tuple[int, dict[str, Calendar]]] = OrderedDict()

    def wants(self, listed: Calendars) -> Iterable[Key]:
        """Name the calendars that have to be read; none where those known still hold."""
        known = self._read.get(listed.tenant)
        if known is not None and known[0] == listed.version:
            return ()
        return [Key.by_id(Calendar, each.stored) for each in listed.calendars]

    def of(self, listed: Calendars, found: Found) -> Mapping[str, Calendar]:
        """Return the tenant's calendars by their id, in their order.

        Raises:
            LookupError: One was replaced while it was being read; the next try sees the new one.
        """
        known = self._read.get(listed.tenant)
        if known is not None and known[0] == listed.version:
            return known[1]
        calendars = {each.id: found.get(Calendar, each.stored) for each in listed.calendars}
        by_id = {name: calendar for name, calendar in calendars.items() if calendar is not None}
        if len(by_id) < len(calendars):
            raise LookupError("the calendars were changed while they were read")
        self._read[listed.tenant] = listed.version, by_id
        if len(self._read) > _TENANTS:
            self._read.popitem(last=False)
        return by_id


@lru_cache(maxsize=1)
def supported() -> dict[str, list[str]]:
    """Return the countries whose holidays are known, each with its regions."""
    import holidays  # slow to import, and needed by few

    return holidays.list_supported_countries(include_aliases=False)


@lru_cache(maxsize=512)
def holidays_of(country: Country, year: int) -> dict[date, str]:
    """Return the holidays of a year with their names."""
    import holidays  # slow to import, and needed by few

    found = holidays.country_holidays(country.country, subdiv=country.region or None, years=year)
    return {day: str(name) for day, name in found.items()}
