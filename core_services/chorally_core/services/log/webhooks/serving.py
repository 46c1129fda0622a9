"""One round of webhooks: what has come is queued, and what is due is sent."""

from chorally_core.ports.documents import Condition, Documents, Query
from chorally_core.ports.outside import Outside
from chorally_core.ports.webhooks import Webhook
from chorally_core.services.log.webhooks.queueing import Queueing
from chorally_core.services.log.webhooks.sending import Sending

EVERY_S = 1.0
_STEP = 500


class Serving:
    """Goes rounds; the calls go on between them."""

    def __init__(self, documents: Documents, queueing: Queueing, sending: Sending, outside: Outside) -> None:
        """Put it together."""
        self._documents = documents
        self._queueing = queueing
        self.sending = sending
        self._outside = outside

    async def once(self) -> int:
        """Queue and begin to send; return how much was queued."""
        webhooks = await self._enabled()
        if not webhooks:
            return 0
        queued = await self._queueing.once(webhooks)
        self.sending.begin(webhooks)
        return queued

    async def stop(self) -> None:
        """Break off what is under way."""
        await self.sending.stop()
        await self._outside.aclose()

    async def _enabled(self) -> list[Webhook]:
        found: list[Webhook] = []
        after = None
        while True:
            query = Query(Webhook, None, (Condition("enabled", "is", True),), limit=_STEP, after=after)
            page: list[Webhook] = await self._documents.find(query)
            found += page
            if len(page) < _STEP:
                return found
            after = (None, page[-1].id)
