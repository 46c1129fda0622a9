"""Declares the rule engine's service."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI

from chorally_core.api import rule_engine as api
from chorally_core.api import rule_engine_runs as runs_api
from chorally_core.bootstrap.people import authors_of
from chorally_core.bootstrap.service import Around, Reads, Service
from chorally_core.ports.job_kinds import JobKind
from chorally_core.runner.retention import Kept, retention
from chorally_core.services.rule_engine import handlers
from chorally_core.services.rule_engine.erasure import EraseExecutions
from chorally_core.services.rule_engine.model import Execution
from chorally_core.services.rule_engine.people import learns_people


def _api(around: Around) -> FastAPI:
    parts = api.RuleEngine(documents=around.documents, actions=around.actions, now=around.now, new_id=around.ids)
    return api.create_app(
        around.identity,
        runs_api.runs_router(parts),
        api.rules_router(parts),
        runs_api.executions_router(parts),
        runs_api.schema_router(),
    )


def _jobs(around: Around) -> Sequence[JobKind[Any]]:
    async def kept() -> list[Kept]:
        """What rules did goes with the history that they did it on."""
        return [Kept(Execution, "id", around.settings.retention_days.logs, around.own("logs"))]

    return [
        retention("rule-engine/retention", "rule-engine-service", kept, around.ledger),
        learns_people(around.documents, authors_of(around.documents)),
    ]


SERVICE = Service(
    name="rule-engine",
    api=_api,
    reads=lambda around: Reads(handlers.GROUP, handlers.handlers()),
    jobs=_jobs,
    erases=lambda around: [EraseExecutions(around.ledger)],
)
