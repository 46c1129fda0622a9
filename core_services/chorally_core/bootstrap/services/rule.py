"""Declares the rule service."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from fastapi import FastAPI

from chorally_core.api import rule as api
from chorally_core.api import rule_asking as asking_api
from chorally_core.api import rule_replies as replies_api
from chorally_core.bootstrap.service import Around, Reads, Service
from chorally_core.ports.job_kinds import JobKind
from chorally_core.runner.retention import Kept, retention
from chorally_core.services.rule import handlers
from chorally_core.services.rule.model import Given
from chorally_core.services.rule_engine.naming import rules_on_calendar


def _api(around: Around) -> FastAPI:
    parts = api.RuleService(
        documents=around.documents, actions=around.actions, now=around.now, new_id=around.ids,
        rules_on=partial(rules_on_calendar, around.documents),
    )  # fmt: skip
    return api.create_app(
        around.identity,
        asking_api.openings_router(parts),
        api.calendars_router(parts),
        replies_api.replies_router(parts),
        asking_api.asking_router(parts),
    )


def _jobs(around: Around) -> Sequence[JobKind[Any]]:
    async def kept() -> list[Kept]:
        """That a ticket was answered goes with the history that tells of it."""
        return [Kept(Given, "at", around.settings.retention_days.logs, around.own("logs"))]

    return [retention("rule/retention", handlers.SERVICE, kept, around.ledger)]


SERVICE = Service(
    name="rule",
    api=_api,
    reads=lambda around: Reads(handlers.GROUP, handlers.handlers()),
    jobs=_jobs,
)
