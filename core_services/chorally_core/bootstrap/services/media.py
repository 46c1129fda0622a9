"""Declares the media service."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from fastapi import FastAPI

from chorally_core.api import media as api
from chorally_core.bootstrap.copies import MIB, has_room
from chorally_core.bootstrap.service import Around, Service
from chorally_core.ports.documents import Document
from chorally_core.ports.files import File
from chorally_core.ports.job_kinds import JobKind
from chorally_core.runner.retention import Kept, retention
from chorally_core.services.media.erasure import EraseFiles
from chorally_core.services.media.uploads import Uploads
from chorally_core.settings import days

_SPARED = 1 / 24  # days that a file outlives its time, so that nothing is removed that was just used


def _api(around: Around) -> FastAPI:
    settings = around.settings
    uploads = Uploads(
        around.ledger, around.objects, now=around.now, most_bytes=settings.upload_mib * MIB,
        types=settings.upload_types, unused=partial(days, settings, what="unused_files"),
        has_room=partial(has_room, settings),
    )  # fmt: skip
    parts = api.Media(
        documents=around.documents, objects=around.objects, uploads=uploads, now=around.now, new_id=around.ids
    )
    return api.create_app(around.identity, parts)


def _jobs(around: Around) -> Sequence[JobKind[Any]]:
    async def removed(files: Sequence[Document]) -> None:
        """Remove the bytes of files that go."""
        for file in files:
            if isinstance(file, File):
                await around.objects.delete(file.tenant, file.place)

    async def kept() -> list[Kept]:
        """Each file knows how long it is kept."""
        return [Kept(File, "expires_at", _SPARED, {}, removed=removed)]

    return [retention("media/retention", "media-service", kept, around.ledger)]


SERVICE = Service(
    name="media",
    api=_api,
    larger=lambda around: {api.UPLOAD: around.settings.upload_mib * MIB},
    jobs=_jobs,
    erases=lambda around: [EraseFiles(around.ledger, around.objects)],
)
