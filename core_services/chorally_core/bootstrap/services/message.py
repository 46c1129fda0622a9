"""Declares the message service."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from fastapi import FastAPI

from chorally_core.api import message as api
from chorally_core.bootstrap.reaching import answers_for
from chorally_core.bootstrap.service import Around, Reads, Round, Service
from chorally_core.ports.job_kinds import JobKind
from chorally_core.runner.retention import Kept, retention
from chorally_core.services.message import handlers
from chorally_core.services.message.early import apply_early
from chorally_core.services.message.erasure import EraseMessages
from chorally_core.services.message.model import Early
from chorally_core.services.message.waking import wake_due

_WAKING_S = 5.0


def tickets(around: Around) -> api.Tickets:
    """Return what the routes of tickets stand on."""
    return api.Tickets(
        documents=around.documents,
        actions=around.actions,
        coordination=around.coordination,
        search=around.search,
        judge=around.texts.judge,
        files=around.files,
        verbs_of=around.texts.verbs_of,
        closes=partial(answers_for, around.io.directory),
        now=around.now,
        new_id=around.ids,
    )


def _api(around: Around) -> FastAPI:
    return api.create_app(around.identity, tickets(around))


def _jobs(around: Around) -> Sequence[JobKind[Any]]:
    async def kept() -> list[Kept]:
        """What was told of messages that never came goes with the history."""
        return [Kept(Early, "at", around.settings.retention_days.logs, around.own("logs"))]

    return [retention("message/retention", "message-service", kept, around.ledger)]


def _rounds(around: Around) -> Sequence[Round]:
    given = (around.documents, around.actions, around.now)
    return [
        Round("message/waking", partial(wake_due, *given), _WAKING_S),
        Round("message/early", partial(apply_early, *given), _WAKING_S),
    ]


SERVICE = Service(
    name="message",
    api=_api,
    reads=lambda around: Reads(handlers.GROUP, handlers.HANDLERS),
    jobs=_jobs,
    rounds=_rounds,
    erases=lambda around: [EraseMessages(around.ledger)],
)
