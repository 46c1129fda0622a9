"""The author service's part of renaming tags: people who bear the former name."""

from datetime import datetime

import msgspec

from chorally_core.events.ids import derived
from chorally_core.ports.documents import Condition, Query
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.tags import Retagged
from chorally_core.services.author.commands import changed_fact
from chorally_core.services.author.handlers import SERVICE
from chorally_core.services.author.model import Author

_STEP = 100


class RetagAuthors:
    """Goes through the people with a tag; each that is changed is told as a fact."""

    name = "authors"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def count(self, tenant: str, tag: str) -> int:
        """Return how many people bear a tag."""
        return await self._ledger.documents.count(_query(tenant, tag, ""))

    async def step(self, tenant: str, old: str, new: str, place: str, *, cause: str, at: datetime) -> Retagged:
        """Change at most 100 people; a place is the last one done."""
        found: list[Author] = await self._ledger.documents.find(_query(tenant, old, place))
        steps = []
        for author in found:
            tags = tuple(dict.fromkeys(new if tag == old else tag for tag in author.tags))
            changed = msgspec.structs.replace(author, tags=tags)
            name = derived(cause, author.id, str(author.version))
            steps.append(Step.of([changed], [changed_fact(changed, actor=("service", SERVICE), at=at, cause=name)]))
        if steps:
            await self._ledger.commit(Work(steps))
        return Retagged(len(found), found[-1].id if len(found) == _STEP else None)


def _query(tenant: str, tag: str, place: str) -> Query:
    where = (Condition("tags", "has", tag),)
    return Query(Author, tenant, where, limit=_STEP, after=(None, place) if place else None)
