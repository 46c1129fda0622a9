"""Declares the outbound service."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI

from chorally_core.api import outbound as api
from chorally_core.bootstrap.copies import MIB
from chorally_core.bootstrap.reaching import AccountReaching
from chorally_core.bootstrap.service import Around, Reads, Round, Service
from chorally_core.ports.documents import Condition
from chorally_core.ports.job_kinds import JobKind
from chorally_core.runner.retention import Kept, retention
from chorally_core.services.outbound import handlers
from chorally_core.services.outbound.erasure import EraseOutbound
from chorally_core.services.outbound.model import Mailing, Opening
from chorally_core.services.outbound.sending import Sending

_SENDING_S = 2.0
_UPLOAD_MIB = 16


def _api(around: Around) -> FastAPI:
    parts = api.Outbound(
        documents=around.documents, actions=around.actions, reaching=_reaching(around), judge=around.texts.judge,
        files=around.files, now=around.now, new_id=around.ids,
    )  # fmt: skip
    return api.create_app(around.identity, parts)


def _reaching(around: Around) -> AccountReaching:
    return AccountReaching(around.documents, around.io.directory)


def _jobs(around: Around) -> Sequence[JobKind[Any]]:
    async def kept() -> list[Kept]:
        """What became of conversations is kept like deliveries; what waits for its turn stays."""
        days, own = around.settings.retention_days.deliveries, around.own("deliveries")
        over = (Condition("waits_in", "absent"),)
        return [
            Kept(Opening, "created_at", days, own, over),
            Kept(Mailing, "created_at", days, own, (Condition("next_at", "absent"),)),
        ]

    return [retention("outbound/retention", "outbound-service", kept, around.ledger)]


def _rounds(around: Around) -> Sequence[Round]:
    sending = Sending(around.documents, around.actions, _reaching(around), around.texts.judge, around.now)
    return [Round("outbound/mailings", sending.due, _SENDING_S)]


SERVICE = Service(
    name="outbound",
    api=_api,
    larger=lambda around: {api.UPLOAD: _UPLOAD_MIB * MIB},
    reads=lambda around: Reads(handlers.GROUP, handlers.HANDLERS),
    jobs=_jobs,
    rounds=_rounds,
    erases=lambda around: [EraseOutbound(around.ledger)],
)
