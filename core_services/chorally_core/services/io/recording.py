"""Stores what became of deliveries; what is known of a visible call is never lost on the way."""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
import structlog

from chorally_core.events import Event, LogAdd
from chorally_core.ports.documents import Conflict
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.storable import is_of_content, shown
from chorally_core.services.io import deliver
from chorally_core.services.io.model import Delivery

log = structlog.get_logger(__name__)


class Recording:
    """Stores states of deliveries, and tells of them."""

    def __init__(self, ledger: Ledger, *, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._now = now
        self._unrecorded: dict[str, tuple[Delivery, Delivery, Sequence[Event[LogAdd]], bool]] = {}

    def is_unrecorded(self, delivery_id: str) -> bool:
        """Whether something is known of a delivery that could not be stored yet."""
        return delivery_id in self._unrecorded

    async def record(
        self, before: Delivery, after: Delivery, facts: Sequence[Event[LogAdd]] = (), *, tell: bool = True
    ) -> None:
        """Store a state over the one it follows, and tell of it.

        Raises:
            Conflict: The delivery was changed meanwhile.
        """
        msgspec.structs.force_setattr(after, "version", before.version)
        events = [deliver.reconcile(after, self._now())] if tell else []
        try:
            await self._ledger.commit(Work([Step.of([after], [*events, *facts])]))
        except Conflict:
            raise
        except Exception:
            if before.state == "sending":  # what is known of a visible call must not be lost
                self._unrecorded[before.id] = (before, after, facts, tell)
            raise

    async def again(self) -> None:
        """Store what became of visible calls and could not be stored, as on a full disk; one holds up no other."""
        for name, (before, after, facts, tell) in list(self._unrecorded.items()):
            try:
                await self._late(before, after, facts, tell)
            except Conflict:
                log.info("delivery changed meanwhile", delivery_id=name)
            except Exception as error:
                if not is_of_content(error):
                    log.error("what became of a delivery still cannot be stored", delivery_id=name, exc_info=error)
                    continue
                if not await self._without_its_answer(before, after, facts, error):
                    continue
            self._unrecorded.pop(name, None)

    async def _late(self, before: Delivery, after: Delivery, facts: Sequence[Event[LogAdd]], tell: bool) -> None:
        """Store it, also where another process took the call as unknown meanwhile and nobody has called since."""
        try:
            await self.record(before, after, facts, tell=tell)
        except Conflict:
            known = await self._ledger.documents.get(Delivery, before.id)
            if known is None or known.state != "unconfirmed" or known.external_id is not None:
                raise
            if known.attempts != before.attempts:
                raise
            await self.record(known, after, facts, tell=tell)

    async def _without_its_answer(
        self, before: Delivery, after: Delivery, facts: Sequence[Event[LogAdd]], error: Exception
    ) -> bool:
        """Store what can be stored of an outcome that cannot; whether that could be done."""
        log.error("what became of a delivery cannot be stored as it is", delivery_id=before.id, exc_info=error)
        bare = msgspec.structs.replace(after, receipt={})
        for left in (bare, deliver.in_doubt(before, f"its outcome cannot be stored: {shown(error)}")):
            try:
                await self._late(before, left, facts, True)
            except Conflict:
                return True
            except Exception as trouble:
                log.error("nor without the platform's answer", delivery_id=before.id, exc_info=trouble)
                continue
            return True
        return False
