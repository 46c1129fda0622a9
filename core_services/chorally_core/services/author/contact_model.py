"""Contacts as they are stored: authors who are one person, as a forest.

Every author has a contact of their own. A contact is merged into another by one note in it, so a merge is one change
of one record, and so is its undoing, which brings back exactly what was. The authors of a contact are those of all
contacts that lead to it; as each leads to one other at most, no author is in two.
"""

from datetime import datetime

import msgspec

from chorally_core.events.records import ActorKind
from chorally_core.ports.documents import Document

MOST = 100
"""Authors of one contact."""
_PREFIX = "c-"


class Evidence(msgspec.Struct, frozen=True):
    """Why two contacts were taken for one person; never the value itself, nor who had it."""

    kind: str
    """``mail``, ``phone`` or ``link`` that both have; ``agent`` where somebody said so."""
    verified: bool
    """Whether the platforms of both vouch for it."""


class Merge(msgspec.Struct, frozen=True):
    """That a contact was merged into another."""

    id: str
    at: datetime
    by_kind: ActorKind
    by: str
    evidence: tuple[Evidence, ...] = ()


class Contact(Document, frozen=True, kw_only=True):
    """The contact of one author, and where it was merged into."""

    kind = "contact"
    sparse = ("part_of", "gathered_at")

    author_id: str | None = None
    """None while the author is erased: nothing can be merged with it any more."""
    part_of: str | None = None
    """The contact that it was merged into; None where it stands for itself."""
    merge: Merge | None = None
    gathered_at: datetime | None = None
    """When something was last merged into it."""

    @staticmethod
    def id_of(author_id: str) -> str:
        """Return the id of an author's own contact, whether it is stored or not."""
        return f"{_PREFIX}{author_id}"

    @staticmethod
    def author_of(contact_id: str) -> str | None:
        """Return the author whose own contact has an id; None where it is no such id."""
        return contact_id.removeprefix(_PREFIX) if contact_id.startswith(_PREFIX) else None

    @property
    def number(self) -> int:
        """How often it was changed; the first version is as good as none, as it says no more than the author does."""
        return max(self.version - 1, 0)

    @classmethod
    def own(cls, tenant: str, author_id: str) -> "Contact":
        """Return the contact that an author has before anything was merged."""
        return cls(id=cls.id_of(author_id), tenant=tenant, author_id=author_id)

    def merged(self, into: "Contact", merge: Merge) -> "Contact":
        """Return the contact as it is part of another."""
        return msgspec.structs.replace(self, part_of=into.id, merge=merge)

    def apart(self) -> "Contact":
        """Return the contact as it stands for itself again."""
        return msgspec.structs.replace(self, part_of=None, merge=None)
