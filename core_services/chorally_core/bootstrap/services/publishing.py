"""Declares the publishing service."""

from functools import partial

from fastapi import FastAPI

from chorally_core.api import publishing as api
from chorally_core.bootstrap.colleagues import colleagues_of
from chorally_core.bootstrap.service import Around, Reads, Round, Service
from chorally_core.services.publishing import handlers
from chorally_core.services.publishing.timing import publish_due

_PUBLISHING_S = 2.0


def _api(around: Around) -> FastAPI:
    texts = around.texts
    parts = api.Publishing(
        documents=around.documents, actions=around.actions, preview=texts.preview, verbs_of=texts.verbs_of,
        files=around.files, colleagues=colleagues_of(around.documents), platform_of=texts.platform_of, now=around.now,
        new_id=around.ids,
    )  # fmt: skip
    return api.create_app(around.identity, parts)


SERVICE = Service(
    name="publishing",
    api=_api,
    reads=lambda around: Reads(handlers.GROUP, handlers.HANDLERS),
    rounds=lambda around: [
        Round("publishing/due", partial(publish_due, around.documents, around.actions, around.now), _PUBLISHING_S)
    ],
)
