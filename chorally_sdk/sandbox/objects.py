"""What exists on a platform: things with an id and a time, in the order in which they came."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Thing:
    """One object: a note, a comment, a post; ``more`` holds what is the platform's own."""

    id: str
    created_at: datetime
    changed_at: datetime
    place: int
    """Grows with every change on the shelf, so that things of one second have an order."""
    author: str | None = None
    body: str = ""
    parent: str | None = None
    more: dict[str, Any] = field(default_factory=dict)


class Shelf:
    """Things of one kind by id, in the order in which they came."""

    def __init__(self, now: Callable[[], datetime], prefix: str = "") -> None:
        self._now = now
        self._prefix = prefix
        self._things: dict[str, Thing] = {}
        self._made = 0
        self._place = 0

    def add(self, body: str = "", *, author: str | None = None, parent: str | None = None, **more: Any) -> Thing:
        """Put a new thing there and return it."""
        self._made += 1
        self._place += 1
        at = self._now()
        made = Thing(f"{self._prefix}{1000 + self._made}", at, at, self._place, author, body, parent, more)
        self._things[made.id] = made
        return made

    def change(self, thing_id: str, **changes: Any) -> Thing:
        """Change a thing's fields, or what is in ``more``, and return it.

        Raises:
            KeyError: There is no such thing.
        """
        old = self._things[thing_id]
        own = {name: value for name, value in changes.items() if name in {"body", "author", "parent"}}
        more = old.more | {name: value for name, value in changes.items() if name not in own}
        self._place += 1
        new = replace(old, **own, more=more, changed_at=self._now(), place=self._place)
        self._things[thing_id] = new
        return new

    def remove(self, thing_id: str) -> Thing:
        """Take a thing away and return it.

        Raises:
            KeyError: There is no such thing.
        """
        return self._things.pop(thing_id)

    def __getitem__(self, thing_id: str) -> Thing:
        return self._things[thing_id]

    def __contains__(self, thing_id: object) -> bool:
        return thing_id in self._things

    def __iter__(self) -> Iterator[Thing]:
        return iter(list(self._things.values()))

    def __len__(self) -> int:
        return len(self._things)

    def where(self, **fields: Any) -> list[Thing]:
        """Return the things whose fields, or ``more``, have these values."""
        return [
            thing
            for thing in self
            if all((getattr(thing, n) if hasattr(thing, n) else thing.more.get(n)) == v for n, v in fields.items())
        ]
