"""Says an instant in the words of a language: ``tomorrow at 9:00 AM``, ``lunedì 30 novembre alle 09:00``.

Names of days and months, their order and the clock are those of CLDR, which Babel brings. What CLDR does not have is
said here for some languages; elsewhere date and time stand beside each other, and in a language that nobody knows they
are written as ISO 8601 does.
"""

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo


class _Said(NamedTuple):
    today: str
    tomorrow: str
    then: str


_WORDS = {
    "de": _Said("heute um {time} Uhr", "morgen um {time} Uhr", "{date} um {time} Uhr"),
    "en": _Said("today at {time}", "tomorrow at {time}", "{date} at {time}"),
    "es": _Said("hoy a las {time}", "mañana a las {time}", "{date} a las {time}"),
    "fr": _Said("aujourd’hui à {time}", "demain à {time}", "{date} à {time}"),
    "it": _Said("oggi alle {time}", "domani alle {time}", "{date} alle {time}"),
}
_ELSEWHERE = "{date} {time}"


class Words(NamedTuple):
    """An instant in words."""

    whole: str
    """Such as ``tomorrow at 9:00 AM``."""
    date: str
    """Such as ``Monday, November 30``."""
    time: str
    """Such as ``9:00 AM``."""


def said(at: datetime, *, seen_from: datetime, zone: ZoneInfo, language: str) -> Words:
    """Return an instant in words, by the clock of a time zone.

    Args:
        at: The instant.
        seen_from: When it is said, for today, tomorrow, and the year.
        zone: Where it is said.
        language: Such as ``it`` or ``pt-BR``; one that is not known says it in figures.
    """
    there, here = at.astimezone(zone), seen_from.astimezone(zone)
    locale = _locale(language)
    if locale is None:
        date, time = there.date().isoformat(), there.strftime("%H:%M")
        return Words(f"{date} {time}", date, time)
    date, time = _date(there, locale, with_year=there.year != here.year), _time(there, locale)
    words, days = _WORDS.get(locale.language), there.date() - here.date()
    form = _ELSEWHERE if words is None else words.then
    if words is not None and days in (timedelta(0), timedelta(days=1)):
        form = words.tomorrow if days else words.today
    return Words(form.format(date=date, time=time), date, time)


@lru_cache(maxsize=256)
def _locale(language: str) -> Any:
    """The locale of a language, or of it without its region; None where CLDR has neither."""
    from babel import Locale, UnknownLocaleError  # takes long to import, and few replies need it

    for name in dict.fromkeys((language.replace("-", "_"), re.split("[-_]", language)[0])):
        try:
            return Locale.parse(name)
        except (UnknownLocaleError, ValueError):
            continue
    return None


def _date(day: datetime, locale: Any, *, with_year: bool) -> str:
    """A date with its weekday, in full; CLDR gives the order in short, and says that the parts may be lengthened."""
    from babel.dates import format_date

    skeletons = ("yMMMMEEEEd", "yMMMMEd", "yMMMEd") if with_year else ("MMMMEEEEd", "MMMMEd", "MMMEd")
    short = next((str(found.pattern) for name in skeletons if (found := locale.datetime_skeletons.get(name))), "")
    pattern = re.sub(r"E+\.?", "EEEE", re.sub(r"M{3,}", "MMMM", short)) or "full"
    return format_date(day.date(), pattern, locale=locale)


def _time(at: datetime, locale: Any) -> str:
    from babel.dates import format_time

    return format_time(at.time(), "short", locale=locale).replace("\u202f", " ").replace("\u00a0", " ")
