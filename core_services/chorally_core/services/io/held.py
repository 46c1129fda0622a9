"""Takes up echoes and marks that waited until a push of their account was settled."""

from collections.abc import Callable
from datetime import datetime

import structlog

from chorally_core.ports.documents import Condition, Query
from chorally_core.ports.ledger import Ledger, Work
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.inbound import Inbound
from chorally_core.services.io.model import Held
from chorally_core.services.io.waiting import Waiting

log = structlog.get_logger(__name__)

_STEP = 500


class HeldBack:
    """Gives what was held to the translation again, which joins it, publishes it, or holds it on."""

    def __init__(
        self, ledger: Ledger, directory: Directory, inbound: Inbound, *, is_mine: Callable[[str], bool]
    ) -> None:
        self._ledger = ledger
        self._directory = directory
        self._inbound = inbound
        self._is_mine = is_mine
        self._waiting = Waiting(ledger.documents, inbound)
        self._told: set[str] = set()

    async def release(self, account_id: str | None = None) -> None:
        """Take up what is held for one account, or for all, in the order in which it came."""
        where = (Condition("account_id", "is", account_id),) if account_id else ()
        after: tuple[datetime, str] | None = None
        left: list[Held] = []
        while True:
            query = Query(Held, None, where, order="received_at", limit=_STEP, after=after)
            found: list[Held] = await self._ledger.documents.find(query)
            mine = [held for held in found if self._is_mine(held.account_id)]
            left += mine
            for held in await self._ready(mine):
                try:
                    await self._release(held)
                except Exception as error:  # it stays, and holds up no other
                    if held.id not in self._told:
                        self._told.add(held.id)
                        log.error("what was held cannot be taken up", held_id=held.id, exc_info=error)
            if len(found) < _STEP:
                break
            after = (found[-1].received_at, found[-1].id)
        if account_id is None:
            self._waiting.forget(left)

    async def _ready(self, found: list[Held]) -> list[Held]:
        """Leave out what would be held again."""
        by_account: dict[str, list[Held]] = {}
        for held in found:
            by_account.setdefault(held.account_id, []).append(held)
        ready: set[str] = set()
        for account_id, some in by_account.items():
            account = self._directory.accounts.get(account_id)
            connector = self._directory.connectors.get(account.platform) if account else None
            if account is None or connector is None:
                ready |= {held.id for held in some}
                continue
            channels = [channel.name for channel in connector.manifest.channels]
            ready |= {held.id for held in await self._waiting.ready(account, some, channels)}
        return [held for held in found if held.id in ready]

    async def _release(self, held: Held) -> None:
        account = self._directory.accounts.get(held.account_id)
        if account is None:
            if await self._directory.is_gone(held.account_id):
                await self._ledger.documents.delete(Held, [held.id])
            return
        connector = self._directory.connectors.get(account.platform)
        if connector is None:  # until it is installed again
            return
        inbound = self._inbound.beside()
        event = inbound.held_event(held)
        async with self._ledger.turn():
            came = await inbound.translate(account, connector.manifest, [event], held.received_at)
            if any(held.id == document.id for document in came.writes):
                return
            await self._ledger.commit(Work(came.steps(removed=[held])))
        inbound.published()
