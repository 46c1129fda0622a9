"""The media API, at ``/media/v1``: files that go out with answers and posts."""

import asyncio
import base64
import binascii
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, FastAPI, Header, Request, Response
from fastapi import Query as Parameter
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from chorally_core.api import problem
from chorally_core.api.auth import allowed
from chorally_core.api.content import FILE_ANSWER, content
from chorally_core.api.idempotency import IdempotencyKey, Once, answer
from chorally_core.api.problem import Problem
from chorally_core.api.ranges import PARTS, ranged
from chorally_core.api.responses import describe, problems
from chorally_core.ports.documents import Documents
from chorally_core.ports.files import File
from chorally_core.ports.identity import Caller, Identity
from chorally_core.ports.objects import Objects
from chorally_core.ports.permissions import Permission
from chorally_core.services.media.facts import Actor
from chorally_core.services.media.uploads import NoRoom, NotTaken, QuotaFull, TooLarge, TooSlow, Uploads, WrongType

Reader = Annotated[Caller, allowed(Permission.TICKETS_READ)]
Writer = Annotated[Caller, allowed(Permission.TICKETS_WRITE)]
UPLOAD = "/media/v1/files"
"""Path of the one route whose bodies may be large."""
_IDLE_S = 60.0  # that the next piece of a body may take
_THUMBNAIL = "image/webp"
_DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]{44}):")
_BYTES = {"type": "string", "format": "binary", "title": "The file's bytes"}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": _BYTES}, "*/*": {"schema": _BYTES}},
    }
}


@dataclass(frozen=True, kw_only=True)
class Media:
    """What the API needs."""

    documents: Documents
    objects: Objects
    uploads: Uploads
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    upload_s: float = 900.0
    """Seconds that an upload may take."""


class FileView(BaseModel):
    """A file that may go out with answers and posts."""

    id: str = Field(title="Id", description="Named in `files` of an answer or a post.")
    name: str = Field(title="Name")
    media_type: str = Field(title="Media type")
    kind: Literal["image", "video", "audio", "file"] = Field(title="Kind")
    size_bytes: int = Field(title="Size in bytes")
    sha256: str = Field(title="SHA-256", description="Of its bytes, in hexadecimal digits.")
    created_by: str = Field(title="Uploaded by")
    created_at: datetime = Field(title="Uploaded")
    used_at: datetime | None = Field(title="Used last", description="When something that names it was written.")
    expires_at: datetime = Field(title="Kept until", description="Later again at each use.")
    thumbnail: Literal["", "waiting", "made", "none"] = Field(
        title="Thumbnail",
        description="Of a picture: `made` once there is one at `/thumbnail`, `none` where it cannot be drawn.",
    )

    @classmethod
    def of(cls, file: File) -> "FileView":
        """Return a file as the API shows it."""
        values = {name: getattr(file, name) for name in cls.model_fields if name != "kind"}
        return cls.model_validate({**values, "kind": file.shape})


def create_app(identity: Identity, parts: Media, *routers: APIRouter) -> FastAPI:
    """Return the application to mount at ``/media/v1``, with further routes."""
    app = FastAPI(
        title="Chorally media",
        version="1",
        description="Files that go out with answers and posts.",
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.identity = identity
    problem.install(app)
    describe(app)
    app.include_router(files_router(parts))
    for router in routers:
        app.include_router(router)
    return app


async def own(parts: Media, file_id: str, caller: Caller) -> File:
    """Return a file of the caller's tenant that can be used.

    Raises:
        Problem: 404, there is none.
    """
    file = await parts.documents.get(File, file_id)
    if file is None or file.tenant != caller.tenant or not file.is_ours or not file.is_there(parts.now()):
        raise Problem(404, "there is no such file; it may have been removed because nothing used it")
    return file


def actor(caller: Caller) -> Actor:
    """Return a caller as facts name them."""
    return Actor("agent" if caller.kind == "user" else "service", caller.subject)


def files_router(parts: Media) -> APIRouter:
    """Return the routes of files."""
    router = APIRouter(prefix="/files", tags=["files"], responses=problems(401, 403, 429))
    once = Once(parts.documents, now=parts.now, new_id=parts.new_id)

    @router.post(
        "",
        status_code=201,
        summary="Upload a file",
        openapi_extra=_BODY,
        response_model=FileView,
        responses=problems(400, 408, 409, 413, 415, 503, 507),
    )
    async def upload_file(
        request: Request,
        caller: Writer,
        name: Annotated[str, Parameter(title="Name", min_length=1, max_length=1000, description="As people know it.")],
        content_digest: Annotated[
            str | None,
            Header(title="Content-Digest", max_length=500, description="`sha-256=:BASE64:` (RFC 9530): it is checked."),
        ] = None,
        key: IdempotencyKey = None,
    ) -> Response:
        """Store the body as a file; nothing is kept of one that is not taken, or whose sender leaves.

        It is removed after a while unless an answer or a post names it. Whether a repeat under the same
        `Idempotency-Key` has the same body is told by `Content-Type`, `Content-Length` and `Content-Digest`.
        """
        length = request.headers.get("content-length", "")
        media_type = request.headers.get("content-type", "")

        async def make(file_id: str) -> Response:
            with _told():
                file = await parts.uploads.take(
                    caller.tenant,
                    file_id,
                    name=name,
                    media_type=media_type,
                    pieces=_pieces(request),
                    by=actor(caller),
                    digest=_digest(content_digest),
                    declared_bytes=int(length) if length.isdigit() else None,
                )
            return answer(FileView.of(file), 201, {"Location": f"{UPLOAD}/{file.id}"})

        same = "\n".join((media_type, length, content_digest or "")).encode()
        lease = timedelta(seconds=parts.upload_s + _IDLE_S)
        return await once(request, caller, key, make, body=same, lease=lease)

    @router.get("/{file_id}", summary="Show a file", responses=problems(404))
    async def show_file(file_id: str, caller: Reader) -> FileView:
        """Return what is known of a file."""
        return FileView.of(await own(parts, file_id, caller))

    @router.get(
        "/{file_id}/content",
        summary="Read a file",
        response_class=Response,
        responses={**FILE_ANSWER, **PARTS, **problems(404, 416)},
    )
    async def read_file(file_id: str, caller: Reader, request: Request) -> Response:
        """Return a file's bytes, or the part that `Range` asks for; 304 where `If-None-Match` names its `ETag`."""
        return await bytes_of(parts, await own(parts, file_id, caller), request)

    @router.get(
        "/{file_id}/thumbnail",
        summary="Read a file's thumbnail",
        response_class=Response,
        responses={**FILE_ANSWER, **problems(404)},
    )
    async def read_thumbnail(file_id: str, caller: Reader) -> Response:
        """Return a picture in small (WebP, at most 512 × 512), once it is drawn; soon after the upload."""
        file = await own(parts, file_id, caller)
        if file.thumbnail == "waiting":
            why = "the thumbnail is being drawn; ask again in a moment"
            raise Problem(404, why, code="thumbnail-not-yet", headers={"Retry-After": "2"})
        if file.thumbnail != "made":
            raise Problem(404, "the file has no thumbnail; only pictures have one", code="no-thumbnail")
        pieces = parts.objects.pieces(file.tenant, file.thumbnail_place)
        try:
            return await content(pieces, name=f"{file.name}.webp", media_type=_THUMBNAIL)
        except LookupError:
            raise Problem(404, "the thumbnail is gone", code="no-thumbnail") from None

    @router.delete("/{file_id}", status_code=204, summary="Remove a file", responses=problems(404, 409))
    async def remove_file(file_id: str, caller: Writer) -> None:
        """Remove a file that nothing uses."""
        await parts.uploads.remove(await own(parts, file_id, caller), actor(caller))

    return router


async def bytes_of(parts: Media, file: File, request: Request, media_type: str | None = None) -> Response:
    """Return the answer that a file's bytes are, as another type where one is given."""

    def read(first: int, last: int) -> AsyncGenerator[bytes, None]:
        return parts.objects.pieces(file.tenant, file.place, first=first, last=last)

    try:
        return await ranged(
            request, read, name=file.name, media_type=media_type or file.media_type, size_bytes=file.size_bytes,
            sha256=file.sha256,
        )  # fmt: skip
    except LookupError:
        raise Problem(404, "the file's bytes are gone; upload it again") from None


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    stream = request.stream()
    try:
        while True:
            async with asyncio.timeout(_IDLE_S):
                piece = await anext(stream, None)
            if piece is None:
                return
            yield piece
    except TimeoutError:
        why = f"nothing more of the file came for {_IDLE_S:g} seconds; send it again"
        raise Problem(408, why, code="too-slow", headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise Problem(400, "the request ended before the file was complete; send it again") from None


def _digest(header: str | None) -> bytes | None:
    if header is None:
        return None
    found = _DIGEST.search(header)
    try:
        digest = base64.b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        digest = b""
    if len(digest) != 32:
        raise Problem(400, "Content-Digest is understood as `sha-256=:BASE64:`", code="digest-not-understood")
    return digest


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except TooLarge as error:
        raise Problem(413, str(error), code="file-too-large", headers={"Connection": "close"}) from None
    except QuotaFull as error:
        raise Problem(507, str(error), code="quota-full", headers={"Connection": "close"}) from None
    except TooSlow as error:
        raise Problem(408, str(error), code="too-slow", headers={"Connection": "close"}) from None
    except WrongType as error:
        raise Problem(415, str(error), code="file-type-not-taken") from None
    except NoRoom as error:
        raise Problem(503, str(error), code="no-room", headers={"Retry-After": "60"}) from None
    except NotTaken as error:
        raise Problem(400, str(error), code="file-damaged") from None
