"""The tags of a tenant: what may stand on tickets and people, and under which names they were known before.

What is tagged bears the names of its tags. The metadata service keeps the list; whoever writes tags asks it what a name
means now.
"""

import unicodedata
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple, Protocol

import msgspec

from chorally_core.ports.documents import Document

MOST = 1000
"""Tags of a tenant."""
_FORMER = 5000


class Tag(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One tag."""

    id: str
    name: str
    number: int = 1
    """Goes up with each change."""
    colour: str = ""
    """As ``#rrggbb``."""
    description: str = ""
    group: str = ""
    archived: bool = False
    """It stays on what has it, and is put on nothing else."""
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str


class UnknownTag(ValueError):
    """A tag cannot be put on anything; the message says why and what to do."""


class TagSet(Document, frozen=True, kw_only=True):
    """The tags of a tenant; under the tenant's id."""

    kind = "tag_set"

    free: bool = True
    """Whether tags may be used that nobody has declared."""
    tags: tuple[Tag, ...] = ()
    former: dict[str, str] = {}
    """Ids of tags by the labels of the names that they had, or that tags had which were merged into them."""

    def find(self, tag_id: str) -> Tag | None:
        """Return a tag by its id."""
        return next((tag for tag in self.tags if tag.id == tag_id), None)

    def called(self, name: str) -> Tag | None:
        """Return the tag that has this name, or had it; whatever its case."""
        wanted = label(name)
        now = next((tag for tag in self.tags if label(tag.name) == wanted), None)
        return now or self.find(self.former.get(wanted, ""))

    def settled(self, wanted: Iterable[str], present: Collection[str] = ()) -> tuple[str, ...]:
        """Return tags as they are called now, each once.

        Args:
            wanted: What something shall bear.
            present: What it bears: may stay although it is archived, or not declared.

        Raises:
            UnknownTag: One that it does not bear yet may not be put on it.
        """
        by_label = {label(tag.name): tag for tag in self.tags}
        by_id = {tag.id: tag for tag in self.tags}
        settled: dict[str, None] = {}
        for name in wanted:
            tag = by_label.get(label(name)) or by_id.get(self.former.get(label(name), ""))
            if tag is None and not self.free and name not in present:
                raise UnknownTag(f"there is no tag {name!r}; use one of GET /metadata/v1/tags, or have it added there")
            if tag is not None and tag.archived and name not in present and tag.name not in present:
                raise UnknownTag(f"the tag {tag.name!r} is archived; use another, or have it taken up again")
            settled[name if tag is None else tag.name] = None
        return tuple(settled)

    def left(self, present: Iterable[str], unwanted: Iterable[str]) -> list[str]:
        """Return tags without those that are not wanted, by whichever name these are known now, or were."""
        by_label = {label(tag.name): tag.id for tag in self.tags}

        def meant(name: str) -> str:
            return by_label.get(label(name)) or self.former.get(label(name)) or name

        gone = {meant(name) for name in unwanted}
        return [name for name in present if meant(name) not in gone]

    def without_name(self, name: str, now: str) -> dict[str, str]:
        """Return the former names with one more, which means the tag with the id ``now``; the oldest go."""
        former = {key: value for key, value in self.former.items() if key != label(name)}
        former[label(name)] = now
        return dict(list(former.items())[-_FORMER:])


def label(name: str) -> str:
    """Return a tag's name as it is compared: without regard to case, spaces or how its letters are composed."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


class Retagged(NamedTuple):
    """How far a step of renaming has come."""

    changed: int
    place: str | None
    """Where to go on; None where nothing is left."""


class Retags(Protocol):
    """One service's part of renaming tags: goes through what it has tagged."""

    name: str
    """Stays the same for ever: jobs remember it."""

    async def count(self, tenant: str, tag: str) -> int:
        """Return how many bear a tag."""

    async def step(self, tenant: str, old: str, new: str, place: str, *, cause: str, at: datetime) -> Retagged:
        """Give a bounded number of those that bear ``old`` the tag ``new`` in its place, once.

        Args:
            tenant: Whose they are.
            old: The name as it is written there.
            new: The name that they shall bear.
            place: What the step before returned; empty at the beginning.
            cause: What asks for it; the facts' ids are made of it.
            at: When it was asked for.

        Raises:
            Conflict: Somebody changes one of them just now; the step is taken again.
        """
