"""Declares the log service."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI

from chorally_core.api import log as api
from chorally_core.bootstrap.service import Around, Reads, Service
from chorally_core.ports.job_kinds import JobKind
from chorally_core.runner.retention import Kept, retention
from chorally_core.services.log import handlers
from chorally_core.services.log.erasure import EraseEntries
from chorally_core.services.log.model import LogEntry


def _api(around: Around) -> FastAPI:
    return api.create_app(around.identity, api.Log(documents=around.documents, feed=around.feed))


def _jobs(around: Around) -> Sequence[JobKind[Any]]:
    async def kept() -> list[Kept]:
        return [Kept(LogEntry, "id", around.settings.retention_days.logs, around.own("logs"))]

    return [retention("log/retention", "log-service", kept, around.ledger)]


SERVICE = Service(
    name="log",
    api=_api,
    reads=lambda around: Reads(handlers.GROUP, handlers.HANDLERS),
    jobs=_jobs,
    erases=lambda around: [EraseEntries(around.ledger)],
)
