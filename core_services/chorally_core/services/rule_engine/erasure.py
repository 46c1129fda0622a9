"""The rule engine's part of an erasure: what conditions met of a person. Who they are is forgotten by the fact."""

from datetime import timedelta

import msgspec

from chorally_core.events.ids import before
from chorally_core.ports.documents import Condition, Query
from chorally_core.ports.erasure import Erasure
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.services.rule_engine.later.model import Deferred
from chorally_core.services.rule_engine.model import Execution

_STEP = 200
_WORDS = ("subject", "author", "custom", "language")


class EraseExecutions:
    """Goes through the executions that concern the person; that rules fired stays known."""

    name = "rule-executions"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def step(self, erasure: Erasure, place: str) -> str | None:
        """Erase at most 200 executions; a place is the last one done."""
        until = before(erasure.at + timedelta(milliseconds=1))
        where = (Condition("author_id", "is", erasure.id), Condition("id", "<", until))
        query = Query(Execution, erasure.tenant, where, limit=_STEP, after=(None, place) if place else None)
        found: list[Execution] = await self._ledger.documents.find(query)
        emptied = [msgspec.structs.replace(each, conditions={}) for each in found if each.conditions]
        if emptied:
            await self._ledger.commit(Work([Step.of([each]) for each in emptied]))
        return found[-1].id if len(found) == _STEP else None


class EraseDeferred:
    """Goes through the tickets that rules wait for; when they were used stays known, what they say does not."""

    name = "rule-deferred"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def step(self, erasure: Erasure, place: str) -> str | None:
        """Erase at most 200 tickets; a place is the last one done."""
        where = (Condition("author_id", "is", erasure.id),)
        query = Query(Deferred, erasure.tenant, where, limit=_STEP, after=(None, place) if place else None)
        found: list[Deferred] = await self._ledger.documents.find(query)
        emptied = [emptied for each in found if (emptied := _without_words(each)) is not each]
        if emptied:
            await self._ledger.commit(Work([Step.of([each]) for each in emptied]))
        return found[-1].id if len(found) == _STEP else None


def _without_words(deferred: Deferred) -> Deferred:
    left = {name: value for name, value in deferred.ticket.items() if name not in _WORDS}
    return deferred if left == deferred.ticket else msgspec.structs.replace(deferred, ticket=left)
