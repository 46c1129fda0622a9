"""Rules, what became of them, and what the engine knows of people, as they are stored."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from chorally_core.ports.documents import Document

EVENTS = ("message_received", "message_edited", "ticket_changed")
"""Facts that rules may answer."""
TIMED = ("ticket_idle", "ticket_waiting", "window_closing", "follow_up")
"""What rules may answer after time has passed."""

Mode = Literal["all", "first"]
Result = Literal["asked", "skipped", "held", "failed", "overtaken", "refused"]

_JUDGED = 32  # events that a person's record remembers
_TICKETS = 20


class Timer(msgspec.Struct, frozen=True):
    """Something that rules wait for."""

    event: str
    """One of ``TIMED``."""
    after_s: float
    """Seconds after what it counts from; before it, for a window that closes."""
    since: datetime
    """When a rule began to wait for it; what was due earlier is never told."""

    @property
    def name(self) -> str:
        """What tells it apart from others."""
        return timed_event(self.event, self.after_s)


def timed_event(event: str, after_s: float) -> str:
    """Return the name of an event with its span, for which rules are compiled together."""
    return f"{event} {after_s:g}"


class Listed(msgspec.Struct, frozen=True, omit_defaults=True):
    """One rule in its place."""

    id: str
    number: int
    """Version of the rule."""
    stored: str
    """Id of the document that holds it."""
    timers: tuple[Timer, ...] = ()
    """What it waits for, while it is enabled."""
    shares: bool = False
    """Whether it gives tickets to whoever has least to do, while it is enabled."""
    traced_until: datetime | None = None
    """Until when it is told why it does not fire."""


class Ruleset(Document, frozen=True, kw_only=True):
    """The rules of a tenant in their order; under the tenant's id.

    Whoever changes a rule stores it anew and lists it here, so that one document says what holds, and its version
    tells any process whether what it compiled still does.
    """

    kind = "ruleset"

    rules: tuple[Listed, ...] = ()
    replaced: tuple[str, ...] = ()
    """What the last change replaced; kept until the next one for processes that were just reading it."""

    def find(self, rule_id: str) -> Listed | None:
        """Return the place of a rule."""
        return next((listed for listed in self.rules if listed.id == rule_id), None)

    @property
    def watches(self) -> bool:
        """Whether rules need to know how tickets are between one fact and the next."""
        return any(listed.timers or listed.shares for listed in self.rules)

    def timers(self) -> tuple[Timer, ...]:
        """Return what rules wait for, each once, with the earliest time since when."""
        found: dict[str, Timer] = {}
        for listed in self.rules:
            for timer in listed.timers:
                known = found.get(timer.name)
                if known is None or timer.since < known.since:
                    found[timer.name] = timer
        return tuple(found.values())


class Rule(Document, frozen=True, kw_only=True):
    """One version of a rule; never changed."""

    kind = "rule"

    rule_id: str
    number: int
    name: str
    description: str = ""
    events: tuple[str, ...]
    conditions: dict[str, Any]
    actions: tuple[dict[str, Any], ...]
    mode: Mode = "all"
    """``first`` fires only where no rule before it did."""
    stop: bool = False
    """Whether no rule after it fires on the same event."""
    enabled: bool = True
    after_s: float | None = None
    """Seconds that the timed ones of its events wait; None where it has none."""
    trace_until: datetime | None = None
    """Until when it is kept why it did not fire."""
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str

    def answers(self, event: str) -> bool:
        """Whether it answers an event, which bears its span where it is a timed one."""
        return event in self.events or any(
            event == timed_event(each, self.after_s or 0) for each in self.events if each in TIMED
        )


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one action."""

    action: str
    result: Result
    detail: str = ""


class Execution(Document, frozen=True, kw_only=True):
    """A rule that fired: on what, why, and what it asked for. Its id begins with the time."""

    kind = "rule_execution"
    indexes = (("id",), ("rule_id", "id"))
    sparse = ("ticket_id", "author_id", "fired")

    rule_id: str
    rule_number: int
    rule_name: str
    event: str
    log_id: str
    """The entry of the history that it fired on."""
    ticket_id: str | None = None
    message_id: str | None = None
    author_id: str | None = None
    author_version: int = 0
    """Version of the author that was judged."""
    at: datetime
    depth: int = 0
    conditions: dict[str, Any] = {}
    """Each condition with the value that it met."""
    outcomes: tuple[Outcome, ...] = ()
    fired: Literal[False] | None = None
    """False where it is kept why the rule did not fire; None where it did, as nearly all have."""


class Acted(msgspec.Struct, frozen=True):
    """Actions on a ticket at an instant."""

    ticket_id: str
    at: datetime
    count: int


class Person(Document, frozen=True, kw_only=True):
    """What the engine knows of an author, or of a thread whose author nobody tells.

    It is fed by facts about the author, and remembers what was judged of their messages.
    """

    kind = "rule_person"

    author_version: int = 0
    name: str = ""
    handle: str = ""
    language: str = ""
    country: str = ""
    followers: int | None = None
    tags: tuple[str, ...] = ()
    custom: dict[str, Any] = {}
    blocked: bool = False
    tickets: int = 0
    """Tickets of theirs that rules were judged on."""
    recent: tuple[str, ...] = ()
    """The last of these."""
    judged: tuple[str, ...] = ()
    """The last events that changed this."""
    acted: tuple[Acted, ...] = ()
    """What rules did of late."""

    def told(self, version: int, snapshot: dict[str, Any]) -> "Person":
        """Return the person with what a fact tells."""
        return msgspec.structs.replace(
            self, author_version=version, name=snapshot.get("name", ""), handle=snapshot.get("handle", ""),
            language=snapshot.get("language", ""), country=snapshot.get("country", ""),
            followers=snapshot.get("followers"), tags=tuple(snapshot.get("tags", ())),
            custom=dict(snapshot.get("custom", {})),
        )  # fmt: skip

    def with_ticket(self, ticket_id: str | None) -> "Person":
        """Return the person with a ticket counted; the same object where it was."""
        if ticket_id is None or ticket_id in self.recent:
            return self
        recent = (*self.recent, ticket_id)[-_TICKETS:]
        return msgspec.structs.replace(self, tickets=self.tickets + 1, recent=recent)

    def having_judged(self, event_id: str, acted: tuple[Acted, ...]) -> "Person":
        """Return the person after rules were judged."""
        return msgspec.structs.replace(self, judged=(*self.judged, event_id)[-_JUDGED:], acted=acted)
