"""What may go out on a channel: asked before it is stored, so that whoever writes it is told at once."""

from typing import Any, Literal, NamedTuple, Protocol

from chorally_core.events.records import Attached

OutVerb = Literal["reply", "send", "publish"]


class Wanted(NamedTuple):
    """What somebody wants to go out."""

    channel: str
    verb: OutVerb = "reply"
    body: str = ""
    attachments: tuple[Attached, ...] = ()
    has_template: bool = False
    options: dict[str, Any] = {}


class No(NamedTuple):
    """Why something cannot go out."""

    field: Literal["body", "files", "template", "options"]
    """The field at fault."""
    why: str
    """With what to do."""


class Judge(Protocol):
    """Knows what channels take."""

    def __call__(self, wanted: Wanted) -> No | None:
        """Say why something cannot go out; None where it can, as far as is known without the platform."""


class Shown(NamedTuple):
    """How something would look on its channel, and all that speaks against it."""

    length: int
    """Of the text, in ``unit``."""
    unit: str
    most: int | None
    """What one visible thing takes; None where the platform states nothing."""
    parts: int
    """How many visible things it becomes."""
    most_parts: int
    files: int
    most_files: int
    links: tuple[str, ...]
    """As they stand in the text; they count as its characters, unless the platform's own measure says otherwise."""
    problems: tuple[No, ...]


class Preview(Protocol):
    """Shows what would go out."""

    def __call__(self, wanted: Wanted) -> Shown:
        """Return how something would look; ``problems`` is empty where it can go out, as far as is known."""
