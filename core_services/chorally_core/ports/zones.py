"""The time zones that there are, the same on every machine."""

from functools import lru_cache
from zoneinfo import available_timezones

_OF_A_MACHINE = frozenset({"Factory", "localtime", "posixrules"})  # whatever a machine is set to, and placeholders


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    """Return the names of time zones as IANA has them."""
    return frozenset(available_timezones()) - _OF_A_MACHINE


def zone_mistake(name: str) -> str:
    """Return why a time zone is none; empty where it is one."""
    return "" if name in zones() else f"there is no time zone {name!r}; write it as Europe/Rome"
