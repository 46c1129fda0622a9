"""Posts of the page: files uploaded unseen, the one visible call, and the search for what it made.

Sources: "Posts", "Photos", "Videos" of the Pages API (read 2026-11-23). All photos are uploaded unpublished and
attached, a single one too; a video goes up in pieces, and its last call is what people see.
"""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from chorally_meta.listing import Reader, path
from chorally_meta.shapes import Created, Done, Listing, read
from chorally_meta.uploading import form

import chorally_sdk as sdk
from chorally_facebook import faults
from chorally_facebook.cutting import OTHER_LENGTH, Parts
from chorally_facebook.names import MESSAGE
from chorally_facebook.search import CLOCKS_APART, IN_DOUBT, same
from chorally_facebook.shapes import Piece, Upload, Uploaded, Video, Visit


async def prepare(connector: sdk.Connector, outgoing: sdk.Outgoing) -> sdk.Prepared:
    """Upload the next file, which nobody sees yet; ready when all are up.

    Raises:
        Rejected: There is a video beside other files.
    """
    ids = list(outgoing.prepared.get("ids", ()))
    files = outgoing.attachments
    if outgoing.channel != MESSAGE and len(files) > 1 and any(file.kind == "video" for file in files):
        raise sdk.Rejected("a post has photos, or one video; leave some out")
    if len(ids) < len(files):
        ids.append(await _uploaded(connector, outgoing, files[len(ids)]))
    return sdk.Prepared(state={"ids": ids}, ready=len(ids) >= len(files))


async def _uploaded(connector: sdk.Connector, outgoing: sdk.Outgoing, file: sdk.Attachment) -> str:
    """The id of an uploaded file; empty where Facebook is to fetch it itself, in the visible call."""
    try:
        content = connector.media(file)
    except LookupError:
        if not file.url:
            raise sdk.Rejected("this host keeps no files, and the attachment has no url") from None
        content = None
    page, http = connector.account.external_id, connector.http
    if outgoing.channel == MESSAGE:
        if content is None:
            return ""
        message = {"attachment": {"type": file.kind, "payload": {"is_reusable": True}}}
        sent = form({"message": json.dumps(message)}, "filedata", file, content, outgoing.client_ref)
        answer = await http.post(path(page, "message_attachments"), **sent)
        return read(Uploaded, answer.content, "the answer to a file").attachment_id
    if file.kind == "video":
        return "" if content is None else await _video(connector, file, content, outgoing.client_ref)
    at = outgoing.publish_at if isinstance(outgoing, sdk.Publication) else None
    later = at is not None and at > connector.now()
    fields = {"published": "false", **({"temporary": "true"} if later else {})}
    if content is None:
        answer = await http.post(path(page, "photos"), data={**fields, "url": file.url or ""})
    else:
        answer = await http.post(path(page, "photos"), **form(fields, "source", file, content, outgoing.client_ref))
    return read(Created, answer.content, "the answer to a photo").id


async def _video(connector: sdk.Connector, file: sdk.Attachment, content: AsyncIterator[bytes], boundary: str) -> str:
    """Upload a video in the pieces that Facebook asks for, however large; none of them is held whole."""
    if file.size_bytes is None:
        raise sdk.Rejected("the size of a video must be known before it is sent")
    where, http = path(connector.account.external_id, "videos"), connector.http
    started = await http.post(where, data={"upload_phase": "start", "file_size": str(file.size_bytes)})
    upload = read(Upload, started.content, "the begin of an upload")
    begin, end, whole = upload.start_offset, upload.end_offset, Parts(content)
    while begin < end:
        fields = {
            "upload_phase": "transfer",
            "upload_session_id": upload.upload_session_id,
            "start_offset": str(begin),
        }
        part = file.model_copy(update={"size_bytes": end - begin})
        answer = await http.post(where, **form(fields, "video_file_chunk", part, whole.next(end - begin), boundary))
        going_on = read(Piece, answer.content, "the answer to a piece of an upload")
        if going_on.start_offset != end:
            raise sdk.RetryLater("Facebook asks for a piece of the video again; the upload begins anew")
        begin, end = going_on.start_offset, going_on.end_offset
    if begin != end or not await whole.is_over():
        raise sdk.Rejected(OTHER_LENGTH)
    return f"{upload.upload_session_id} {upload.video_id}"


async def publish(http: sdk.Http, page_id: str, publication: sdk.Publication, now: datetime) -> sdk.Receipt:
    """Make the post, now or for later; at once where its time is past, which Facebook does not take.

    Raises:
        OutcomeUnknown: Facebook's answer does not say whether the post was made.
    """
    if publication.publish_at is not None and publication.publish_at <= now:
        publication = publication.model_copy(update={"publish_at": None})
    video = next((file for file in publication.attachments if file.kind == "video"), None)
    try:
        if video is not None:
            return await _show_video(http, page_id, publication, video)
        answer = await http.post(path(page_id, "feed"), data=_fields(publication))
        made = read(Created, answer.content, "the answer to a post")
    except (faults.Transient, sdk.Malformed) as error:
        raise sdk.OutcomeUnknown(f"whether the post was made is not known: {error}") from error
    url = f"https://www.facebook.com/{made.id}"
    return sdk.Receipt(external_id=made.id, conversation_id=made.id, url=url)


