"""Decides what would be sent at an instant, and why, or why nothing: the same for a message and for whoever asks."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from chorally_core.ports.calendars import Calendar
from chorally_core.ports.opening import State, state
from chorally_core.ports.variables import filled
from chorally_core.services.rule.choosing import Asking, calendar_for, reply_for, text_for
from chorally_core.services.rule.model import Given, Reply
from chorally_core.services.rule.words import said

VARIABLES: Mapping[str, str] = {
    "calendar.opens": "When it opens next, in words; empty where that is not within 400 days.",
    "calendar.opens_date": "The date of it.",
    "calendar.opens_time": "The time of day of it.",
    "calendar.closes": "When it closes, in words; empty while it is closed.",
    "calendar.name": "The calendar's name.",
    "holiday.name": "The name of the festivity or exception; empty on an ordinary day.",
    "author.name": "Who wrote.",
    "message.channel": "Where it was written.",
    "ticket.number": "The ticket's number.",
}
"""What may stand in the text of a reply."""


class Answer(NamedTuple):
    """What an instant gives."""

    calendar: Calendar | None
    state: State | None
    reply: Reply | None
    language: str
    """Of the text."""
    text: str
    why_not: str
    """Why nothing is sent; empty where the text is."""


def answer(
    calendars: Iterable[Calendar],
    replies: Iterable[Reply],
    asking: Asking,
    at: datetime,
    *,
    given: Given | None = None,
    values: Mapping[str, str] | None = None,
) -> Answer:
    """Return what is sent at an instant.

    Args:
        calendars: The tenant's, in their order.
        replies: The tenant's, in their order.
        asking: Where the message came from.
        at: When.
        given: The last reply by the calendar that the ticket got.
        values: Variables besides those of the calendar.
    """
    calendar = calendar_for(calendars, asking)
    if calendar is None:
        return Answer(None, None, None, "", "", "no calendar is for this account, channel and language")
    now = state(calendar.hours, at)
    reply = reply_for(replies, calendar.calendar_id, now)
    if reply is None:
        return Answer(calendar, now, None, "", "", "no enabled reply is for what the calendar says")
    language, text = text_for(reply, asking.language)
    text = filled(text, {**(values or {}), **_told(calendar, now, at, language)}).strip()
    if given is not None and (now.since is None or given.at >= now.since):
        since = "it opened" if now.is_open else "it closed"
        return Answer(calendar, now, reply, language, text, f"the ticket has got a reply since {since}")
    if not text:
        return Answer(calendar, now, reply, language, "", "nothing is left of the text, as its variables are empty")
    return Answer(calendar, now, reply, language, text, "")


def _told(calendar: Calendar, now: State, at: datetime, language: str) -> dict[str, str]:
    values = {"calendar.name": calendar.name, "holiday.name": now.name}
    if now.until is None:
        return values
    words = said(now.until, seen_from=at, zone=calendar.hours.zone, language=language)
    if now.is_open:
        return {**values, "calendar.closes": words.whole}
    dated = {"calendar.opens_date": words.date, "calendar.opens_time": words.time}
    return {**values, "calendar.opens": words.whole, **dated}
