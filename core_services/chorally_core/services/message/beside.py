"""What lies beside messages and tickets: earlier texts, approvals, blocks, and what was told too early."""

from datetime import datetime
from typing import Literal

import msgspec

from chorally_core.ports.documents import Document


class Earlier(msgspec.Struct, frozen=True):
    """A text that an edit replaced."""

    body: str
    until: datetime


class Approval(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether an answer may go out, as somebody else than its authors decides."""

    asked_at: datetime
    content: str
    """Hash of what may go out; an edit makes it another."""
    written_by: tuple[str, ...] = ()
    """Who wrote and edited it: they cannot approve it."""
    decided_by: str = ""
    decided_at: datetime | None = None
    reason: str = ""
    """Why it was rejected."""


class Block(Document, frozen=True, kw_only=True):
    """An author whose messages are kept but open no ticket."""

    kind = "block"

    author_id: str
    blocked_by: str
    at: datetime
    reason: str = ""

    @staticmethod
    def id_of(tenant: str, author_id: str) -> str:
        """Return the id of the block of an author, whether there is one or not."""
        return f"{tenant}/{author_id}"


class Early(Document, frozen=True, kw_only=True):
    """What a platform told of a message before the message itself came; under the message's id."""

    kind = "early_mark"
    sparse = ("look_at",)
    indexes = (("at",),)

    state: Literal["hidden", "visible", "deleted"]
    at: datetime
    looks: int = 0
    look_at: datetime | None = None
    """When to look again whether its message is there: the two are handled side by side, and may miss each other."""
