"""The webhooks' part of an erasure: what receivers answered to what was told of the person is removed.

What is sent is read from the history each time, so nothing else of it is kept here.
"""

import msgspec

from chorally_core.ports.documents import Condition, Query
from chorally_core.ports.erasure import Erasure
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.services.log.webhooks.model import WebhookDelivery

_STEP = 200


class EraseWebhookAnswers:
    """Goes through deliveries about the person, and about their tickets."""

    name = "webhooks"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def step(self, erasure: Erasure, place: str) -> str | None:
        """Erase answers of at most 200 deliveries about the person, with those about the tickets that they name."""
        found = await self._found(erasure, Condition("author_id", "is", erasure.id), place)
        await self._erase(found)
        for ticket_id in sorted({delivery.ticket_id for delivery in found if delivery.ticket_id}):
            after = ""
            while others := await self._found(erasure, Condition("ticket_id", "is", ticket_id), after):
                await self._erase(others)
                after = others[-1].id
        return found[-1].id if len(found) == _STEP else None

    async def _found(self, erasure: Erasure, about: Condition, after: str) -> list[WebhookDelivery]:
        query = Query(WebhookDelivery, erasure.tenant, (about,), limit=_STEP, after=(None, after) if after else None)
        found: list[WebhookDelivery] = await self._ledger.documents.find(query)
        return found

    async def _erase(self, deliveries: list[WebhookDelivery]) -> None:
        emptied = [
            msgspec.structs.replace(
                delivery,
                tries=tuple(msgspec.structs.replace(tried, excerpt="") for tried in delivery.tries),
            )
            for delivery in deliveries
            if any(tried.excerpt for tried in delivery.tries)
        ]
        if emptied:
            await self._ledger.commit(Work([Step.of([delivery]) for delivery in emptied]))
