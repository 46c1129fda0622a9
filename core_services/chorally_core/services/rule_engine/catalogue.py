"""The fields that rules look at: those of every tenant, the tenant's own, hours in any time zone, and calendars."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from chorally_core.ports.calendars import Hours
from chorally_core.ports.opening import State, state
from chorally_core.ports.zones import zone_mistake
from chorally_core.services.rule_engine.facts import NOW, Facts, Lazy, facts_of
from chorally_core.services.rule_engine.field_list import FIELDS, WEEKDAYS
from chorally_core.services.rule_engine.fields import MISSING, Catalogue, Field, Type, UnknownField

CUSTOM_TYPES = {"custom": Type.KEYWORD, "custom_number": Type.NUMBER, "custom_set": Type.SET}
"""How a field of the tenant's own may be compared, by what stands in its name."""
CUSTOM_OF = ("ticket", "author", "message")
"""What has fields of the tenant's own."""
HOURS = "#hours"
"""What gives the hours of a calendar by its id."""
CALENDAR = {
    "calendar.open": ("Calendar is open", "Whether somebody is there by the calendar of that id."),
    "calendar.holiday": ("Calendar has a holiday", "Whether it is a holiday by the calendar of that id."),
}
"""What calendars tell, as ``calendar.open@ID``: title and description."""

_TIMES = ("time.weekday", "time.hour", "time.date")


def is_of_calendar(name: str) -> bool:
    """Whether a field is told by a calendar."""
    return name.startswith("calendar.")


def custom_of(name: str) -> tuple[str, Type, str] | None:
    """Return whose field of the tenant's own a name means, how it is compared, and its key; None for others."""
    parts = name.split(".", 2)
    if len(parts) < 3 or parts[0] not in CUSTOM_OF or parts[1] not in CUSTOM_TYPES or not parts[2]:
        return None
    return parts[0], CUSTOM_TYPES[parts[1]], parts[2]


class RuleCatalogue(Catalogue):
    """Those of every tenant, and such as are named after a custom field, a time zone or a calendar."""

    def __getitem__(self, name: str) -> Field:
        """Return the field of that name.

        Raises:
            UnknownField: There is none.
        """
        if (own := custom_of(name)) is not None:
            return Field(name, own[1], f"Custom field {own[2]}")
        base, at, which = name.partition("@")
        if base in CALENDAR:
            if not which:
                raise UnknownField(f"name a calendar by its id, as {base}@ID")
            return Field(name, Type.BOOLEAN, *CALENDAR[base])
        if at and base in _TIMES:
            if why := zone_mistake(which):
                raise UnknownField(why)
            field = super().__getitem__(base)
            return Field(name, field.type, f"{field.title} in {which}", values=field.values)
        return super().__getitem__(name)


CATALOGUE = RuleCatalogue(FIELDS)
"""Every field."""

_LINK = re.compile(r"https?://|\bwww\.\w", re.IGNORECASE)
_HOST = re.compile(r"(?:https?://(?:[^\s/@]*@)?|\b(?=www\.))([\w.-]*\w)", re.IGNORECASE)
_HASHTAG = re.compile(r"(?<!\w)#(\w+)")
_MENTION = re.compile(r"(?<!\w)@([\w.]*\w)")


def facts_class(names: Iterable[str]) -> type[Facts]:
    """Return the class of facts that can tell these fields besides those that every tenant has.

    Args:
        names: Fields that rules name; those of custom fields, time zones and calendars among them are added.
    """
    missing, lazy = dict(CATALOGUE.missing), dict(_LAZY)
    states: dict[str, Callable[[Facts], State | None]] = {}
    for name in names:
        if name not in missing:
            missing[name] = MISSING[CATALOGUE[name].type]
            base, _, which = name.partition("@")
            if base in CALENDAR:
                lazy[name] = _by_calendar(base, states.setdefault(which, _states(which)))
            elif base in _TIMES:
                lazy[name] = _time(base, ZoneInfo(which))
    return facts_of(missing, lazy)


def _time(name: str, zone: tzinfo) -> Lazy:
    def make(facts: Facts) -> str | int:
        at = datetime.fromtimestamp(facts[NOW], zone)
        if name == "time.hour":
            return at.hour
        return WEEKDAYS[at.weekday()] if name == "time.weekday" else at.date().isoformat()

    return make


def _states(calendar: str) -> Callable[[Facts], State | None]:
    """Return what tells the state of a calendar; it is remembered for the minute, in which it does not change."""
    last: tuple[Hours, int, State] | None = None

    def find(facts: Facts) -> State | None:
        nonlocal last
        of: Callable[[str], Hours | None] | None = facts.get(HOURS)
        hours = of(calendar) if of is not None else None
        if hours is None:
            return None
        minute = int(facts[NOW] // 60)
        if last is None or last[0] is not hours or last[1] != minute:
            last = hours, minute, state(hours, datetime.fromtimestamp(facts[NOW], UTC))
        return last[2]

    return find


def _by_calendar(base: str, find: Callable[[Facts], State | None]) -> Lazy:
    def make(facts: Facts) -> Any:
        found = find(facts)
        if found is None:
            return None  # there is no such calendar any more
        return found.is_open if base == "calendar.open" else found.reason == "holiday"

    return make


def _window_open(facts: Facts) -> bool:
    return not facts[NOW] >= facts["ticket.window_closes_at"]  # also where there is none, which is no number


_LAZY: dict[str, Lazy] = {
    **{name: _time(name, UTC) for name in _TIMES},
    "message.length": lambda facts: len(facts["message.text"]),
    "message.has_link": lambda facts: _LINK.search(facts["message.text"]) is not None,
    "message.links": lambda facts: frozenset(host.lower() for host in _HOST.findall(facts["message.text"])),
    "message.hashtags": lambda facts: frozenset(_HASHTAG.findall(facts["message.text"])),
    "message.mentions": lambda facts: frozenset(_MENTION.findall(facts["message.text"])),
    "message.has_attachment": lambda facts: bool(facts["message.attachments"]),
    "ticket.window_open": _window_open,
}
