"""Reads the files that go out with a mail: bounded, and refused before anything is sent.

The library that speaks SMTP takes a mail as a whole, so its files are held for as long as it is written and sent; the
bound of a mail bounds them.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple

import chorally_sdk as sdk

MAX_FILES = 20
MAX_FILE_BYTES = 18_000_000  # what fits into a mail of 25 MB, as most servers take at most (as of 2026-11, from memory)
_ENCODED = 78 / 57  # base64 in lines of 76 letters (RFC 2045, 6.8)


class Content(NamedTuple):
    """A file, read."""

    attachment: sdk.Attachment
    content: bytes


async def read(
    attachments: Sequence[sdk.Attachment], media: Callable[[sdk.Attachment], AsyncIterator[bytes]], most_bytes: int
) -> list[Content]:
    """Return files with their content.

    Args:
        attachments: The files.
        media: Reads one.
        most_bytes: What the mail may have in all.

    Raises:
        Rejected: They are too large, or one cannot be read.
    """
    room = int(most_bytes / _ENCODED)
    if sum(attachment.size_bytes or 0 for attachment in attachments) > room:
        raise _too_large(most_bytes)
    files: list[Content] = []
    for attachment in attachments:
        pieces: list[bytes] = []
        async for piece in media(attachment):
            room -= len(piece)
            if room < 0:
                raise _too_large(most_bytes)
            pieces.append(piece)
        files.append(Content(attachment, b"".join(pieces)))
    return files


def _too_large(most_bytes: int) -> sdk.Rejected:
    why = f"with its files the mail has more than {most_bytes} bytes; leave files out, or put links into the text"
    return sdk.Rejected(why)
