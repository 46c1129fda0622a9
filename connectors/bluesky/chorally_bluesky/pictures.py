"""Uploading pictures: streamed, never held whole; their shape is read from their first bytes in passing."""

import struct
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import imagesize  # type: ignore[import-untyped]  # has annotations, and no py.typed

import chorally_sdk as sdk
from chorally_bluesky.shapes import Uploaded, read

IMAGE_BYTES = 2_000_000
"""Lexicon ``app.bsky.embed.images``: "May be up to 2 MB, formerly limited to 1 MB" (commit d6296a1c)."""
THUMB_BYTES = 1_000_000
"""Lexicon ``app.bsky.embed.external``."""
_HEAD = 64 * 1024  # bytes in which the shape is looked for


async def upload(connector: sdk.Connector, attachment: sdk.Attachment, most: int) -> dict[str, Any]:
    """Upload a picture that nobody sees yet; return ``{blob, aspectRatio}``, the second where it can be read.

    Raises:
        Rejected: It is no picture, or too large.
        ConnectorError: It was not uploaded, and may be uploaded again.
    """
    kind = attachment.media_type or ""
    if not kind.startswith("image/"):
        raise sdk.Rejected(
            f"{attachment.name or 'the attachment'} is {kind or 'of no kind'}; only pictures can be sent"
        )
    if attachment.size_bytes is not None and attachment.size_bytes > most:
        raise _too_large(attachment, most)
    # A body that is streamed cannot be sent twice: whatever nonce the server wants is to be known before.
    await connector.http.get("/xrpc/com.atproto.server.getSession")
    head = bytearray()

    async def pieces() -> AsyncIterator[bytes]:
        size = 0
        async for piece in connector.media(attachment):
            size += len(piece)
            if size > most:
                raise _too_large(attachment, most)
            head.extend(piece[: max(_HEAD - len(head), 0)])
            yield piece

    answer = await connector.http.post(
        "/xrpc/com.atproto.repo.uploadBlob", content=pieces(), headers={"Content-Type": kind}
    )
    uploaded: dict[str, Any] = {"blob": read(Uploaded, answer.content, "the answer to an upload").blob}
    shape = shape_of(bytes(head))
    return uploaded | ({"aspectRatio": {"width": shape[0], "height": shape[1]}} if shape else {})


def shape_of(head: bytes) -> tuple[int, int] | None:
    """Return width and height of a picture by its first bytes; None where they do not tell."""
    try:
        width, height = imagesize.get(BytesIO(head))
    except (ValueError, struct.error, EOFError, IndexError):
        return None
    return (width, height) if width > 0 and height > 0 else None


def _too_large(attachment: sdk.Attachment, most: int) -> sdk.Rejected:
    return sdk.Rejected(f"{attachment.name or 'the picture'} has more than {most:,} bytes; make it smaller")
