"""What waits and what could not be handled, as it is stored: written by the runner, seen and replayed by people."""

from datetime import datetime

from chorally_core.events import Raw
from chorally_core.ports.documents import Document

HOOKS = "hooks"
"""Source of a dead letter that is a webhook; a source that is neither this nor ``PULLS`` is a topic."""

PULLS = "pulls"
"""Source of a dead letter that is one event of a page of a pull."""


class Parked(Document, frozen=True, kw_only=True):
    """An event that waits: it failed, or an earlier one of its key did. Ids of a lane grow in the order of reading."""

    kind = "parked"
    sparse = ("lane",)

    lane: str
    """Group and key: events of one lane are taken up in order."""
    group: str
    position: str
    topic: str
    key: str
    value: str
    headers: dict[str, str]
    attempts: int = 0
    next_at: datetime
    error: str = ""


class DeadLetter(Document, frozen=True, kw_only=True):
    """Something that could not be handled."""

    kind = "dead_letter"
    indexes = (("at",), ("source",))

    at: datetime
    source: str
    """The topic, ``hooks`` for a webhook, ``pulls`` for an event of a pull."""
    group: str
    key: str = ""
    value: str = ""
    headers: dict[str, str] = {}
    error: str
    attempts: int
    replayed_at: datetime | None = None
    subject: str = ""
    """Id of what it is about, such as a journal row."""


def to_raw(waiting: Parked | DeadLetter, topic: str) -> Raw:
    """Return a waiting event as it lay on its topic."""
    return Raw(topic=topic, key=waiting.key, value=waiting.value.encode(), headers=waiting.headers)
