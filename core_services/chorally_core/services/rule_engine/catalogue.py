"""The fields that rules look at: those of every tenant, the tenant's own custom fields, and hours in any time zone."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chorally_core.services.rule_engine.facts import NOW, Facts, Lazy, facts_of
from chorally_core.services.rule_engine.fields import MISSING, Catalogue, Field, Type, UnknownField

CUSTOM = "ticket.custom."
"""What the name of a tenant's own field begins with, compared as a keyword."""
CUSTOM_NUMBER = "ticket.custom_number."
"""The same, compared as a number."""
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_KEY, _TEXT, _NUM, _BOOL, _SET, _TIME = Type.KEYWORD, Type.TEXT, Type.NUMBER, Type.BOOLEAN, Type.SET, Type.TIME
_TIMES = ("time.weekday", "time.hour", "time.date")
_IN_ZONE = "In UTC; in a time zone as `{}@Europe/Rome`."

FIELDS = (
    Field("message.channel", _KEY, "Channel", "Where it was said, such as `facebook_comment`."),
    Field("message.platform", _KEY, "Platform", "The service that it came from, such as `facebook`."),
    Field("message.account", _KEY, "Account", "Id of the account through which it came."),
    Field("message.kind", _KEY, "Kind", "What it is: `text`, `review`, `mail` and so on."),
    Field("message.text", _TEXT, "Text", "What was said, its first 2,000 characters."),
    Field("message.subject", _TEXT, "Subject", "Of a mail or review."),
    Field("message.length", _NUM, "Length", "Characters of the text, at most 2,000."),
    Field("message.language", _KEY, "Language", "As the platform tells it, such as `it`."),
    Field("message.rating", _NUM, "Rating", "Stars, 1 to 5."),
    Field("message.attachments", _SET, "Kinds of attachments", "Such as `image`."),
    Field("message.has_attachment", _BOOL, "Has an attachment"),
    Field("message.has_link", _BOOL, "Has a link", "Whether an address of a page is in the text."),
    Field("message.hashtags", _SET, "Hashtags", "Without their `#`, in lower case."),
    Field("message.mentions", _SET, "Mentions", "Names after an `@`, in lower case."),
    Field("message.first", _BOOL, "First message", "Whether it is the first of its ticket."),
    Field("message.automatic", _BOOL, "Automatic", "Whether a machine wrote it."),
    Field("message.edited", _BOOL, "Edited", "Whether its author has changed it."),
    Field("author.id", _KEY, "Author", "Id of the person."),
    Field("author.name", _TEXT, "Author's name"),
    Field("author.handle", _TEXT, "Author's handle", "Their name on the platform, such as `@ada`."),
    Field("author.followers", _NUM, "Author's followers"),
    Field("author.country", _KEY, "Author's country"),
    Field("author.language", _KEY, "Author's language"),
    Field("author.previous_tickets", _NUM, "Previous tickets", "Earlier tickets since the tenant has rules."),
    Field("author.blocked", _BOOL, "Author is blocked"),
    Field("ticket.number", _NUM, "Ticket number"),
    Field("ticket.status", _KEY, "Status", values=("open", "waiting", "resolved")),
    Field("ticket.priority", _KEY, "Priority", values=("low", "normal", "high", "urgent")),
    Field("ticket.assignee", _KEY, "Assignee", "Id of the agent."),
    Field("ticket.team", _KEY, "Team", "Id of the team."),
    Field("ticket.tags", _SET, "Tags"),
    Field("ticket.subject", _TEXT, "Ticket's subject"),
    Field("ticket.language", _KEY, "Ticket's language"),
    Field("ticket.created_at", _TIME, "Created"),
    Field("ticket.last_author_message_at", _TIME, "Author's last message", "That of the event included."),
    Field("ticket.last_agent_message_at", _TIME, "Our last message"),
    Field("ticket.waiting_since", _TIME, "Waiting since", "Since when the author waits for an answer."),
    Field("ticket.messages", _NUM, "Messages in the ticket"),
    Field("ticket.reopened", _NUM, "Times reopened"),
    Field("ticket.window_open", _BOOL, "Can be answered", "Whether the platform still takes an answer."),
    Field("ticket.window_closes_at", _TIME, "Reply window closes", "Unknown where there is no window."),
    Field("actor.kind", _KEY, "Who did it", values=("author", "agent", "service", "rule", "platform")),
    Field("actor.id", _KEY, "Id of who did it"),
    Field("time.weekday", _KEY, "Weekday", _IN_ZONE.format("time.weekday"), values=WEEKDAYS),
    Field("time.hour", _NUM, "Hour", f"0 to 23. {_IN_ZONE.format('time.hour')}"),
    Field("time.date", _KEY, "Date", f"Such as `2026-12-24`. {_IN_ZONE.format('time.date')}"),
)
"""The fields that every tenant has."""


class RuleCatalogue(Catalogue):
    """Those of every tenant, and such as are named after a custom field or a time zone."""

    def __getitem__(self, name: str) -> Field:
        """Return the field of that name.

        Raises:
            UnknownField: There is none.
        """
        for prefix, of in ((CUSTOM, Type.KEYWORD), (CUSTOM_NUMBER, Type.NUMBER)):
            if name.startswith(prefix) and len(name) > len(prefix):
                return Field(name, of, f"Custom field {name.removeprefix(prefix)}")
        base, at, zone = name.partition("@")
        if at and base in _TIMES:
            try:
                ZoneInfo(zone)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise UnknownField(f"there is no time zone {zone!r}; name one such as Europe/Rome") from None
            field = super().__getitem__(base)
            return Field(name, field.type, f"{field.title} in {zone}", values=field.values)
        return super().__getitem__(name)


CATALOGUE = RuleCatalogue(FIELDS)
"""Every field."""

_LINK = re.compile(r"https?://|\bwww\.\w", re.IGNORECASE)
_HASHTAG = re.compile(r"(?<!\w)#(\w+)")
_MENTION = re.compile(r"(?<!\w)@([\w.]*\w)")


def facts_class(names: Iterable[str]) -> type[Facts]:
    """Return the class of facts that can tell these fields besides those that every tenant has.

    Args:
        names: Fields that rules name; those of custom fields and time zones among them are added.
    """
    missing, lazy = dict(CATALOGUE.missing), dict(_LAZY)
    for name in names:
        if name not in missing:
            missing[name] = MISSING[CATALOGUE[name].type]
            base, _, zone = name.partition("@")
            if zone:
                lazy[name] = _time(base, ZoneInfo(zone))
    return facts_of(missing, lazy)


def _time(name: str, zone: tzinfo) -> Lazy:
    def make(facts: Facts) -> str | int:
        at = datetime.fromtimestamp(facts[NOW], zone)
        if name == "time.hour":
            return at.hour
        return WEEKDAYS[at.weekday()] if name == "time.weekday" else at.date().isoformat()

    return make


def _window_open(facts: Facts) -> bool:
    return not facts[NOW] >= facts["ticket.window_closes_at"]  # also where there is none, which is no number


_LAZY: dict[str, Lazy] = {
    **{name: _time(name, UTC) for name in _TIMES},
    "message.length": lambda facts: len(facts["message.text"]),
    "message.has_link": lambda facts: _LINK.search(facts["message.text"]) is not None,
    "message.hashtags": lambda facts: frozenset(_HASHTAG.findall(facts["message.text"])),
    "message.mentions": lambda facts: frozenset(_MENTION.findall(facts["message.text"])),
    "message.has_attachment": lambda facts: bool(facts["message.attachments"]),
    "ticket.window_open": _window_open,
}
