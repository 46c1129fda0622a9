"""Declares the media service."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from typing import Any

from fastapi import FastAPI, Request

from chorally_core.adapters.pictures import DrawnApart
from chorally_core.api import media as api
from chorally_core.api.media_links import links_router
from chorally_core.bootstrap.copies import MIB, has_room
from chorally_core.bootstrap.service import Around, Service
from chorally_core.ports.buckets import TenantBucket
from chorally_core.ports.documents import Document, Query
from chorally_core.ports.files import File
from chorally_core.ports.job_kinds import JobKind
from chorally_core.ports.jobs import Job
from chorally_core.ports.links import Linking, Links
from chorally_core.ports.objects import Tidied
from chorally_core.runner.retention import Kept, retention
from chorally_core.services.media.erasure import EraseFiles
from chorally_core.services.media.quota import Quota
from chorally_core.services.media.thumbnails import asked, drawing
from chorally_core.services.media.uploads import Uploads
from chorally_core.settings import Settings, days

_STEP = 100
_SPARED = 1 / 24  # days that a file outlives its time, so that nothing is removed that was just used


def _api(around: Around) -> FastAPI:
    settings = around.settings
    uploads = Uploads(
        around.ledger, around.objects, now=around.now, most_bytes=settings.upload_mib * MIB,
        types=settings.upload_types, unused=partial(days, settings, what="unused_files"),
        has_room=partial(has_room, settings),
        quota=Quota(around.documents, most_bytes=partial(_room, settings), now=around.now),
        beside=_drawn_beside(around.now), limit_s=settings.upload_s,
    )  # fmt: skip
    parts = api.Media(
        documents=around.documents, objects=around.objects, uploads=uploads, now=around.now, new_id=around.ids,
        upload_s=settings.upload_s,
    )  # fmt: skip
    linking = Linking(Links(around.io.vault), around.objects, now=around.now)
    return api.create_app(around.identity, parts, links_router(parts, linking, around.ledger, partial(_base, settings)))


def _base(settings: Settings, request: Request) -> str:
    """The address of the system as the caller knows it."""
    return settings.public_url.rstrip("/") or f"{request.url.scheme}://{request.url.netloc}"


def _room(settings: Settings, tenant: str) -> int | None:
    """Bytes that a tenant's files may take."""
    most = settings.tenant_files_mib.get(tenant, settings.files_mib)
    return most * MIB if most else None


def _draws() -> bool:
    """Whether there is what draws pictures."""
    return find_spec("PIL") is not None


def _drawn_beside(now: Callable[[], datetime]) -> Callable[[File], Job | None]:
    draws = _draws()
    return lambda file: asked(file, now()) if draws else None


def _jobs(around: Around) -> Sequence[JobKind[Any]]:
    async def removed(files: Sequence[Document]) -> None:
        """Remove the bytes of files that go."""
        for file in files:
            if isinstance(file, File):
                for place in file.places:
                    await around.objects.delete(file.tenant, place)

    async def kept() -> list[Kept]:
        """Each file knows how long it is kept."""
        return [Kept(File, "expires_at", _SPARED, {}, removed=removed)]

    async def tidied() -> int:
        """Remove what uploads left that were killed, tenant by tenant."""
        objects, after, count = around.objects, None, 0
        while isinstance(objects, Tidied):
            query = Query(TenantBucket, None, limit=_STEP, after=after)
            found: list[TenantBucket] = await around.documents.find(query)
            for record in found:
                count += await objects.tidy(record.tenant, around.now())
            if len(found) < _STEP:
                break
            after = (None, found[-1].id)
        return count

    swept = retention("media/retention", "media-service", kept, around.ledger, before=tidied)
    return [swept, *([drawing(around.ledger, around.objects, DrawnApart())] if _draws() else [])]


SERVICE = Service(
    name="media",
    api=_api,
    larger=lambda around: {api.UPLOAD: around.settings.upload_mib * MIB},
    jobs=_jobs,
    erases=lambda around: [EraseFiles(around.ledger, around.objects)],
)
