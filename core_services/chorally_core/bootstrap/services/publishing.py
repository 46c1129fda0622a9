"""Declares the publishing service."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from fastapi import FastAPI

from chorally_core.api import publishing as api
from chorally_core.bootstrap.colleagues import colleagues_of
from chorally_core.bootstrap.service import Around, Reads, Round, Service
from chorally_core.ports.documents import Condition
from chorally_core.ports.job_kinds import JobKind
from chorally_core.runner.retention import Kept, retention
from chorally_core.services.publishing import handlers
from chorally_core.services.publishing.model import Publication
from chorally_core.services.publishing.series import Series
from chorally_core.services.publishing.timing import publish_due

_PUBLISHING_S = 2.0
_OVER = ("published", "failed", "deleted", "cancelled")


def _api(around: Around) -> FastAPI:
    texts = around.texts
    parts = api.Publishing(
        documents=around.documents, actions=around.actions, preview=texts.preview, verbs_of=texts.verbs_of,
        files=around.files, colleagues=colleagues_of(around.documents), platform_of=texts.platform_of, now=around.now,
        new_id=around.ids,
    )  # fmt: skip
    return api.create_app(around.identity, parts)


def _jobs(around: Around) -> Sequence[JobKind[Any]]:
    async def kept() -> list[Kept]:
        """What became of posts is kept like deliveries, from their time on; drafts and what is in doubt stay."""
        days, own = around.settings.retention_days.deliveries, around.own("deliveries")
        return [
            Kept(Publication, "at", days, own, (Condition("state", "in", _OVER),)),
            Kept(Series, "ended_at", days, own),
        ]

    return [retention("publishing/retention", "publishing-service", kept, around.ledger)]


SERVICE = Service(
    name="publishing",
    api=_api,
    reads=lambda around: Reads(handlers.GROUP, handlers.HANDLERS),
    jobs=_jobs,
    rounds=lambda around: [
        Round("publishing/due", partial(publish_due, around.documents, around.actions, around.now), _PUBLISHING_S)
    ],
)
