"""What exists in the sandbox: two phone numbers of one business, what was said, files and templates."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

LINK_LIVES = timedelta(minutes=5)
WINDOW = timedelta(hours=24)


@dataclass
class Said:
    """A message, of a person or of ours."""

    id: str
    number: str
    """Id of our phone number."""
    person: str
    ours: bool
    type: str
    content: dict[str, Any]
    """What lies under the name of the type."""
    sent_at: datetime
    target: str = ""
    """The message it answers, or puts a reaction on."""
    ref: str = ""
    """Our reference."""
    is_read: bool = False
    is_deleted: bool = False
    reaction: str = ""
    """Ours, on a person's message."""

    @property
    def body(self) -> str:
        """The text that people see."""
        told = self.content
        inner = told.get("body")
        return str(inner.get("text", "") if isinstance(inner, dict) else inner or told.get("caption", ""))


@dataclass
class Stored:
    """A file."""

    id: str
    content: bytes
    media_type: str
    number: str
    links: dict[str, datetime] = field(default_factory=dict)
    """When each link to it was given."""


@dataclass
class World:
    """The business, and everything it has."""

    now: Callable[[], datetime]
    waba: str = "200000000000001"
    numbers: dict[str, str] = field(default_factory=lambda: {"100000000000001": "15550100001"})
    """Displayed phone numbers by their ids."""
    name: str = "Sandbox Shop"
    people: dict[str, str] = field(default_factory=dict)
    """Names by phone number."""
    said: dict[str, Said] = field(default_factory=dict)
    files: dict[str, Stored] = field(default_factory=dict)
    templates: list[dict[str, Any]] = field(default_factory=list)
    _count: Iterator[int] = field(default_factory=lambda: count(1))

    def say(self, number: str, person: str, kind: str, content: dict[str, Any], **more: Any) -> Said:
        """Add a message."""
        ours = bool(more.pop("ours", False))
        made = Said(f"wamid.SANDBOX{next(self._count):08}", number, person, ours, kind, content, self.now(), **more)
        self.said[made.id] = made
        return made

    def store(self, number: str, content: bytes, media_type: str) -> Stored:
        """Keep a file."""
        made = Stored(f"{next(self._count)}{'0' * 9}", content, media_type, number)
        self.files[made.id] = made
        return made

    def link(self, file: Stored) -> str:
        """Return a new link to a file."""
        key = f"{next(self._count)}"
        file.links[key] = self.now()
        return key

    def is_open(self, number: str, person: str) -> bool:
        """Whether a person wrote within the last 24 hours."""
        theirs = [s.sent_at for s in self.said.values() if s.person == person and s.number == number and not s.ours]
        return bool(theirs) and self.now() - max(theirs) <= WINDOW
