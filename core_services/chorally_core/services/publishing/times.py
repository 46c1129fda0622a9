"""Times by the clock on a wall: what they are in UTC, also on the days on which clocks change."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def instant(local: datetime, zone: str) -> datetime:
    """Return when a clock in that zone shows this time, in UTC.

    As RFC 5545 (section 3.3.5) has it: a time that clocks skip is the one that they would show had they not been
    put forward, so 02:30 becomes 03:30; of one that they show twice, it is the first.
    """
    return local.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)


def wall(at: datetime, zone: str) -> datetime:
    """Return what a clock in that zone shows at an instant, without a zone."""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


def note(local: datetime, zone: str) -> str:
    """Return what is odd about a time by the clock; empty where nothing is."""
    place = ZoneInfo(zone)
    first, second = local.replace(tzinfo=place, fold=0), local.replace(tzinfo=place, fold=1)
    if first.utcoffset() == second.utcoffset():
        return ""
    shown = wall(instant(local, zone), zone)
    if shown != local:
        return f"clocks in {zone} skip {local:%H:%M} on that day; {shown:%H:%M} is taken"
    return f"clocks in {zone} show {local:%H:%M} twice on that day; the first is taken"
