"""Chooses what holds for a message: the calendar, the reply, its text; the most specific first.

- The calendar: one for the message's account before one for its channel, that before one for its language, that before
  one for all. A language by its region (``pt-BR``) is more specific than without. The earlier of equals.
- The reply: one for the reason why it is closed before one for ``closed`` or ``open``, that before ``always``. One for
  that calendar before one for any. The earlier of equals.
- The text: in the language wanted, else in the same language of another region, else the reply's own language.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from chorally_core.ports.calendars import Calendar
from chorally_core.ports.opening import State
from chorally_core.services.rule.model import Condition, Reply

_REASONS: Mapping[str, Condition] = {"hours": "outside_hours", "holiday": "holiday", "exception": "exception"}


class Asking(NamedTuple):
    """Where a message came from."""

    account_id: str = ""
    channel: str = ""
    language: str = ""
    """Of who wrote it, such as ``it`` or ``pt-BR``; empty where it is not known."""


def calendar_for(calendars: Iterable[Calendar], asking: Asking) -> Calendar | None:
    """Return the calendar that holds; None where there is none for such a message."""
    fitting = [(rank, calendar) for calendar in calendars if (rank := _rank(calendar, asking)) is not None]
    return max(fitting, key=lambda each: each[0])[1] if fitting else None


def _rank(calendar: Calendar, asking: Asking) -> tuple[bool, bool, int] | None:
    """How specific a calendar is; None where it is not for such a message."""
    if calendar.accounts and asking.account_id not in calendar.accounts:
        return None
    if calendar.channels and asking.channel not in calendar.channels:
        return None
    spoken = max((likeness(each, asking.language) for each in calendar.languages), default=0)
    if calendar.languages and not spoken:
        return None
    return bool(calendar.accounts), bool(calendar.channels), spoken


def conditions_of(state: State) -> tuple[Condition, ...]:
    """Return the conditions that hold, the most specific first."""
    return ("open", "always") if state.is_open else (_REASONS[state.reason], "closed", "always")


def reply_for(replies: Iterable[Reply], calendar_id: str, state: State) -> Reply | None:
    """Return the reply that is given; None where there is none."""
    holding = conditions_of(state)
    fitting = [
        reply
        for reply in replies
        if reply.enabled and reply.condition in holding and reply.calendar_id in (None, calendar_id)
    ]
    return min(fitting, key=lambda each: (holding.index(each.condition), each.calendar_id is None), default=None)


def text_for(reply: Reply, language: str) -> tuple[str, str]:
    """Return the language of the text that is given, and the text."""
    spoken = max(reply.texts, key=lambda each: likeness(each, language))
    chosen = spoken if likeness(spoken, language) else reply.language
    return chosen, reply.texts[chosen]


def likeness(one: str, other: str) -> int:
    """Return how much two languages are alike: 3 the same, 2 a region of the other, 1 another region, 0 not."""
    one, other = (each.replace("_", "-").lower() for each in (one, other))
    if not one or not other:
        return 0
    if one == other:
        return 3
    base, other_base = one.partition("-")[0], other.partition("-")[0]
    if base != other_base:
        return 0
    return 2 if base in (one, other) else 1
