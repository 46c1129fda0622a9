"""Parts of a file and answers that say that nothing is new (RFC 9110, sections 13 and 14)."""

import re
from collections.abc import AsyncGenerator, Callable
from typing import Any, NamedTuple

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from chorally_core.api.content import FILE_ANSWER, content
from chorally_core.api.problem import Problem

PARTS: dict[int | str, dict[str, Any]] = {
    206: {**FILE_ANSWER[200], "description": "The part that was asked for."},
    304: {"description": "The caller has it."},
}
"""How such answers are documented."""

_RANGE = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.ASCII)
Read = Callable[[int, int], AsyncGenerator[bytes, None]]
"""Yields the bytes from one position to another, the last included."""


class Part(NamedTuple):
    """Positions of the first and the last byte of a part."""

    first: int
    last: int


def wanted(header: str | None, size_bytes: int) -> Part | None:
    """Return the part that a request asks for; None where it asks for all, or for what is not understood.

    Several parts at once are not understood, and answered with the whole.

    Raises:
        Problem: 416, the file has no such part.
    """
    found = _RANGE.fullmatch(header or "")
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        first, last = max(0, size_bytes - int(found[2])), size_bytes - 1
    else:
        first, last = int(found[1]), min(int(found[2] or size_bytes), size_bytes - 1)
        if found[2] and int(found[2]) < first:
            return None
    if first > last:
        detail = f"the file has {size_bytes} bytes; ask for a part of it, or for all without Range"
        raise Problem(416, detail, code="no-such-part", headers={"Content-Range": f"bytes */{size_bytes}"})
    return Part(first, last)


async def ranged(request: Request, read: Read, *, name: str, media_type: str, size_bytes: int, sha256: str) -> Response:
    """Return the answer that a file is: all of it, a part, or nothing where the caller has it.

    Args:
        request: Whose headers say what is wanted.
        read: Gives the bytes.
        name: As people know it.
        media_type: What it is.
        size_bytes: How large it is.
        sha256: Of its bytes, which is its ETag.
    """
    tag = f'"{sha256}"'
    same = {"ETag": tag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    known = {part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")}
    if tag in known or "*" in known:
        return Response(status_code=304, headers=same)
    is_same = request.headers.get("if-range", tag) == tag
    part = wanted(request.headers.get("range") if is_same else None, size_bytes)
    first, last = part or Part(0, max(0, size_bytes - 1))
    answer: StreamingResponse = await content(
        read(first, last), name=name, media_type=media_type, size_bytes=last + 1 - first if size_bytes else 0
    )
    answer.headers.update(same)
    if part is not None:
        answer.status_code = 206
        answer.headers["Content-Range"] = f"bytes {first}-{last}/{size_bytes}"
    return answer
