"""Declares the log service, and the webhooks that follow it."""

import random
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI

from chorally_core.adapters.outside import PublicOutside
from chorally_core.api import log as api
from chorally_core.api.log_audit import audit_router
from chorally_core.api.log_views import LogEntryView
from chorally_core.api.log_webhook_deliveries import webhook_deliveries_router
from chorally_core.api.log_webhooks import Webhooks, webhooks_router
from chorally_core.bootstrap.service import Around, Reads, Round, Service
from chorally_core.ports.job_kinds import JobKind
from chorally_core.ports.outside import Outside
from chorally_core.runner.retention import Kept, retention
from chorally_core.services.log import handlers
from chorally_core.services.log.erasure import EraseEntries
from chorally_core.services.log.model import AuditEntry, LogEntry
from chorally_core.services.log.webhooks import serving
from chorally_core.services.log.webhooks.calling import Calling
from chorally_core.services.log.webhooks.erasure import EraseWebhookAnswers
from chorally_core.services.log.webhooks.model import WebhookDelivery, WebhookReplay
from chorally_core.services.log.webhooks.queueing import Queueing
from chorally_core.services.log.webhooks.sending import Sending

_KEPT_OPEN = 50  # connections to receivers
_LARGEST = 256 * 1024  # bytes of what is sent of one entry


def _api(around: Around) -> FastAPI:
    outside = _outside(around)
    webhooks = Webhooks(
        documents=around.documents, actions=around.actions, vault=around.vault, outside=outside,
        calling=_calling(around, outside), now=around.now, new_id=around.ids,
    )  # fmt: skip
    parts = api.Log(documents=around.documents, feed=around.feed)
    return api.create_app(
        around.identity, parts, audit_router(around.documents), webhooks_router(webhooks),
        webhook_deliveries_router(webhooks),
    )  # fmt: skip


def _outside(around: Around, kept: int = 0) -> PublicOutside:
    settings = around.settings
    return PublicOutside(settings.private_networks, plain_http=settings.plain_http, kept=kept)


def _calling(around: Around, outside: Outside) -> Calling:
    return Calling(outside, around.vault, body_of, around.now)


def body_of(entry: LogEntry) -> bytes:
    """Return what webhooks are sent of an entry: what ``/log/v1/events`` shows, without the snapshot if it is huge."""
    view = LogEntryView.of(entry)
    body = view.model_dump_json().encode()
    return body if len(body) <= _LARGEST else view.model_copy(update={"snapshot": {}}).model_dump_json().encode()


def _rounds(around: Around) -> Sequence[Round]:
    outside = _outside(around, _KEPT_OPEN)
    sending = Sending(around.ledger, around.actions, _calling(around, outside), around.now, random.random)
    queueing = Queueing(around.ledger, around.now, sending.look_at)
    served = serving.Serving(around.documents, queueing, sending, outside)
    return [Round("log/webhooks", served.once, serving.EVERY_S, served.stop)]


def _jobs(around: Around) -> Sequence[JobKind[Any]]:
    async def kept() -> list[Kept]:
        days = around.settings.retention_days
        return [
            Kept(LogEntry, "id", days.logs, around.own("logs")),
            Kept(AuditEntry, "id", days.audit, around.own("audit")),
            Kept(WebhookDelivery, "created_at", days.webhooks, around.own("webhooks")),
            Kept(WebhookReplay, "created_at", days.webhooks, around.own("webhooks")),
        ]

    return [retention("log/retention", "log-service", kept, around.ledger)]


SERVICE = Service(
    name="log",
    api=_api,
    reads=lambda around: Reads(handlers.GROUP, handlers.HANDLERS),
    jobs=_jobs,
    rounds=_rounds,
    erases=lambda around: [EraseEntries(around.ledger), EraseWebhookAnswers(around.ledger)],
)
