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
