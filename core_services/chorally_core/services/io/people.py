"""What people decide about deliveries."""

from collections.abc import Callable
from datetime import datetime

from chorally_core.events.records import ActorKind
from chorally_core.ports.ledger import Ledger
from chorally_core.ports.refused import Refused
from chorally_core.services.io import deliver
from chorally_core.services.io.model import Delivery
from chorally_core.services.io.parts import Parts
from chorally_core.services.io.recording import Recording


class People:
    """Stores their decisions; whichever process delivers goes on from there."""

    def __init__(
        self,
        ledger: Ledger,
        recording: Recording,
        parts: Parts,
        *,
        now: Callable[[], datetime],
        wake: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._recording = recording
        self._parts = parts
        self._now = now
        self._wake = wake

    async def settle(
        self, delivery: Delivery, *, external_id: str | None, actor: tuple[ActorKind, str] = ("service", "")
    ) -> Delivery:
        """Record what a person found out: the external id of what was made, or that nothing was.

        Raises:
            Refused: The outcome is not in doubt, or the external id is another delivery's.
            Conflict: The delivery was settled meanwhile.
        """
        if delivery.state != "unconfirmed":
            why = f"the delivery is {delivery.state}, its outcome is not in doubt"
            raise Refused("conflict", "delivery-not-unconfirmed", why)
        if external_id is None:
            settled = deliver.failed(delivery, "a person found that it was not made", self._now())
        else:
            key = Delivery.external_key_of(delivery.account_id, delivery.channel, external_id)
            other = await self._ledger.documents.get(Delivery, key, "external_key")
            if other is not None and other.id != delivery.id:
                why = f"that external id is the delivery {other.id}'s"
                raise Refused("conflict", "external-id-taken", why, "external_id")
            settled = deliver.confirmed(delivery, external_id, self._now())
        await self._recording.record(delivery, settled, [deliver.told("delivery_settled", settled, actor, self._now())])
        self._wake()
        return settled

    async def retry(self, delivery: Delivery, *, actor: tuple[ActorKind, str] = ("service", "")) -> Delivery:
        """Try a failed delivery anew, and the parts of its message that were given up because of it.

        Raises:
            Refused: It has not failed.
            Conflict: The delivery was changed meanwhile.
        """
        if delivery.state != "failed":
            why = f"the delivery is {delivery.state}; only a failed one can be tried again"
            raise Refused("conflict", "delivery-not-failed", why)
        queued = deliver.requeued(delivery, self._now())
        await self._recording.record(delivery, queued, [deliver.told("delivery_retried", queued, actor, self._now())])
        for part in await self._parts.after(delivery):
            await self._recording.record(part, deliver.requeued(part, self._now()), tell=False)
        self._wake()
        return queued
