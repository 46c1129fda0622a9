"""Files: uploaded before the message that shows them, downloaded as the user who may see them."""

import tempfile
from collections.abc import AsyncIterator
from typing import IO

import chorally_sdk as sdk
from chorally_matrix import ids
from chorally_matrix.faults import Unrecognized
from chorally_matrix.shapes import Uploaded, read

MAX_FILE = 50 * 2**20
"""Bytes of a file. Each homeserver has its own limit; 50 MiB is Synapse's default."""

PIECE = 65_536  # bytes
_IN_MEMORY = 1_048_576  # bytes of a file whose size is not known that wait in memory; what is more lies on the disk


async def upload(http: sdk.Http, base: str, file: sdk.Attachment, pieces: AsyncIterator[bytes]) -> sdk.Prepared:
    """Upload a file and return where it lies; nobody sees it before a message shows it.

    The size must be told first (Synapse refuses uploads without ``Content-Length``), so a file whose size is not known
    is put aside once.

    Raises:
        Rejected: The homeserver does not take it: too large, or of a kind that it does not want.
    """
    if file.size_bytes is not None:
        return await _sent(http, base, file, pieces, file.size_bytes)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as aside:
        size = 0
        async for piece in pieces:
            aside.write(piece)
            size += len(piece)
            if size > MAX_FILE:
                raise sdk.Rejected(f"{file.name or 'the file'} has more than {MAX_FILE} bytes; make it smaller")
        aside.seek(0)
        return await _sent(http, base, file, _again(aside), size)


async def _sent(
    http: sdk.Http, base: str, file: sdk.Attachment, pieces: AsyncIterator[bytes], size: int
) -> sdk.Prepared:
    kind = file.media_type or "application/octet-stream"
    answer = await http.post(
        f"{base}/_matrix/media/v3/upload",
        params={"filename": file.name} if file.name else {},
        content=pieces,
        headers={"Content-Type": kind, "Content-Length": str(size)},
    )
    uri = read(Uploaded, answer.content, "the answer to an upload").content_uri
    if ids.mxc(uri) is None:
        raise sdk.Malformed("the answer to an upload names no content", answer.content)
    return sdk.Prepared(state={"mxc": uri, "size_bytes": size})


async def _again(aside: IO[bytes]) -> AsyncIterator[bytes]:
    while piece := aside.read(PIECE):
        yield piece


async def download(http: sdk.Http, base: str, file: sdk.Attachment) -> AsyncIterator[bytes]:
    """Yield a file's bytes: as the user, or without asking who on servers older than Matrix 1.11.

    Raises:
        Rejected: There is no such file, or it may not be seen.
    """
    found = ids.mxc(file.external_id)
    if found is None:
        raise sdk.Rejected("the attachment has no content URI (mxc://)")
    try:
        async with http.stream(
            "GET", ids.path("media", "download", *found, base=f"{base}/_matrix/client/v1"), follow_redirects=True
        ) as answer:
            async for piece in answer.aiter_bytes(PIECE):
                yield piece
        return
    except Unrecognized:
        pass
    older = ids.path("download", *found, base=f"{base}/_matrix/media/v3")
    async with http.stream("GET", older, follow_redirects=True) as answer:
        async for piece in answer.aiter_bytes(PIECE):
            yield piece
