"""Files of messages: uploaded unseen, and read by links that are asked for at the time."""

import json
from collections.abc import AsyncIterator

from chorally_meta.shapes import read
from chorally_meta.uploading import form

import chorally_sdk as sdk
from chorally_instagram import messages
from chorally_instagram.api import Api
from chorally_instagram.comments import fetched_mention
from chorally_instagram.names import MESSAGE
from chorally_instagram.shapes import Uploaded

_MEDIA = "media:"


async def prepare(connector: sdk.Connector, api: Api, outgoing: sdk.Outgoing) -> sdk.Prepared:
    """Upload the file of a message, where Instagram cannot fetch it; comments have none.

    Raises:
        Rejected: There is neither the file nor an address of it.
    """
    file = next(iter(outgoing.attachments), None)
    if file is None or file.url or outgoing.prepared or outgoing.channel != MESSAGE:
        return sdk.Prepared(state=outgoing.prepared)
    try:
        content = connector.media(file)
    except LookupError:
        raise sdk.Rejected("this host keeps no files, and the attachment has no url") from None
    message = {"attachment": {"type": file.kind, "payload": {"is_reusable": True}}}
    fields = {"platform": "instagram", "message": json.dumps(message)}
    sent = form(fields, "filedata", file, content, outgoing.client_ref)
    answer = await api.http.post(api.mine("message_attachments"), **sent)
    return sdk.Prepared(state={"ids": [read(Uploaded, answer.content, "the answer to a file").attachment_id]})


async def download(api: Api, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
    """Yield a file of a message or a mention by a link that is asked for now; any other file by its own link.

    Raises:
        Rejected: The message, the post or the file is gone.
    """
    url = await _link(api, attachment)
    if not url:
        raise sdk.Rejected("the file is no longer there", reason=sdk.Reason.GONE)
    async with api.http.stream("GET", url, auth=None, follow_redirects=True) as opened:
        async for piece in opened.aiter_bytes():
            yield piece


async def _link(api: Api, attachment: sdk.Attachment) -> str | None:
    named = attachment.external_id or ""
    if named.startswith(_MEDIA):
        found = await fetched_mention(api, named.removeprefix(_MEDIA))
        linked = [file.url for event in found if isinstance(event, sdk.Message) for file in event.attachments]
        return linked[0] if linked else None
    message_id, _, place = named.rpartition("/")
    if message_id and place.isdecimal():
        return await messages.link_of(api, message_id, int(place))
    return attachment.url