def _fields(publication: sdk.Publication) -> dict[str, str]:
    link = publication.options.get("link")
    ids = publication.prepared.get("ids", ())
    media = {"attached_media": json.dumps([{"media_fbid": each} for each in ids])} if ids else {}
    return {
        **({"message": publication.body} if publication.body else {}),
        **({"link": link} if isinstance(link, str) and link else {}),
        **media,
        **_when(publication),
    }


def _when(publication: sdk.Publication) -> dict[str, str]:
    at = publication.publish_at
    return {"published": "false", "scheduled_publish_time": str(int(at.timestamp()))} if at else {}


async def _show_video(http: sdk.Http, page_id: str, publication: sdk.Publication, video: sdk.Attachment) -> sdk.Receipt:
    """Make the last call of a video; its post has an id only when it is ready, which ``find`` asks for."""
    [uploaded] = publication.prepared.get("ids", ()) or [""]
    session, _, video_id = str(uploaded).partition(" ")
    fields: dict[str, Any] = {"description": publication.body, **_when(publication)}
    if not session:
        answer = await http.post(path(page_id, "videos"), data={**fields, "file_url": video.url or ""})
        video_id = read(Created, answer.content, "the answer to a video").id
    else:
        fields |= {"upload_phase": "finish", "upload_session_id": session}
        answer = await http.post(path(page_id, "videos"), data=fields)
        if not read(Done, answer.content, "the end of an upload").success:
            raise sdk.Malformed("the end of an upload was not successful", answer.content)
    return sdk.Receipt(external_id=None, state="accepted", data={"video": video_id})


async def find(http: sdk.Http, page_id: str, publication: sdk.Publication) -> sdk.Receipt | None:
    """Return the post that a lost call made, or the one that shows an accepted video; None where there is none.

    Raises:
        OutcomeUnknown: Several posts could be it.
        RetryLater: The video is not ready.
    """
    video_id = publication.receipt.data.get("video") if publication.receipt else None
    if isinstance(video_id, str) and video_id:
        if (shown := await _post_of(http, page_id, video_id)) is None:
            raise sdk.RetryLater("the video is not ready yet")
        return shown
    if (uploaded := _video_of(publication)) and (shown := await _uploaded_post(http, page_id, uploaded)) is not None:
        return shown
    earliest = publication.tried_at - CLOCKS_APART if publication.tried_at else None
    query: dict[str, str] = {"fields": "id,message,created_time,permalink_url", "limit": "100"}
    if earliest and not publication.publish_at:
        query["since"] = str(int(earliest.timestamp()))
    since = earliest.replace(microsecond=0) if earliest else None
    edges = ("scheduled_posts", "published_posts") if publication.publish_at else ("published_posts",)
    alike = {
        each.id: each
        for edge in edges  # its time may have come since
        async for each in Reader(http).all(Listing[Visit], path(page_id, edge), query)
        if (since is None or each.created_time >= since) and same(each.message, publication.body)
    }
    if len(alike) > 1:
        raise sdk.OutcomeUnknown(f"{len(alike)} equal posts of the page were found" + IN_DOUBT)
    return next((_receipt(each.id, each.permalink_url) for each in alike.values()), None)


def _video_of(publication: sdk.Publication) -> str:
    """The id of an uploaded video, whose last call may be the one that got lost."""
    if not any(file.kind == "video" for file in publication.attachments):
        return ""
    return next((str(each).partition(" ")[2] for each in publication.prepared.get("ids", ())), "")


async def _uploaded_post(http: sdk.Http, page_id: str, video_id: str) -> sdk.Receipt | None:
    try:
        return await _post_of(http, page_id, video_id)
    except sdk.Rejected as error:
        if error.reason is not sdk.Reason.GONE:
            raise
        return None  # an upload that was never ended


async def _post_of(http: sdk.Http, page_id: str, video_id: str) -> sdk.Receipt | None:
    """The post that shows a video; None where there is none yet."""
    answer = await http.get(path(video_id), params={"fields": "id,post_id,permalink_url"})
    post_id = read(Video, answer.content, "a video").post_id
    return _receipt(post_id if "_" in post_id else f"{page_id}_{post_id}") if post_id else None


def _receipt(post_id: str, url: str | None = None) -> sdk.Receipt:
    return sdk.Receipt(external_id=post_id, conversation_id=post_id, url=url or f"https://www.facebook.com/{post_id}")
