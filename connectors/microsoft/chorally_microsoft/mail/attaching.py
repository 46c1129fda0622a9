"""Attaches files to drafts: small ones at once, large ones in pieces of an upload session."""

import base64
import tempfile
from collections.abc import AsyncIterator, Callable
from typing import IO

import chorally_sdk as sdk
from chorally_microsoft.mail.place import HEADERS, Mailbox
from chorally_microsoft.mail.shapes import Listing, Session, read

Media = Callable[[sdk.Attachment], AsyncIterator[bytes]]

SMALL = 3 * 2**20
"""Bytes from which on a file goes in pieces (Graph, "Attach large files to Outlook messages or events")."""
MAX_FILE = 25 * 2**20
"""Bytes of a file. Graph takes 150 MB; Exchange Online refuses mails of more than 35 MB unless an administrator
allows more, and base64 adds a third."""
PIECE = 10 * 320 * 1024  # bytes; a multiple of 320 KiB below the 4 MB that one PUT may have
_MOST_PAGES = 20


async def count(mailbox: Mailbox, draft: str) -> int:
    """Return how many files a draft has."""
    found, link = 0, ""
    for _ in range(_MOST_PAGES):
        if link:
            raw = (await mailbox.http.get(link, headers=HEADERS)).content
        else:
            raw = await mailbox.get("messages", draft, "attachments", select="id,name,size")
        page = read(Listing, raw, "the attachments of a draft")
        found += len(page.value)
        if not (link := page.next or ""):
            break
    return found


async def attach(mailbox: Mailbox, draft: str, file: sdk.Attachment, media: Media, *, already: int) -> None:
    """Attach one file, unless the draft has it from a step whose answer was lost.

    Args:
        mailbox: Where the draft lies.
        draft: Its id.
        file: What is attached.
        media: Reads it.
        already: How many files the draft has without it.

    Raises:
        Rejected: Graph does not take it.
    """
    if await count(mailbox, draft) > already:
        return
    if file.size_bytes is not None and file.size_bytes >= SMALL:
        await _in_pieces(mailbox, draft, file, media(file), file.size_bytes)
        return
    with tempfile.SpooledTemporaryFile(SMALL) as aside:  # the size must be told first; a large file lies on the disk
        size = 0
        async for piece in media(file):
            aside.write(piece)
            size += len(piece)
        aside.seek(0)
        if size < SMALL:
            await _at_once(mailbox, draft, file, aside.read())
        else:
            await _in_pieces(mailbox, draft, file, _again(aside), size)


async def _again(aside: IO[bytes]) -> AsyncIterator[bytes]:
    while piece := aside.read(PIECE):
        yield piece


async def _at_once(mailbox: Mailbox, draft: str, file: sdk.Attachment, content: bytes) -> None:
    told = {
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": file.name or "file",
        "contentType": file.media_type or "application/octet-stream",
        "contentBytes": base64.b64encode(content).decode(),
    }
    await mailbox.http.post(mailbox.url("messages", draft, "attachments"), json=told, headers=HEADERS)


async def _in_pieces(
    mailbox: Mailbox, draft: str, file: sdk.Attachment, content: AsyncIterator[bytes], size: int
) -> None:
    item = {"attachmentType": "file", "name": file.name or "file", "size": size}
    if file.media_type:
        item["contentType"] = file.media_type
    url = mailbox.url("messages", draft, "attachments", "createUploadSession")
    made = await mailbox.http.post(url, json={"AttachmentItem": item}, headers=HEADERS)
    session = read(Session, made.content, "an upload session")
    held, start = bytearray(), 0
    async for more in content:
        held += more
        if start + len(held) > size:
            break
        while len(held) >= PIECE:
            await _put(mailbox, session.url, bytes(held[:PIECE]), start, size)
            start += PIECE
            del held[:PIECE]
    if start + len(held) != size:
        raise sdk.Rejected(f"the file {file.name or 'file'!r} does not have the {size} bytes that were said of it")
    if held:
        await _put(mailbox, session.url, bytes(held), start, size)


async def _put(mailbox: Mailbox, url: str, piece: bytes, start: int, size: int) -> None:
    span = {"Content-Range": f"bytes {start}-{start + len(piece) - 1}/{size}"}
    headers = {**span, "Content-Type": "application/octet-stream", "Content-Length": str(len(piece))}
    try:
        await mailbox.http.put(url, auth=None, content=piece, headers=headers)  # the URL itself is the key
    except sdk.Reauthorize as ended:
        raise sdk.RetryLater("the upload of a file has ended; it begins anew") from ended
    except sdk.Rejected as ended:
        if ended.reason is not sdk.Reason.GONE:
            raise
        raise sdk.RetryLater("the upload of a file has ended; it begins anew") from ended
