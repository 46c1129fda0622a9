"""Answers that are files: streamed, and shown by no browser as if they were pages of ours."""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

from fastapi.responses import StreamingResponse

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-store",
}
_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(?:[ \t]*;[\x20-\x7e]*)?", re.ASCII)
_OCTETS = "application/octet-stream"
_BYTES = {"type": "string", "format": "binary", "title": "The file's bytes"}


async def content(
    pieces: AsyncGenerator[bytes, None], *, name: str, media_type: str, size_bytes: int | None = None
) -> StreamingResponse:
    """Return the answer that a file is; what goes wrong before its first piece is raised, and no answer has begun.

    Args:
        pieces: The file's bytes.
        name: As people know it.
        media_type: What it is; as whoever sent it says, so what cannot be a header is not repeated.
        size_bytes: How large it is, where that is certain.
    """
    first = await anext(pieces, b"")
    headers = {
        **_HEADERS,
        "Content-Type": media_type if _TYPE.fullmatch(media_type) else _OCTETS,
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
    }
    if size_bytes is not None:
        headers["Content-Length"] = str(size_bytes)
    return StreamingResponse(_rest(first, pieces), headers=headers)


async def _rest(first: bytes, pieces: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    async with aclosing(pieces):
        yield first
        async for piece in pieces:
            yield piece


FILE_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file's bytes.",
        "content": {_OCTETS: {"schema": _BYTES}, "*/*": {"schema": _BYTES}},
    }
}
"""How such an answer is documented."""
