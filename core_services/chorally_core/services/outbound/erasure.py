"""The outbound service's part of an erasure: whom we began conversations with, and what they wished."""

import msgspec

from chorally_core.ports.documents import Condition, Query
from chorally_core.ports.erasure import Erasure
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.services.outbound.model import Consent, Opening

_STEP = 100


class EraseOutbound:
    """Goes through the conversations that we began with the person, then through their wishes.

    That somebody does not want to hear from us is kept, under an id that tells nobody who it is: it would be broken
    with the next list otherwise.
    """

    name = "outbound"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def step(self, erasure: Erasure, place: str) -> str | None:
        """Erase at most 100 conversations; a place is the last one done."""
        where = (Condition("author_id", "is", erasure.id),)
        query = Query(Opening, erasure.tenant, where, limit=_STEP, after=(None, place) if place else None)
        found: list[Opening] = await self._ledger.documents.find(query)
        steps = [Step.of([left]) for opening in found if (left := _left(opening, erasure)) != opening]
        if steps:
            await self._ledger.commit(Work(steps))
        if len(found) == _STEP:
            return found[-1].id
        await self._wishes(erasure)
        return None

    async def _wishes(self, erasure: Erasure) -> None:
        where = (Condition("author_id", "is", erasure.id),)
        found: list[Consent] = await self._ledger.documents.find(Query(Consent, erasure.tenant, where))
        steps = []
        for consent in found:
            if consent.state == "in":
                steps.append(Step.of(removed=[consent]))
            elif consent.source or consent.earlier:
                steps.append(Step.of([msgspec.structs.replace(consent, source="", earlier=())]))
        if steps:
            await self._ledger.commit(Work(steps))


def _left(opening: Opening, erasure: Erasure) -> Opening:
    """What is left: that there was one. What waits for its turn is not sent any more."""
    if opening.created_at > erasure.at:
        return opening
    waits = opening.state == "waiting"
    return msgspec.structs.replace(
        opening, to="", name="", values={}, external_id=None, waits_in=None,
        state="cancelled" if waits else opening.state, error="the person was erased" if waits else "",
    )  # fmt: skip
