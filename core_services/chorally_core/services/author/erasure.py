"""The author service's part of an erasure: the person's contact goes, and leaves no trace in the group it was in.

The others stay one contact, which the person may have held together.
"""

import msgspec

from chorally_core.ports.documents import Condition, Query
from chorally_core.ports.erasure import Erasure
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.services.author.contact_model import MOST, Contact, Merge


class EraseContacts:
    """Takes the person's contact out of the forest."""

    name = "contacts"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def step(self, erasure: Erasure, place: str) -> str | None:
        """Close the contact to merges, let what was merged into it stand together, and remove it."""
        node = await self._ledger.documents.get(Contact, Contact.id_of(erasure.id))
        if node is None:
            return None
        if node.author_id is not None:
            await self._store(msgspec.structs.replace(node, author_id=None))
            return "closed"
        below = await self._below(node)
        if node.part_of is None:
            await self._stand_together(below)
        else:
            for each in below:
                await self._store(
                    msgspec.structs.replace(each, part_of=node.part_of, merge=_without_reason(each.merge))
                )
            await self._tidy(node.part_of, node)
        await self._ledger.commit(Work([Step.of(removed=[node])]))
        return None

    async def _stand_together(self, below: list[Contact]) -> None:
        """Let the first of them take the place above the others; it leaves last, so that a kill splits nothing."""
        if not below:
            return
        first, *others = below
        for each in others:
            await self._store(msgspec.structs.replace(each, part_of=first.id, merge=_without_reason(each.merge)))
        gathered = [each.merge.at for each in others if each.merge is not None]
        since = max([*gathered, *([first.gathered_at] if first.gathered_at else [])], default=None)
        await self._store(msgspec.structs.replace(first.apart(), gathered_at=since))

    async def _tidy(self, above_id: str, gone: Contact) -> None:
        """Let the contact above forget that something was merged into it, where nothing else was."""
        above = await self._ledger.documents.get(Contact, above_id)
        if above is None or above.gathered_at is None:
            return
        if all(each.id == gone.id for each in await self._below(above)):
            await self._store(msgspec.structs.replace(above, gathered_at=None))

    async def _below(self, node: Contact) -> list[Contact]:
        query = Query(Contact, node.tenant, (Condition("part_of", "is", node.id),), limit=2 * MOST)
        found: list[Contact] = await self._ledger.documents.find(query)
        return found

    async def _store(self, contact: Contact) -> None:
        await self._ledger.commit(Work([Step.of([contact])]))


def _without_reason(merge: Merge | None) -> Merge | None:
    """A merge that was with the person, whom nothing tells of any more."""
    return None if merge is None else msgspec.structs.replace(merge, evidence=())
