"""Files: uploaded unseen before they are sent, read by a link that is asked for at each use.

Source: "Media" of the Cloud API (read 2026-11-23). A file that was uploaded can be sent for 30 days.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from chorally_meta.listing import path
from chorally_meta.shapes import Created, read
from chorally_meta.uploading import OCTETS, form

import chorally_sdk as sdk
from chorally_whatsapp.limits import DOCUMENTS, MAX_CAPTION, MEDIA
from chorally_whatsapp.shapes import Media

STICKER = "image/webp"
_NO_TEXT = {"audio": "a recording", "sticker": "a sticker"}


def kind_of(file: sdk.Attachment, options: Mapping[str, Any]) -> str:
    """Return as what a file is sent: what WhatsApp does not show itself goes as a document."""
    media = media_type(file)
    if options.get("document") is True:
        return "document"
    if media == STICKER:
        return "sticker"
    known = media in MEDIA and media not in DOCUMENTS
    main = media.partition("/")[0]
    return main if known and main in {"image", "video", "audio"} else "document"


def media_type(file: sdk.Attachment) -> str:
    """Return a file's type without its parameters, in lower case."""
    return (file.media_type or OCTETS).partition(";")[0].strip().lower()


def judge(message: sdk.Outgoing) -> None:
    """Refuse what WhatsApp does not take of a text beside a file, before anything is uploaded.

    Raises:
        Rejected: The text is too long, or the file takes none.
    """
    if not message.attachments or not message.body:
        return
    kind = kind_of(message.attachments[0], message.options)
    if kind in _NO_TEXT:
        raise sdk.Rejected(f"{_NO_TEXT[kind]} takes no text on WhatsApp; send them one after the other")
    if len(message.body) > MAX_CAPTION:
        raise sdk.Rejected(
            f"a text beside a file has at most {MAX_CAPTION} characters, this has {len(message.body)}; shorten it, or "
            "send it by itself"
        )


async def uploaded(connector: sdk.Connector, outgoing: sdk.Outgoing, file: sdk.Attachment) -> str:
    """Return the id of a file that is uploaded now; empty where WhatsApp is to fetch it itself.

    Raises:
        Rejected: This host keeps no files, and the file has no address.
    """
    try:
        content = connector.media(file)
    except LookupError:
        if not file.url:
            raise sdk.Rejected("this host keeps no files, and the attachment has no url") from None
        return ""
    fields = {"messaging_product": "whatsapp", "type": file.media_type or OCTETS}
    sent = form(fields, "file", file, content, outgoing.client_ref)
    answer = await connector.http.post(path(connector.account.external_id, "media"), **sent)
    return read(Created, answer.content, "the answer to a file").id


def media(file: sdk.Attachment, file_id: str, kind: str, *, caption: str = "", voice: bool = False) -> dict[str, Any]:
    """Return a file as messages carry it."""
    return {
        **({"id": file_id} if file_id else {"link": file.url}),
        **({"caption": caption} if caption else {}),
        **({"filename": file.name} if kind == "document" and file.name else {}),
        **({"voice": True} if voice and kind == "audio" else {}),
    }


async def download(connector: sdk.Connector, file: sdk.Attachment) -> AsyncIterator[bytes]:
    """Yield a file by a link that lives for five minutes and wants the token, too.

    Raises:
        Rejected: It is gone.
    """
    if not file.external_id:
        raise sdk.Rejected("the file is no longer there", reason=sdk.Reason.GONE)
    query = {"phone_number_id": connector.account.external_id}
    answer = await connector.http.get(path(file.external_id), params=query)
    link = read(Media, answer.content, "a file").url
    # Not by the Graph API's own way: a proof of the app would be one parameter too many in a signed link.
    bearer = sdk.Bearer(await connector.token())
    async with connector.http.stream("GET", link, auth=bearer) as opened:
        async for piece in opened.aiter_bytes():
            yield piece
